-- What comparing the services with each other found, and what was done about it.

CREATE TABLE ops_schema.reconciliations (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reconciliations_pk PRIMARY KEY,
    run_id bigint CONSTRAINT reconciliations_run_fk REFERENCES ops_schema.runs (id) ON DELETE SET NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    is_repair boolean NOT NULL,
    grace_s integer NOT NULL CONSTRAINT reconciliations_grace_check CHECK (grace_s >= 0),
    compared bigint NOT NULL DEFAULT 0 CONSTRAINT reconciliations_compared_check CHECK (compared >= 0),
    found bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0,
    CONSTRAINT reconciliations_counts_check CHECK (waiting >= 0 AND found >= waiting AND delivered >= 0),
    CONSTRAINT reconciliations_delivered_check CHECK (is_repair OR delivered = 0),
    CONSTRAINT reconciliations_times_check CHECK (finished_at >= started_at)
);
COMMENT ON TABLE ops_schema.reconciliations IS
    'Comparisons of the services with each other. One without an end was killed. Deleted with their findings after 90 days.';
-- The newest, and those that are to be deleted.
CREATE INDEX reconciliations_started_idx ON ops_schema.reconciliations (started_at DESC);
-- When a run is deleted.
CREATE INDEX reconciliations_run_idx ON ops_schema.reconciliations (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE ops_schema.reconciliation_findings (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reconciliation_findings_pk PRIMARY KEY,
    reconciliation_id bigint NOT NULL CONSTRAINT reconciliation_findings_reconciliation_fk
        REFERENCES ops_schema.reconciliations (id) ON DELETE CASCADE,
    comparison text NOT NULL
        CONSTRAINT reconciliation_findings_comparison_check CHECK (comparison ~ '^[a-z]+(_[a-z]+)*$'),
    kind text NOT NULL CONSTRAINT reconciliation_findings_kind_check CHECK (kind ~ '^[a-z]+(_[a-z]+)*$'),
    subject text NOT NULL CONSTRAINT reconciliation_findings_subject_check CHECK (length(subject) BETWEEN 1 AND 200),
    lacking text NOT NULL,
    since timestamptz NOT NULL,
    remedy text NOT NULL
        CONSTRAINT reconciliation_findings_remedy_check CHECK (remedy IN ('EVENT', 'WAIT', 'LETTER', 'PLAN')),
    explanation text NOT NULL
        CONSTRAINT reconciliation_findings_explanation_check CHECK (length(explanation) BETWEEN 1 AND 2000),
    steps text[] NOT NULL DEFAULT '{}',
    event_id uuid,
    delivered_at timestamptz,
    CONSTRAINT reconciliation_findings_delivered_check
        CHECK (delivered_at IS NULL OR (event_id IS NOT NULL AND remedy = 'EVENT'))
);
COMMENT ON TABLE ops_schema.reconciliation_findings IS
    'What two services say differently, what it probably comes from, and how it is put right.';
COMMENT ON COLUMN ops_schema.reconciliation_findings.subject IS
    'Personal data: a public reference, which may be a person''s public id.';
-- Of one comparison.
CREATE INDEX reconciliation_findings_reconciliation_idx
    ON ops_schema.reconciliation_findings (reconciliation_id);
-- Since when a difference is known.
CREATE INDEX reconciliation_findings_subject_idx
    ON ops_schema.reconciliation_findings (subject, comparison, kind);
