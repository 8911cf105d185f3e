-- What the loop decided and why: trials of challengers, decisions with their numbers, and who retrains at the moment.
CREATE TABLE loop.decisions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    action     text NOT NULL CHECK (action IN ('published', 'challenged', 'promoted', 'rolled_back', 'alarm')),
    champion   text NOT NULL,
    challenger text,
    reason     text NOT NULL,
    automatic  boolean NOT NULL,
    numbers    jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX decisions_at ON loop.decisions (at DESC);
COMMENT ON COLUMN loop.decisions.champion IS 'Checkpoint version, as are challenger and loop.trials';

-- One row a trial: what had been counted for both models when it was first seen, so that the trial counts from there.
CREATE TABLE loop.trials (
    challenger               text NOT NULL,
    champion                 text NOT NULL,
    started_at               timestamptz NOT NULL DEFAULT now(),
    champion_recommendations bigint NOT NULL,
    champion_likes           bigint NOT NULL,
    PRIMARY KEY (challenger, champion)
);

-- The level at promotion, that degradation is measured from; days before it do not count.
CREATE TABLE loop.levels (
    champion        text PRIMARY KEY,
    since           date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    like_rate       double precision NOT NULL CHECK (like_rate BETWEEN 0 AND 1),
    reciprocal_rank double precision NOT NULL CHECK (reciprocal_rank BETWEEN 0 AND 1),
    recommendations bigint NOT NULL,
    likes           bigint NOT NULL
);

-- A retraining belongs to the run that claims it first; the primary key is what two daemons cannot both have.
CREATE TABLE loop.retrainings (
    after_version text NOT NULL,
    attempt       integer NOT NULL CHECK (attempt > 0),
    run_id        text NOT NULL UNIQUE,
    claimed_at    timestamptz NOT NULL DEFAULT now(),
    heartbeat_at  timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    PRIMARY KEY (after_version, attempt)
);

-- Likes by version, answered from the index alone, and the newest of them without the others.
CREATE INDEX IF NOT EXISTS sessions_of_model ON feedback.sessions (model_version COLLATE "C", received_at);
