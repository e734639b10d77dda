-- What operations remember: which commands ran and what came of them, which backups there are, which were restored to
-- see whether they can be. Written by the role ops, which owns this schema.

CREATE TABLE ops_schema.runs (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT runs_pk PRIMARY KEY,
    command text NOT NULL CONSTRAINT runs_command_check CHECK (command ~ '^[a-z]+( [a-z]+)*$'),
    scope text NOT NULL DEFAULT '' CONSTRAINT runs_scope_check CHECK (length(scope) <= 200),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    outcome text CONSTRAINT runs_outcome_check CHECK (outcome IN ('OK', 'WARNING', 'FAILED')),
    result jsonb NOT NULL DEFAULT '{}' CONSTRAINT runs_result_check CHECK (jsonb_typeof(result) = 'object'),
    error text CONSTRAINT runs_error_check CHECK (length(error) <= 2000),
    CONSTRAINT runs_times_check CHECK (finished_at >= started_at),
    CONSTRAINT runs_end_check CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT runs_failure_check CHECK (error IS NULL OR outcome = 'FAILED')
);
COMMENT ON TABLE ops_schema.runs IS
    'Every run of an operations command. One without an end whose lock nobody holds was killed. No personal data.';
-- The newest of a command is asked for by the database page and by checks.
CREATE INDEX runs_command_idx ON ops_schema.runs (command, scope, started_at DESC);

CREATE TABLE ops_schema.backups (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT backups_pk PRIMARY KEY,
    label text NOT NULL CONSTRAINT backups_label_uk UNIQUE
        CONSTRAINT backups_label_check CHECK (label ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'),
    kind text NOT NULL CONSTRAINT backups_kind_check CHECK (kind IN ('SCHEMA', 'SERVICE', 'BASE', 'INCREMENTAL')),
    engine text NOT NULL CONSTRAINT backups_engine_check CHECK (engine IN ('PG_DUMP', 'PG_BASEBACKUP', 'PGBACKREST')),
    services text[] NOT NULL CONSTRAINT backups_services_check CHECK (cardinality(services) > 0),
    location text NOT NULL CONSTRAINT backups_location_check CHECK (length(location) BETWEEN 1 AND 1000),
    parent_id bigint CONSTRAINT backups_parent_fk REFERENCES ops_schema.backups (id) ON DELETE RESTRICT,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    succeeded boolean NOT NULL DEFAULT false,
    error text CONSTRAINT backups_error_check CHECK (length(error) <= 2000),
    size_bytes bigint CONSTRAINT backups_size_check CHECK (size_bytes >= 0),
    server_version text NOT NULL,
    system_identifier text,
    -- By service: the migration's version, the schema's digest, the position in the log and the moment it is consistent at.
    contents jsonb NOT NULL DEFAULT '{}' CONSTRAINT backups_contents_check CHECK (jsonb_typeof(contents) = 'object'),
    encryption text CONSTRAINT backups_encryption_check CHECK (length(encryption) <= 100),
    manifest_sha256 text CONSTRAINT backups_manifest_check CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
    verified_at timestamptz,
    is_intact boolean,
    expires_at timestamptz,
    removed_at timestamptz,
    CONSTRAINT backups_times_check CHECK (finished_at >= started_at),
    CONSTRAINT backups_success_check CHECK (NOT succeeded OR (finished_at IS NOT NULL AND error IS NULL)),
    CONSTRAINT backups_verified_check CHECK ((verified_at IS NULL) = (is_intact IS NULL)),
    CONSTRAINT backups_parent_check CHECK ((kind = 'INCREMENTAL') = (parent_id IS NOT NULL) OR engine = 'PGBACKREST')
);
COMMENT ON TABLE ops_schema.backups IS
    'The catalogue of backups: where each lies, what is in it, whether its files are as they were written.';
-- Lists of backups, and the age of the newest good one.
CREATE INDEX backups_kind_idx ON ops_schema.backups (kind, started_at DESC);
-- A chain is expired as a whole.
CREATE INDEX backups_parent_idx ON ops_schema.backups (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE ops_schema.restore_tests (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT restore_tests_pk PRIMARY KEY,
    backup_id bigint NOT NULL
        CONSTRAINT restore_tests_backup_fk REFERENCES ops_schema.backups (id) ON DELETE RESTRICT,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    succeeded boolean NOT NULL DEFAULT false,
    recovery_point timestamptz,
    recovery_s double precision CONSTRAINT restore_tests_recovery_check CHECK (recovery_s >= 0),
    report jsonb NOT NULL DEFAULT '{}' CONSTRAINT restore_tests_report_check CHECK (jsonb_typeof(report) = 'object'),
    error text CONSTRAINT restore_tests_error_check CHECK (length(error) <= 2000),
    CONSTRAINT restore_tests_times_check CHECK (finished_at >= started_at),
    CONSTRAINT restore_tests_success_check CHECK (NOT succeeded OR (finished_at IS NOT NULL AND error IS NULL))
);
COMMENT ON TABLE ops_schema.restore_tests IS
    'Backups that were restored to a scratch server: what was reached, how long it took, what was found wrong.';
-- Of one backup, and the newest of all.
CREATE INDEX restore_tests_backup_idx ON ops_schema.restore_tests (backup_id);
CREATE INDEX restore_tests_finished_idx ON ops_schema.restore_tests (finished_at DESC);
