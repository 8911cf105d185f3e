-- Feedback by day, week and user, so that five million sessions are read once and never again.
CREATE TABLE quality.feedback_days (
    day           date NOT NULL,
    model_version text NOT NULL,
    arm           text NOT NULL,
    sessions      bigint NOT NULL,
    shown         bigint NOT NULL,
    rank_sum      bigint NOT NULL,
    first_liked   bigint NOT NULL,
    invalid       bigint NOT NULL,
    PRIMARY KEY (day, model_version, arm)
);
CREATE TABLE quality.feedback_user_days (
    day      date NOT NULL,
    user_id  integer NOT NULL,
    sessions integer NOT NULL,
    PRIMARY KEY (day, user_id)
);
CREATE TABLE quality.feedback_day_users (
    day        date PRIMARY KEY,
    users      bigint NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE TABLE quality.feedback_weeks (
    week  date PRIMARY KEY,
    users bigint NOT NULL
);
CREATE TABLE quality.feedback_state (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    watermark   timestamptz NOT NULL DEFAULT '-infinity',
    last_session timestamptz
);
INSERT INTO quality.feedback_state DEFAULT VALUES;

-- Whole days are made anew when any session of theirs arrived since the last time; so it may run at any moment, twice,
-- and after a replay of old sessions. Ten minutes of overlap cover transactions that were open at the last reading.
CREATE FUNCTION quality.refresh_feedback() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    since   timestamptz;
    newest  timestamptz;
    latest  timestamptz;
    touched date[];
BEGIN
    IF to_regclass('feedback.sessions') IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_advisory_xact_lock(7310579);
    IF to_regclass('feedback.sessions_received_at_brin') IS NULL THEN
        CREATE INDEX sessions_received_at_brin ON feedback.sessions USING brin (received_at);
    END IF;
    SELECT watermark INTO since FROM quality.feedback_state;
    SELECT array_agg(DISTINCT (created_at AT TIME ZONE 'UTC')::date), max(received_at), max(created_at)
    INTO touched, newest, latest
    FROM feedback.sessions WHERE received_at > since - interval '10 minutes';
    IF newest IS NULL OR newest = since THEN
        RETURN 0;
    END IF;
    DELETE FROM quality.feedback_days WHERE day = ANY (touched);
    DELETE FROM quality.feedback_user_days WHERE day = ANY (touched);
    DELETE FROM quality.feedback_day_users WHERE day = ANY (touched);
    CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day, user_id, liked, shown, model_version, arm
        FROM feedback.sessions
        WHERE created_at >= (SELECT min(d) FROM unnest(touched) d)::timestamp AT TIME ZONE 'UTC'
          AND created_at < ((SELECT max(d) FROM unnest(touched) d) + 1)::timestamp AT TIME ZONE 'UTC'
          AND (created_at AT TIME ZONE 'UTC')::date = ANY (touched);
    INSERT INTO quality.feedback_days
        SELECT day, model_version, arm, count(*), sum(cardinality(shown)),
               coalesce(sum(array_position(shown, liked)), 0), count(*) FILTER (WHERE shown[1] = liked),
               count(*) FILTER (WHERE array_position(shown, liked) IS NULL
                                   OR cardinality(array_positions(shown, liked)) > 1)
        FROM fresh GROUP BY day, model_version, arm;
    INSERT INTO quality.feedback_user_days SELECT day, user_id, count(*) FROM fresh GROUP BY day, user_id;
    INSERT INTO quality.feedback_day_users
        SELECT day, count(*), clock_timestamp() FROM quality.feedback_user_days WHERE day = ANY (touched) GROUP BY day;
    DROP TABLE fresh;
    DELETE FROM quality.feedback_weeks WHERE week IN (SELECT date_trunc('week', d)::date FROM unnest(touched) d);
    INSERT INTO quality.feedback_weeks
        SELECT w.week, count(DISTINCT u.user_id)
        FROM (SELECT DISTINCT date_trunc('week', d)::date AS week FROM unnest(touched) d) w
        JOIN quality.feedback_user_days u ON u.day >= w.week AND u.day < w.week + 7
        GROUP BY w.week;
    UPDATE quality.feedback_state SET watermark = newest, last_session = greatest(last_session, latest);
    RETURN cardinality(touched);
END $$;
