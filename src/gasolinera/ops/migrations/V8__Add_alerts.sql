-- What people were told is wrong, and when it was right again: one row from the first bad look at a check to the first
-- good one. Two processes that look at the same time share the row, and one of them tells.

CREATE TABLE ops_schema.alerts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alerts_pk PRIMARY KEY,
    fingerprint text NOT NULL CONSTRAINT alerts_fingerprint_check CHECK (fingerprint ~ '^[0-9a-f]{16}$'),
    check_name text NOT NULL CONSTRAINT alerts_name_check CHECK (check_name ~ '^[a-z][a-z0-9_]{0,62}$'),
    state text NOT NULL DEFAULT 'FIRING' CONSTRAINT alerts_state_check CHECK (state IN ('FIRING', 'RESOLVED')),
    severity text NOT NULL CONSTRAINT alerts_severity_check CHECK (severity IN ('WARNING', 'CRITICAL')),
    -- The worst objects of the newest look, and the amount of the worst in its unit.
    objects text[] NOT NULL CONSTRAINT alerts_objects_check CHECK (cardinality(objects) <= 10),
    amount double precision,
    unit text NOT NULL CONSTRAINT alerts_unit_check CHECK (unit ~ '^[a-z_]{1,40}$'),
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamptz,
    seen_count bigint NOT NULL DEFAULT 1 CONSTRAINT alerts_seen_check CHECK (seen_count >= 1),
    -- What the receiver knows: nothing, or the state and severity of the newest notice.
    told_state text CONSTRAINT alerts_told_state_check CHECK (told_state IN ('FIRING', 'RESOLVED')),
    told_severity text CONSTRAINT alerts_told_severity_check CHECK (told_severity IN ('WARNING', 'CRITICAL')),
    told_at timestamptz,
    told_count integer NOT NULL DEFAULT 0 CONSTRAINT alerts_told_count_check CHECK (told_count >= 0),
    -- A process that tells holds the row until then; one that is killed lets go of it by time.
    claimed_by uuid,
    claimed_until timestamptz,
    failures integer NOT NULL DEFAULT 0 CONSTRAINT alerts_failures_check CHECK (failures >= 0),
    next_try_at timestamptz,
    last_error text CONSTRAINT alerts_error_check CHECK (length(last_error) <= 300),
    CONSTRAINT alerts_times_check CHECK (last_seen_at >= first_seen_at AND resolved_at >= first_seen_at),
    CONSTRAINT alerts_end_check CHECK ((state = 'RESOLVED') = (resolved_at IS NOT NULL)),
    CONSTRAINT alerts_told_check CHECK (
        (told_state IS NULL) = (told_at IS NULL) AND (told_state IS NULL) = (told_severity IS NULL)
    ),
    CONSTRAINT alerts_claim_check CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
);
COMMENT ON TABLE ops_schema.alerts IS
    'Checks that were bad, from the first bad look to the first good one, and what was told of it. No personal data.';
-- One at a time is open of each check: what makes two looks at once one alert.
CREATE UNIQUE INDEX alerts_firing_uk ON ops_schema.alerts (fingerprint) WHERE state = 'FIRING';
-- The list of alerts, newest first, and the removal of old ones.
CREATE INDEX alerts_first_seen_idx ON ops_schema.alerts (first_seen_at DESC);

CREATE TABLE ops_schema.alert_silences (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alert_silences_pk PRIMARY KEY,
    pattern text NOT NULL CONSTRAINT alert_silences_pattern_check CHECK (pattern ~ '^[a-z0-9_*]{1,63}$'),
    starts_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at timestamptz NOT NULL,
    reason text NOT NULL CONSTRAINT alert_silences_reason_check CHECK (length(btrim(reason)) BETWEEN 3 AND 300),
    CONSTRAINT alert_silences_times_check CHECK (ends_at >= starts_at AND ends_at <= starts_at + INTERVAL '90 days')
);
COMMENT ON TABLE ops_schema.alert_silences IS
    'Of which checks nobody is told for a while, by name or with * for anything, and why.';
-- Those in force, asked for by each run.
CREATE INDEX alert_silences_ends_idx ON ops_schema.alert_silences (ends_at);
