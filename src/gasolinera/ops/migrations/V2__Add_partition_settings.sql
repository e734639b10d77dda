-- How far ahead partitions are made and for how long they are kept, and what became of those that were taken away.

CREATE TABLE ops_schema.partition_rules (
    service text NOT NULL CONSTRAINT partition_rules_service_check CHECK (service ~ '^([a-z]{1,30}|\*)$'),
    table_pattern text NOT NULL CONSTRAINT partition_rules_pattern_check CHECK (table_pattern ~ '^[a-z0-9_*]{1,63}$'),
    months_ahead integer NOT NULL DEFAULT 3 CONSTRAINT partition_rules_ahead_check CHECK (months_ahead BETWEEN 1 AND 24),
    -- What is there fewer days ahead than this is short, which people are told.
    alert_days integer NOT NULL DEFAULT 45 CONSTRAINT partition_rules_alert_check CHECK (alert_days BETWEEN 1 AND 700),
    action text NOT NULL DEFAULT 'KEEP'
        CONSTRAINT partition_rules_action_check CHECK (action IN ('ARCHIVE', 'DROP', 'KEEP')),
    keep_months integer CONSTRAINT partition_rules_keep_check CHECK (keep_months BETWEEN 1 AND 1200),
    reason text NOT NULL CONSTRAINT partition_rules_reason_check CHECK (reason IN ('LAW', 'PRIVACY', 'SPACE', 'BUSINESS')),
    explanation text NOT NULL CONSTRAINT partition_rules_explanation_check CHECK (length(explanation) BETWEEN 1 AND 500),
    -- Nothing is taken away while somebody asks for it all: a court, an audit. Who, and for what.
    legal_hold text CONSTRAINT partition_rules_hold_check CHECK (length(legal_hold) BETWEEN 1 AND 500),
    CONSTRAINT partition_rules_pk PRIMARY KEY (service, table_pattern),
    CONSTRAINT partition_rules_period_check CHECK ((action = 'KEEP') = (keep_months IS NULL))
);
COMMENT ON TABLE ops_schema.partition_rules IS
    'For partitioned tables: how many months are made ahead, how long a month is kept after its end, and why. Of the '
    'rules that match a table (* stands for any letters), one that names its service goes before one that does not, '
    'and then the one with more letters.';

INSERT INTO ops_schema.partition_rules (service, table_pattern, action, keep_months, reason, explanation) VALUES
    ('*', '*', 'KEEP', NULL, 'BUSINESS', 'Nobody has decided that it may go.'),
    ('*', '*_audit_log', 'ARCHIVE', 60, 'LAW', 'Books and what proves them are kept for five years (Mexico: CFF, article 30).'),
    ('auth', 'auth_audit_log', 'DROP', 12, 'PRIVACY', 'Addresses and devices of people; its comment promises a year.'),
    ('auth', 'webhook_attempts', 'DROP', 2, 'SPACE', 'A log to find faults with; the API promises 30 days.'),
    ('coupon', 'coupon_validation_attempts', 'DROP', 13, 'PRIVACY', 'Devices and places of people; its comment promises 13 months.'),
    ('redemption', 'code_refusals', 'DROP', 4, 'PRIVACY', 'A job of the service deletes its rows after 90 days; the empty months go.'),
    ('redemption', 'fraud_detection_log', 'ARCHIVE', 24, 'BUSINESS', 'Evidence of fraud is asked for within two years.'),
    ('ads', 'ad_engagement_events', 'KEEP', NULL, 'SPACE', 'The job ads.drop_view_events takes months away after 13.');

CREATE TABLE ops_schema.archives (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT archives_pk PRIMARY KEY,
    service text NOT NULL CONSTRAINT archives_service_check CHECK (service ~ '^[a-z]{1,30}$'),
    schema_name text NOT NULL,
    table_name text NOT NULL,
    partition_name text NOT NULL,
    -- Of the table in its database: a later one may have the same name.
    partition_oid bigint NOT NULL,
    lower_bound timestamptz,
    upper_bound timestamptz NOT NULL,
    action text NOT NULL CONSTRAINT archives_action_check CHECK (action IN ('ARCHIVE', 'DROP')),
    reason text NOT NULL CONSTRAINT archives_reason_check CHECK (length(reason) BETWEEN 1 AND 600),
    state text NOT NULL DEFAULT 'PENDING' CONSTRAINT archives_state_check
        CHECK (state IN ('PENDING', 'DETACHED', 'EXPORTED', 'VERIFIED', 'DROPPED', 'FAILED')),
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    detached_at timestamptz,
    exported_at timestamptz,
    verified_at timestamptz,
    dropped_at timestamptz,
    location text CONSTRAINT archives_location_check CHECK (length(location) BETWEEN 1 AND 1000),
    file text CONSTRAINT archives_file_check CHECK (length(file) BETWEEN 1 AND 1000),
    row_count bigint CONSTRAINT archives_rows_check CHECK (row_count >= 0),
    size_bytes bigint CONSTRAINT archives_size_check CHECK (size_bytes >= 0),
    file_sha256 text CONSTRAINT archives_file_digest_check CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    manifest_sha256 text CONSTRAINT archives_manifest_digest_check CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
    error text CONSTRAINT archives_error_check CHECK (length(error) <= 2000),
    CONSTRAINT archives_file_place_check CHECK ((location IS NULL) = (file IS NULL)),
    CONSTRAINT archives_verified_check CHECK (
        action = 'DROP' OR state NOT IN ('VERIFIED', 'DROPPED')
        OR (verified_at IS NOT NULL AND file IS NOT NULL AND file_sha256 IS NOT NULL AND row_count IS NOT NULL))
);
COMMENT ON TABLE ops_schema.archives IS
    'Partitions that were taken away, or are on the way: how far, and where their rows lie. What is killed at any step '
    'is gone on with by the next run. No personal data; the files it names have as much as the tables had.';
-- One at a time takes a partition away; and what the next run goes on with.
CREATE UNIQUE INDEX archives_open_uk ON ops_schema.archives (service, schema_name, partition_name)
    WHERE state NOT IN ('DROPPED', 'FAILED');
-- The list, newest first, of a service and table.
CREATE INDEX archives_table_idx ON ops_schema.archives (service, table_name, upper_bound DESC);
