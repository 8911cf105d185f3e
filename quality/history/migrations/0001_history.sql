-- What every check said and every materialisation made, for years: Dagster's own event log may then be purged.
CREATE TABLE quality.evaluations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    storage_id  bigint UNIQUE,
    at          timestamptz NOT NULL,
    asset       text NOT NULL,
    check_name  text NOT NULL,
    run_id      text NOT NULL,
    partition   text,
    severity    text NOT NULL CHECK (severity IN ('error', 'warn')),
    passed      boolean NOT NULL,
    value       double precision,
    low         double precision,
    high        double precision,
    offending   bigint NOT NULL DEFAULT 0,
    total       bigint NOT NULL DEFAULT 0,
    sample      jsonb
);
COMMENT ON COLUMN quality.evaluations.storage_id IS 'Id of the event in Dagster''s log: reading it twice changes nothing';
CREATE INDEX evaluations_of_check ON quality.evaluations (asset, check_name, at DESC)
    INCLUDE (passed, value, low, high, severity);
CREATE INDEX evaluations_failed ON quality.evaluations (at DESC) WHERE NOT passed;

CREATE TABLE quality.materialisations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    storage_id  bigint UNIQUE,
    at          timestamptz NOT NULL,
    asset       text NOT NULL,
    run_id      text NOT NULL,
    partition   text,
    row_count   bigint,
    bytes       bigint,
    fingerprint text,
    metadata    jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX materialisations_of_asset ON quality.materialisations (asset, at DESC) INCLUDE (row_count, bytes, run_id);

-- Where each check stands now, kept up by the trigger below so that no page reads the whole history.
CREATE TABLE quality.checks (
    asset         text NOT NULL,
    check_name    text NOT NULL,
    rule          text NOT NULL DEFAULT '',
    blocking      boolean NOT NULL DEFAULT false,
    evaluations   bigint NOT NULL DEFAULT 0,
    failures      bigint NOT NULL DEFAULT 0,
    last_id       bigint,
    last_at       timestamptz,
    last_passed   boolean,
    last_pass_at  timestamptz,
    failing_since timestamptz,
    PRIMARY KEY (asset, check_name)
);

CREATE FUNCTION quality.absorb_evaluations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quality.checks AS held
        (asset, check_name, evaluations, failures, last_id, last_at, last_passed, last_pass_at)
    SELECT asset, check_name, count(*), count(*) FILTER (WHERE NOT passed),
           (array_agg(id ORDER BY at DESC, id DESC))[1], max(at),
           (array_agg(passed ORDER BY at DESC, id DESC))[1], max(at) FILTER (WHERE passed)
    FROM added GROUP BY asset, check_name
    ON CONFLICT (asset, check_name) DO UPDATE SET
        evaluations  = held.evaluations + excluded.evaluations,
        failures     = held.failures + excluded.failures,
        last_id      = CASE WHEN held.last_at IS NULL OR excluded.last_at >= held.last_at
                            THEN excluded.last_id ELSE held.last_id END,
        last_passed  = CASE WHEN held.last_at IS NULL OR excluded.last_at >= held.last_at
                            THEN excluded.last_passed ELSE held.last_passed END,
        last_at      = greatest(held.last_at, excluded.last_at),
        last_pass_at = greatest(held.last_pass_at, excluded.last_pass_at);
    UPDATE quality.checks AS held SET failing_since = CASE WHEN held.last_passed THEN NULL ELSE (
        SELECT min(e.at) FROM quality.evaluations e
        WHERE e.asset = held.asset AND e.check_name = held.check_name
          AND e.at > coalesce(held.last_pass_at, '-infinity')) END
    WHERE (held.asset, held.check_name) IN (SELECT asset, check_name FROM added);
    RETURN NULL;
END $$;
CREATE TRIGGER absorb_evaluations AFTER INSERT ON quality.evaluations
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION quality.absorb_evaluations();

CREATE TABLE quality.retrainings (
    version     text PRIMARY KEY,
    at          timestamptz NOT NULL,
    run_id      text NOT NULL,
    metrics     jsonb NOT NULL DEFAULT '{}',
    epochs      jsonb NOT NULL DEFAULT '[]',
    configuration jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE quality.cursors (
    name     text PRIMARY KEY,
    position bigint NOT NULL
);

-- Statistics of one dataset version, computed once: the key is the fingerprint of the content.
CREATE TABLE quality.statistics (
    asset       text NOT NULL,
    fingerprint text NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now(),
    figures     jsonb NOT NULL,
    PRIMARY KEY (asset, fingerprint)
);
