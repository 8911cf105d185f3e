-- Feedback sessions: one row for each time a user liked one of the playlists shown to them.
CREATE TABLE feedback.sessions (
    session_id        uuid PRIMARY KEY,
    created_at        timestamptz NOT NULL,
    received_at       timestamptz NOT NULL,
    user_id           integer NOT NULL CHECK (user_id >= 0),
    user_key          text CHECK (user_key ~ '^[0-9a-f]{40}$'),
    liked             integer NOT NULL CHECK (liked >= 0),
    shown             integer[] NOT NULL CHECK (cardinality(shown) BETWEEN 1 AND 100),
    model_version     text NOT NULL CHECK (length(model_version) BETWEEN 1 AND 64),
    arm               text NOT NULL CHECK (arm IN ('champion', 'challenger')),
    recommendation_id text CHECK (length(recommendation_id) <= 96),
    CONSTRAINT liked_was_shown CHECK (liked = ANY (shown)),
    CONSTRAINT created_before_received CHECK (created_at <= received_at + interval '5 minutes')
);

COMMENT ON COLUMN feedback.sessions.session_id IS 'Idempotency key: sending the same feedback again changes nothing';
COMMENT ON COLUMN feedback.sessions.user_key IS '40-hex id of the user: the index may name somebody else in later data';
COMMENT ON COLUMN feedback.sessions.shown IS 'MPD pids in the order shown, the liked one among them';

CREATE INDEX sessions_created_at ON feedback.sessions (created_at);
CREATE INDEX sessions_user_id ON feedback.sessions (user_id, created_at);

-- One row for each playlist shown: score 1 for the liked one, 0 for the others.
CREATE VIEW feedback.events AS
SELECT created_at, user_id, playlist_id, (playlist_id = liked)::integer AS score
FROM feedback.sessions
CROSS JOIN LATERAL unnest(shown) AS playlist_id;
