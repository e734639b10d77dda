-- What the checks remember: limits that somebody set otherwise than the rules do, counters of the last looks for what
-- can be told only by comparing two, and sizes over time for a forecast.

CREATE TABLE ops_schema.thresholds (
    check_name text NOT NULL CONSTRAINT thresholds_name_check CHECK (check_name ~ '^[a-z][a-z0-9_]{0,59}$'),
    object_pattern text NOT NULL DEFAULT '*'
        CONSTRAINT thresholds_pattern_check CHECK (length(object_pattern) BETWEEN 1 AND 200),
    advice double precision,
    warning double precision,
    critical double precision,
    is_off boolean NOT NULL DEFAULT false,
    reason text NOT NULL CONSTRAINT thresholds_reason_check CHECK (length(reason) BETWEEN 1 AND 500),
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    set_by text NOT NULL DEFAULT session_user CONSTRAINT thresholds_author_check CHECK (length(set_by) <= 100),
    CONSTRAINT thresholds_pk PRIMARY KEY (check_name, object_pattern),
    CONSTRAINT thresholds_limits_check
        CHECK (is_off = (advice IS NULL AND warning IS NULL AND critical IS NULL))
);
COMMENT ON TABLE ops_schema.thresholds IS
    'Limits of health checks in place of the rules'' own, for the objects that a pattern names, each with its reason.';

CREATE TABLE ops_schema.check_samples (
    place text NOT NULL CONSTRAINT check_samples_place_check CHECK (length(place) <= 300),
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    counters jsonb NOT NULL CONSTRAINT check_samples_counters_check CHECK (jsonb_typeof(counters) = 'object'),
    -- The newest of a place, and the one of an hour ago, are looked for by every run of the checks.
    CONSTRAINT check_samples_pk PRIMARY KEY (place, taken_at)
);
COMMENT ON TABLE ops_schema.check_samples IS
    'Counters of a server as a check saw them: what happens in a time is the difference of two. Kept for a day.';

CREATE TABLE ops_schema.check_sizes (
    place text NOT NULL CONSTRAINT check_sizes_place_check CHECK (length(place) <= 300),
    object text NOT NULL CONSTRAINT check_sizes_object_check CHECK (length(object) <= 300),
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    size_bytes bigint NOT NULL CONSTRAINT check_sizes_size_check CHECK (size_bytes >= 0),
    -- The history of a place's objects is read by every run that forecasts.
    CONSTRAINT check_sizes_pk PRIMARY KEY (place, object, taken_at)
);
COMMENT ON TABLE ops_schema.check_sizes IS
    'Sizes of databases, disks and their largest tables, once an hour at most, for forecasts. Kept for 90 days.';
-- What is older than its time is removed by every run that adds.
CREATE INDEX check_sizes_age_idx ON ops_schema.check_sizes (taken_at);
