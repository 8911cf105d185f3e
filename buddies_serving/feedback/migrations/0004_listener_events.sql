-- What listeners do with songs and playlists, one row a deed; and feedback of listeners who have no number yet.
CREATE TABLE feedback.listener_events (
    event_id    uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    user_id     integer NOT NULL,
    user_key    text NOT NULL CHECK (user_key ~ '^[0-9a-f]{40}$'),
    kind        text NOT NULL CHECK (kind IN ('play', 'skip', 'save', 'like')),
    song_id     text CHECK (length(song_id) BETWEEN 1 AND 256),
    song_key    text CHECK (length(song_key) BETWEEN 1 AND 4000),
    playlist    integer CHECK (playlist >= 0),
    seconds     double precision CHECK (seconds BETWEEN 0 AND 86400),
    share       double precision CHECK (share BETWEEN 0 AND 1),
    CONSTRAINT song_or_playlist CHECK ((playlist IS NULL) = (song_id IS NOT NULL OR song_key IS NOT NULL)),
    CONSTRAINT event_before_received CHECK (created_at <= received_at + interval '5 minutes')
);

COMMENT ON COLUMN feedback.listener_events.event_id IS 'Idempotency key: sending the same event again changes nothing';
COMMENT ON COLUMN feedback.listener_events.user_id IS 'Number; below 0 a stand-in for a listener who has none yet';
COMMENT ON COLUMN feedback.listener_events.song_key IS 'Canonical key of the song: its title and artist';

CREATE INDEX listener_events_created_at ON feedback.listener_events (created_at);
CREATE INDEX listener_events_received_at ON feedback.listener_events (received_at);
CREATE INDEX listener_events_user_key ON feedback.listener_events (user_key);
CREATE INDEX IF NOT EXISTS sessions_received_at_brin ON feedback.sessions USING brin (received_at);

ALTER TABLE feedback.sessions DROP CONSTRAINT sessions_user_id_check;
ALTER TABLE feedback.sessions ADD CONSTRAINT sessions_user_id_check CHECK (user_id >= 0 OR user_key IS NOT NULL) NOT VALID;
