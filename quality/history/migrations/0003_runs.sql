-- What runs meant to do and how they ended: a check that crashed, or an asset that a run never reached, leaves no other trace.
CREATE TABLE quality.runs (
    run_id     text PRIMARY KEY,
    job        text NOT NULL,
    status     text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    changed_at timestamptz NOT NULL,
    error      text,
    steps      jsonb NOT NULL DEFAULT '{}',
    assets     text[] NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN quality.runs.steps IS 'Error of each step that failed, by step key';
COMMENT ON COLUMN quality.runs.assets IS 'Assets that the run was to make or to check; none for a job of plain ops';
CREATE INDEX runs_by_time ON quality.runs (created_at DESC);
CREATE INDEX runs_in_flight ON quality.runs (run_id) WHERE ended_at IS NULL;
CREATE INDEX runs_of_job ON quality.runs (job, created_at DESC);

-- The newest plan for each asset (check_name '') and each check, by partition ('' where there is none).
CREATE TABLE quality.plans (
    asset      text NOT NULL,
    check_name text NOT NULL,
    partition  text NOT NULL,
    run_id     text NOT NULL,
    step_key   text NOT NULL,
    at         timestamptz NOT NULL,
    storage_id bigint NOT NULL,
    PRIMARY KEY (asset, check_name, partition)
);
CREATE INDEX evaluations_of_run ON quality.evaluations (run_id, asset, check_name);
CREATE INDEX materialisations_of_run ON quality.materialisations (run_id, asset);
