-- Events out and in: the transactional outbox, written in the transaction of the fact it tells; the inbox, which gives
-- each event its effect once; and the events that were given up.

CREATE TABLE raffle_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL DEFAULT gen_random_uuid(),
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    correlation_id text DEFAULT raffle_schema.request_context('correlation_id'),
    causation_id uuid,
    trace_parent text DEFAULT raffle_schema.request_context('trace_parent'),
    -- When it is written and not when its transaction began: of two changes of one row the later one is the later event.
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
CREATE INDEX outbox_events_unpublished_id_idx ON raffle_schema.outbox_events (id) WHERE published_at IS NULL;
-- The relay: is an older event of this aggregate still waiting? Then this one waits too.
CREATE INDEX outbox_events_unpublished_aggregate_idx
    ON raffle_schema.outbox_events (aggregate_type, aggregate_key, id) WHERE published_at IS NULL;
-- Retention: what was published long ago.
CREATE INDEX outbox_events_published_at_idx ON raffle_schema.outbox_events (published_at)
    WHERE published_at IS NOT NULL;

COMMENT ON TABLE raffle_schema.outbox_events IS
    'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the '
    'event id must be unique.';
COMMENT ON COLUMN raffle_schema.outbox_events.id IS
    'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are '
    'in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS '
    'NULL and never for id > n.';
COMMENT ON COLUMN raffle_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
COMMENT ON COLUMN raffle_schema.outbox_events.event_type IS 'CloudEvents type, as raffle.closed.';
COMMENT ON COLUMN raffle_schema.outbox_events.aggregate_key IS
    'CloudEvents subject: the public reference of what the event is about.';
COMMENT ON COLUMN raffle_schema.outbox_events.payload IS
    'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
COMMENT ON COLUMN raffle_schema.outbox_events.occurred_at IS 'CloudEvents time.';

-- What others' events did here -------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.inbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    first_failed_at timestamptz,
    last_error text,
    settled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_events_pk PRIMARY KEY (event_id, consumer),
    CONSTRAINT inbox_events_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'),
    CONSTRAINT inbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$' AND length(event_type) <= 100),
    CONSTRAINT inbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'),
    CONSTRAINT inbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) BETWEEN 1 AND 128),
    CONSTRAINT inbox_events_event_check CHECK (jsonb_typeof(event) = 'object'),
    CONSTRAINT inbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT inbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT inbox_events_last_error_check CHECK (length(last_error) <= 4000)
);
-- The consumers: unsettled events in order.
CREATE INDEX inbox_events_unsettled_id_idx ON raffle_schema.inbox_events (id) WHERE settled_at IS NULL;
-- The consumers: is an older event of this aggregate still unsettled? Then this one waits too.
CREATE INDEX inbox_events_unsettled_aggregate_idx
    ON raffle_schema.inbox_events (aggregate_type, aggregate_key, consumer, id) WHERE settled_at IS NULL;
-- Retention: what was settled long ago.
CREATE INDEX inbox_events_settled_at_idx ON raffle_schema.inbox_events (settled_at) WHERE settled_at IS NOT NULL;

COMMENT ON TABLE raffle_schema.inbox_events IS
    'Events that came in, one row a consumer. Not partitioned: the key makes each event come in once, and settled rows '
    'are deleted after their retention, which is longer than any transport repeats an event.';
COMMENT ON COLUMN raffle_schema.inbox_events.id IS
    'The order of arrival, which is the order of delivery within one aggregate.';
COMMENT ON COLUMN raffle_schema.inbox_events.consumer IS 'The consumer of this service that the event is for.';
COMMENT ON COLUMN raffle_schema.inbox_events.event IS
    'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
COMMENT ON COLUMN raffle_schema.inbox_events.settled_at IS
    'Set in the transaction of the effect, or when the event was given up: then dead_letters holds it.';

CREATE TABLE raffle_schema.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer NOT NULL,
    last_error text NOT NULL,
    first_failed_at timestamptz NOT NULL,
    last_failed_at timestamptz NOT NULL,
    replayed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dead_letters_pk PRIMARY KEY (id),
    CONSTRAINT dead_letters_event_id_consumer_key UNIQUE (event_id, consumer),
    CONSTRAINT dead_letters_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'),
    CONSTRAINT dead_letters_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$' AND length(event_type) <= 100),
    CONSTRAINT dead_letters_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'),
    CONSTRAINT dead_letters_aggregate_key_check CHECK (length(btrim(aggregate_key)) BETWEEN 1 AND 128),
    CONSTRAINT dead_letters_event_check CHECK (jsonb_typeof(event) = 'object'),
    CONSTRAINT dead_letters_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 1),
    CONSTRAINT dead_letters_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT dead_letters_failed_at_check CHECK (first_failed_at <= last_failed_at)
);
-- The command `events dead-letters list`: what waits for somebody, oldest first.
CREATE INDEX dead_letters_open_id_idx ON raffle_schema.dead_letters (id) WHERE replayed_at IS NULL;
-- Retention: what was replayed long ago.
CREATE INDEX dead_letters_replayed_at_idx ON raffle_schema.dead_letters (replayed_at) WHERE replayed_at IS NOT NULL;
CREATE TRIGGER dead_letters_set_updated_at BEFORE UPDATE ON raffle_schema.dead_letters
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

COMMENT ON TABLE raffle_schema.dead_letters IS
    'Events that a consumer of this service failed at too often, with the reason, until somebody replays them.';
COMMENT ON COLUMN raffle_schema.dead_letters.event IS
    'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
COMMENT ON COLUMN raffle_schema.dead_letters.replayed_at IS
    'Set in the transaction of the effect, so that a replay has it once.';

GRANT SELECT, DELETE,
      INSERT (event_id, event_type, aggregate_type, aggregate_key, payload, schema_version, correlation_id,
              causation_id, trace_parent),
      UPDATE (published_at, attempts, next_attempt_at, last_error)
      ON raffle_schema.outbox_events TO raffle_app;
GRANT SELECT, DELETE,
      INSERT (event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id),
      UPDATE (attempts, next_attempt_at, first_failed_at, last_error, settled_at)
      ON raffle_schema.inbox_events TO raffle_app;
GRANT SELECT, DELETE,
      INSERT (event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id, attempts,
              last_error, first_failed_at, last_failed_at),
      UPDATE (attempts, last_error, last_failed_at, replayed_at)
      ON raffle_schema.dead_letters TO raffle_app;
-- Whoever reads for reports sees how events flow, not what they carry.
GRANT SELECT (id, event_id, event_type, aggregate_type, aggregate_key, schema_version, correlation_id, causation_id,
              trace_parent, occurred_at, published_at, attempts, next_attempt_at, last_error, created_at)
      ON raffle_schema.outbox_events TO raffle_ro;
GRANT SELECT (id, event_id, consumer, event_type, aggregate_type, aggregate_key, correlation_id, attempts,
              next_attempt_at, first_failed_at, last_error, settled_at, created_at)
      ON raffle_schema.inbox_events TO raffle_ro;
GRANT SELECT (id, event_id, consumer, event_type, aggregate_type, aggregate_key, correlation_id, attempts, last_error,
              first_failed_at, last_failed_at, replayed_at, created_at, updated_at)
      ON raffle_schema.dead_letters TO raffle_ro;
