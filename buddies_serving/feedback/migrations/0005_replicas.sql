-- What replicas of the service tell each other; nothing here outlives them, so none of it is in the write-ahead log.
ALTER TABLE feedback.sessions ADD COLUMN IF NOT EXISTS stored_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE feedback.listener_events ADD COLUMN IF NOT EXISTS stored_at timestamptz NOT NULL DEFAULT now();

COMMENT ON COLUMN feedback.sessions.stored_at IS 'When the database got it: later than received, where a spool kept it';

CREATE INDEX IF NOT EXISTS sessions_stored_at ON feedback.sessions (stored_at);
CREATE INDEX listener_events_stored_at ON feedback.listener_events (stored_at);

CREATE UNLOGGED TABLE feedback.replicas (
    replica text PRIMARY KEY CHECK (length(replica) <= 64),
    signer  text NOT NULL CHECK (length(signer) <= 64),
    seen_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN feedback.replicas.signer IS 'Digest of the key that signs recommendation ids: all replicas share one';

-- Requests that each API key has cost at each replica since that began, for limits that hold over all of them.
CREATE UNLOGGED TABLE feedback.requests_spent (
    replica text NOT NULL REFERENCES feedback.replicas ON DELETE CASCADE,
    key     text NOT NULL,
    tokens  double precision NOT NULL CHECK (tokens >= 0),
    PRIMARY KEY (replica, key)
);
