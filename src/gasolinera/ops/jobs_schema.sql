-- Beside the job library's own tables: which of its scripts were applied, and what became of each run.
CREATE TABLE IF NOT EXISTS ops_schema.job_library_scripts (
    script text CONSTRAINT job_library_scripts_pk PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops_schema.job_library_scripts IS 'Migration scripts of the job library that this schema has.';

CREATE TABLE IF NOT EXISTS ops_schema.job_runs (
    job_id bigint CONSTRAINT job_runs_pk PRIMARY KEY
        CONSTRAINT job_runs_job_fk REFERENCES ops_schema.procrastinate_jobs (id) ON DELETE CASCADE,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    progress text CONSTRAINT job_runs_progress_check CHECK (length(progress) <= 500),
    result text CONSTRAINT job_runs_result_check CHECK (length(result) <= 2000),
    error text CONSTRAINT job_runs_error_check CHECK (length(error) <= 500),
    CONSTRAINT job_runs_times_check CHECK (finished_at >= started_at),
    CONSTRAINT job_runs_outcome_check CHECK (result IS NULL OR error IS NULL)
);
COMMENT ON TABLE ops_schema.job_runs IS 'The newest run of each job: how far it is, or what it did. No personal data.';
