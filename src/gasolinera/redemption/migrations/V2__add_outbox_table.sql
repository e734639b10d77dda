-- The transactional outbox: events are written in the transaction of the fact they tell, and a relay delivers them at
-- least once. Consumers tell repetitions apart by the event id.

CREATE TABLE redemption_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL DEFAULT gen_random_uuid(),
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    causation_id uuid,
    trace_parent text DEFAULT redemption_schema.request_context('trace_parent'),
    occurred_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_events_pk PRIMARY KEY (id),
    CONSTRAINT outbox_events_event_id_key UNIQUE (event_id),
    CONSTRAINT outbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$' AND length(event_type) <= 100),
    CONSTRAINT outbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'),
    CONSTRAINT outbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) BETWEEN 1 AND 128),
    CONSTRAINT outbox_events_payload_check CHECK (jsonb_typeof(payload) = 'object'),
    CONSTRAINT outbox_events_schema_version_check CHECK (schema_version >= 1),
    CONSTRAINT outbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    -- W3C trace context: version, trace id, parent id, flags.
    CONSTRAINT outbox_events_trace_parent_check
        CHECK (trace_parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
    CONSTRAINT outbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT outbox_events_last_error_check CHECK (length(last_error) <= 4000)
);
-- The relay: unpublished events in order.
CREATE INDEX outbox_events_unpublished_id_idx ON redemption_schema.outbox_events (id) WHERE published_at IS NULL;
-- The relay: is an older event of this aggregate still waiting? Then this one waits too.
CREATE INDEX outbox_events_unpublished_aggregate_idx
    ON redemption_schema.outbox_events (aggregate_type, aggregate_key, id) WHERE published_at IS NULL;
-- Retention: what was published long ago.
CREATE INDEX outbox_events_published_at_idx ON redemption_schema.outbox_events (published_at)
    WHERE published_at IS NOT NULL;

COMMENT ON TABLE redemption_schema.outbox_events IS
    'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the '
    'event id '
    'must be unique.';
COMMENT ON COLUMN redemption_schema.outbox_events.id IS
    'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are '
    'in the order '
    'of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and '
    'never for id > n.';
COMMENT ON COLUMN redemption_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
COMMENT ON COLUMN redemption_schema.outbox_events.event_type IS 'CloudEvents type, as redemption.completed.';
COMMENT ON COLUMN redemption_schema.outbox_events.aggregate_key IS
    'CloudEvents subject: the public reference of what the event is about.';
COMMENT ON COLUMN redemption_schema.outbox_events.payload IS
    'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
COMMENT ON COLUMN redemption_schema.outbox_events.occurred_at IS 'CloudEvents time.';

GRANT SELECT, DELETE,
      INSERT (event_id, event_type, aggregate_type, aggregate_key, payload, schema_version, correlation_id,
              causation_id, trace_parent),
      UPDATE (published_at, attempts, next_attempt_at, last_error)
      ON redemption_schema.outbox_events TO redemption_app;
GRANT SELECT ON redemption_schema.outbox_events TO redemption_ro;
