-- How far a deployment without downtime has come, so that one that was interrupted goes on where it was.

CREATE TABLE ops_schema.deployments (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT deployments_pk PRIMARY KEY,
    release text NOT NULL CONSTRAINT deployments_release_check CHECK (release ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,29}$'),
    url text NOT NULL CONSTRAINT deployments_url_check CHECK (url ~ '^https?://' AND length(url) <= 500),
    next_step text CONSTRAINT deployments_step_check CHECK (next_step IN ('EXPAND', 'SWITCH', 'VERIFY', 'CONTRACT')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    outcome text CONSTRAINT deployments_outcome_check CHECK (outcome IN ('DONE', 'ABORTED')),
    -- By service: the version before the deployment began, null where there was none.
    versions_before jsonb NOT NULL
        CONSTRAINT deployments_versions_check CHECK (jsonb_typeof(versions_before) = 'object'),
    CONSTRAINT deployments_end_check CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT deployments_next_check CHECK ((next_step IS NULL) = (finished_at IS NOT NULL)),
    CONSTRAINT deployments_times_check CHECK (finished_at >= started_at)
);
COMMENT ON TABLE ops_schema.deployments IS
    'Guided deployments: which release, which step comes next, what the schemas were before.';
-- One at a time.
CREATE UNIQUE INDEX deployments_open_uk ON ops_schema.deployments ((true)) WHERE finished_at IS NULL;

CREATE TABLE ops_schema.deployment_steps (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT deployment_steps_pk PRIMARY KEY,
    deployment_id bigint NOT NULL
        CONSTRAINT deployment_steps_deployment_fk REFERENCES ops_schema.deployments (id) ON DELETE CASCADE,
    step text NOT NULL
        CONSTRAINT deployment_steps_step_check CHECK (step IN ('EXPAND', 'SWITCH', 'VERIFY', 'CONTRACT', 'ABORT')),
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    succeeded boolean,
    detail jsonb NOT NULL DEFAULT '{}' CONSTRAINT deployment_steps_detail_check CHECK (jsonb_typeof(detail) = 'object'),
    CONSTRAINT deployment_steps_end_check CHECK ((ended_at IS NULL) = (succeeded IS NULL)),
    CONSTRAINT deployment_steps_times_check CHECK (ended_at >= began_at)
);
COMMENT ON TABLE ops_schema.deployment_steps IS
    'Every try of a step: what it did, or why it was refused. One without an end was interrupted.';
-- The tries of one deployment, in their order.
CREATE INDEX deployment_steps_deployment_idx ON ops_schema.deployment_steps (deployment_id, id);
