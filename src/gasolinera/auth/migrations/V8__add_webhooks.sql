-- Webhooks: where partners want to be told of events, what is still to be told, and a log of every try.

CREATE TABLE auth_schema.webhook_endpoints (
    id bigint GENERATED ALWAYS AS IDENTITY,
    endpoint_id uuid NOT NULL,
    partner_id bigint NOT NULL,
    url text NOT NULL,
    description text,
    event_types text[] NOT NULL,
    station_code text,
    secret bytea NOT NULL,
    secret_key_id smallint NOT NULL,
    previous_secret bytea,
    previous_secret_key_id smallint,
    previous_expires_at timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    disabled_reason text,
    failing_since timestamptz,
    last_success_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_endpoints_pk PRIMARY KEY (id),
    CONSTRAINT webhook_endpoints_endpoint_id_key UNIQUE (endpoint_id),
    CONSTRAINT webhook_endpoints_partner_id_fk FOREIGN KEY (partner_id)
        REFERENCES auth_schema.partners (id) ON DELETE RESTRICT,
    CONSTRAINT webhook_endpoints_url_check CHECK (length(url) <= 500 AND url ~ '^https?://[^[:space:]@#]+$'),
    CONSTRAINT webhook_endpoints_description_check CHECK (
        length(description) BETWEEN 1 AND 200 AND auth_schema.has_visible_character(description)),
    CONSTRAINT webhook_endpoints_event_types_check CHECK (
        cardinality(event_types) BETWEEN 1 AND 20 AND array_position(event_types, NULL) IS NULL
        AND array_to_string(event_types, ' ') ~ '^[a-z_.]{1,60}( [a-z_.]{1,60})*$'),
    CONSTRAINT webhook_endpoints_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    -- Nonce and tag around 32 bytes.
    CONSTRAINT webhook_endpoints_secret_check CHECK (octet_length(secret) = 60),
    CONSTRAINT webhook_endpoints_previous_check CHECK (
        num_nulls(previous_secret, previous_secret_key_id, previous_expires_at) IN (0, 3)
        AND octet_length(previous_secret) = 60),
    CONSTRAINT webhook_endpoints_disabled_reason_check CHECK (
        (is_active = (disabled_reason IS NULL)) AND disabled_reason IN ('ADMINISTRATOR', 'FAILING', 'GONE'))
);
COMMENT ON TABLE auth_schema.webhook_endpoints IS
    'Where a partner wants to be told of which events. The secret is shown once. After a rotation both secrets sign '
    'until the old one expires. Disabled by itself after five days without a success.';
COMMENT ON COLUMN auth_schema.webhook_endpoints.secret IS 'Encrypted with a key that the database does not hold.';
COMMENT ON COLUMN auth_schema.webhook_endpoints.secret_key_id IS 'Which key encrypted it, for its rotation.';
COMMENT ON COLUMN auth_schema.webhook_endpoints.station_code IS 'Only events of this station; NULL: of all.';
COMMENT ON COLUMN auth_schema.webhook_endpoints.failing_since IS 'The first failure since the last success.';
-- A partner's endpoints; the foreign key's own look-up.
CREATE INDEX webhook_endpoints_partner_id_idx ON auth_schema.webhook_endpoints (partner_id, id);
CREATE TRIGGER webhook_endpoints_set_updated_at BEFORE UPDATE ON auth_schema.webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.webhook_deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY,
    delivery_id uuid NOT NULL DEFAULT gen_random_uuid(),
    endpoint_id bigint NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    body text NOT NULL,
    status text NOT NULL DEFAULT 'PENDING',
    attempts integer NOT NULL DEFAULT 0,
    tries_left smallint NOT NULL DEFAULT 12,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_deliveries_pk PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_delivery_id_key UNIQUE (delivery_id),
    -- Once, however often the event comes in.
    CONSTRAINT webhook_deliveries_endpoint_id_event_id_key UNIQUE (endpoint_id, event_id),
    CONSTRAINT webhook_deliveries_endpoint_id_fk FOREIGN KEY (endpoint_id)
        REFERENCES auth_schema.webhook_endpoints (id) ON DELETE RESTRICT,
    CONSTRAINT webhook_deliveries_event_type_check CHECK (event_type ~ '^[a-z_.]{1,60}$'),
    CONSTRAINT webhook_deliveries_body_check CHECK (length(body) BETWEEN 2 AND 100000),
    CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('PENDING', 'DELIVERED', 'DEAD')),
    CONSTRAINT webhook_deliveries_attempts_check CHECK (attempts >= 0),
    CONSTRAINT webhook_deliveries_tries_left_check CHECK (tries_left BETWEEN 0 AND 12),
    CONSTRAINT webhook_deliveries_delivered_at_check CHECK ((status = 'DELIVERED') = (delivered_at IS NOT NULL))
);
COMMENT ON TABLE auth_schema.webhook_deliveries IS
    'One row an event and endpoint: what is to be delivered, byte for byte, and how that went. Tried twelve times in '
    'about a day; whoever claims a row sets next_attempt_at to the end of the claim. Deleted after 30 days.';
-- What is due at an endpoint, for senders.
CREATE INDEX webhook_deliveries_next_attempt_at_idx ON auth_schema.webhook_deliveries (endpoint_id, next_attempt_at)
    WHERE status = 'PENDING';
-- The log of an endpoint, newest first.
CREATE INDEX webhook_deliveries_endpoint_id_id_idx ON auth_schema.webhook_deliveries (endpoint_id, id DESC);
-- Clean-up.
CREATE INDEX webhook_deliveries_created_at_idx ON auth_schema.webhook_deliveries (created_at);
CREATE TRIGGER webhook_deliveries_set_updated_at BEFORE UPDATE ON auth_schema.webhook_deliveries
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.webhook_attempts (
    id bigint GENERATED ALWAYS AS IDENTITY,
    delivery_id uuid NOT NULL,
    attempt integer NOT NULL,
    status_code smallint,
    duration_ms integer NOT NULL,
    response text,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_attempts_pk PRIMARY KEY (id, created_at),
    CONSTRAINT webhook_attempts_attempt_check CHECK (attempt >= 1),
    CONSTRAINT webhook_attempts_status_code_check CHECK (status_code BETWEEN 100 AND 999),
    CONSTRAINT webhook_attempts_duration_ms_check CHECK (duration_ms >= 0),
    CONSTRAINT webhook_attempts_response_check CHECK (length(response) <= 1000),
    CONSTRAINT webhook_attempts_error_check CHECK (length(error) BETWEEN 1 AND 200),
    CONSTRAINT webhook_attempts_outcome_check CHECK (num_nonnulls(status_code, error) >= 1)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth_schema.webhook_attempts IS
    'The log of every try to deliver a webhook; append-only. What answered is cut after a thousand characters.';
COMMENT ON COLUMN auth_schema.webhook_attempts.delivery_id IS 'webhook_deliveries.delivery_id.';
-- The tries of a delivery.
CREATE INDEX webhook_attempts_delivery_id_idx ON auth_schema.webhook_attempts (delivery_id, created_at);
CREATE TRIGGER webhook_attempts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth_schema.webhook_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();
SELECT auth_schema.ensure_all_month_partitions();

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT SELECT,
      INSERT (endpoint_id, partner_id, url, description, event_types, station_code, secret, secret_key_id),
      UPDATE (url, description, event_types, secret, secret_key_id, previous_secret, previous_secret_key_id,
              previous_expires_at, is_active, disabled_reason, failing_since, last_success_at)
      ON auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT, DELETE, INSERT (endpoint_id, event_id, event_type, body),
      UPDATE (status, attempts, tries_left, next_attempt_at, delivered_at) ON auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT, INSERT (delivery_id, attempt, status_code, duration_ms, response, error)
      ON auth_schema.webhook_attempts TO auth_app;

GRANT SELECT (id, endpoint_id, partner_id, url, description, event_types, station_code, is_active, disabled_reason,
              failing_since, last_success_at, created_at, updated_at) ON auth_schema.webhook_endpoints TO auth_ro;
GRANT SELECT (id, delivery_id, endpoint_id, event_id, event_type, status, attempts, tries_left, next_attempt_at,
              delivered_at, created_at, updated_at) ON auth_schema.webhook_deliveries TO auth_ro;
GRANT SELECT (id, delivery_id, attempt, status_code, duration_ms, error, created_at)
      ON auth_schema.webhook_attempts TO auth_ro;
