-- What the first list of a listener's day was: by it those who come back are told from those who do not.
CREATE TABLE quality.feedback_versions (
    number        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_version text NOT NULL UNIQUE
);
ALTER TABLE quality.feedback_user_days
    ADD COLUMN version  integer,
    ADD COLUMN liked_at smallint,
    ADD COLUMN crowd    smallint;
COMMENT ON COLUMN quality.feedback_user_days.version IS 'Of the first list of the day; 0: it is gone, NULL: not looked at yet';
COMMENT ON COLUMN quality.feedback_user_days.liked_at IS 'Place of the playlist that was liked in it, 1 the first';
COMMENT ON COLUMN quality.feedback_user_days.crowd IS
    'Per mille of the day''s lists that hold a playlist of it, in the mean of its playlists';
CREATE INDEX feedback_user_days_new ON quality.feedback_user_days (day) WHERE version IS NULL;

-- Days whose rows were made anew, the newest first, as many as asked for at most; returns how many days there were.
CREATE FUNCTION quality.describe_first_lists(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    days date[];
BEGIN
    PERFORM pg_advisory_xact_lock(7310579);
    SELECT array_agg(day) INTO days FROM (
        SELECT DISTINCT day FROM quality.feedback_user_days WHERE version IS NULL ORDER BY day DESC LIMIT most) new;
    IF days IS NULL OR to_regclass('feedback.sessions') IS NULL THEN
        RETURN 0;
    END IF;
    CREATE TEMPORARY TABLE of_days ON COMMIT DROP AS
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day, created_at, session_id, user_id, liked, shown, model_version
        FROM feedback.sessions
        WHERE created_at >= (SELECT min(d) FROM unnest(days) d)::timestamp AT TIME ZONE 'UTC'
          AND created_at < ((SELECT max(d) FROM unnest(days) d) + 1)::timestamp AT TIME ZONE 'UTC'
          AND (created_at AT TIME ZONE 'UTC')::date = ANY (days);
    INSERT INTO quality.feedback_versions (model_version)
        SELECT DISTINCT model_version FROM of_days ORDER BY 1 ON CONFLICT DO NOTHING;
    WITH lists AS (SELECT day, count(*) AS lists FROM of_days GROUP BY day),
         held AS (SELECT s.day, p.playlist, count(*)::real / max(l.lists) AS share
                  FROM of_days s JOIN lists l USING (day) CROSS JOIN LATERAL unnest(s.shown) AS p(playlist)
                  GROUP BY s.day, p.playlist),
         firsts AS (SELECT DISTINCT ON (day, user_id) day, user_id, session_id, liked, shown, model_version
                    FROM of_days ORDER BY day, user_id, created_at, session_id),
         crowds AS (SELECT f.session_id, avg(h.share) AS share
                    FROM firsts f CROSS JOIN LATERAL unnest(f.shown) AS p(playlist)
                    JOIN held h ON h.day = f.day AND h.playlist = p.playlist GROUP BY f.session_id)
    UPDATE quality.feedback_user_days u
    SET version = v.number, liked_at = coalesce(array_position(f.shown, f.liked), 0),
        crowd = round(1000 * least(c.share, 1))
    FROM firsts f JOIN crowds c USING (session_id) JOIN quality.feedback_versions v USING (model_version)
    WHERE u.day = f.day AND u.user_id = f.user_id;
    UPDATE quality.feedback_user_days SET version = 0 WHERE day = ANY (days) AND version IS NULL;
    UPDATE quality.feedback_day_users SET changed_at = clock_timestamp() WHERE day = ANY (days);
    DROP TABLE of_days;
    RETURN cardinality(days);
END $$;
