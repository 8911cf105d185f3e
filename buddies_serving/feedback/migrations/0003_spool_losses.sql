-- Feedback that a person must look at: what a spool lost or the schema refused, for the dashboard to say.
CREATE TABLE feedback.spool_losses (
    spool   text PRIMARY KEY,
    damaged bigint NOT NULL CHECK (damaged >= 0),
    missing bigint NOT NULL CHECK (missing >= 0),
    refused bigint NOT NULL CHECK (refused >= 0),
    seen_at timestamptz NOT NULL DEFAULT now()
);
