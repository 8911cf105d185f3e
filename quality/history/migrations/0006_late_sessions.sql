-- A service that lost its database keeps sessions in a spool and stores them hours or days later, with the time at which
-- they were received. By that time they were never looked at; when a row was stored says what is new.
CREATE FUNCTION quality.note_storing() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'feedback.sessions'::regclass AND attname = 'stored_at'
                                          AND NOT attisdropped) THEN
        RETURN;
    END IF;
    -- One value for the rows that are there, without writing them anew; each of them is then looked at once more.
    ALTER TABLE feedback.sessions ADD COLUMN stored_at timestamptz NOT NULL DEFAULT now();
    CREATE INDEX sessions_stored_at_brin ON feedback.sessions USING brin (stored_at) WITH (pages_per_range = 8);
END $$;

CREATE OR REPLACE FUNCTION quality.refresh_feedback() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    since    timestamptz;
    newest   timestamptz;
    latest   timestamptz;
    stored   bigint;
    touched  date[];
    received date[];
BEGIN
    IF to_regclass('feedback.sessions') IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_advisory_xact_lock(7310579);
    PERFORM quality.note_storing();
    SELECT watermark INTO since FROM quality.feedback_state;
    -- Ten minutes of overlap cover transactions that were open at the last reading.
    SELECT array_agg(DISTINCT (created_at AT TIME ZONE 'UTC')::date),
           array_agg(DISTINCT (received_at AT TIME ZONE 'UTC')::date), max(stored_at), max(created_at), count(*)
    INTO touched, received, newest, latest, stored
    FROM feedback.sessions WHERE stored_at > since - interval '10 minutes';
    IF newest IS NULL OR (newest = since AND stored = (SELECT stored_since_watermark FROM quality.feedback_state)) THEN
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
    DELETE FROM quality.feedback_received WHERE day = ANY (received);
    INSERT INTO quality.feedback_received
        SELECT (received_at AT TIME ZONE 'UTC')::date, model_version, arm, count(*),
               coalesce(sum(array_position(shown, liked)), 0)
        FROM feedback.sessions WHERE (received_at AT TIME ZONE 'UTC')::date = ANY (received)
          AND received_at >= (SELECT min(d) FROM unnest(received) d)::timestamp AT TIME ZONE 'UTC'
          AND received_at < ((SELECT max(d) FROM unnest(received) d) + 1)::timestamp AT TIME ZONE 'UTC'
        GROUP BY 1, 2, 3;
    UPDATE quality.feedback_state SET watermark = newest, last_session = greatest(last_session, latest),
        stored_since_watermark = (SELECT count(*) FROM feedback.sessions WHERE stored_at > newest - interval '10 minutes');
    RETURN cardinality(touched);
END $$;

ALTER TABLE quality.feedback_state ADD COLUMN stored_since_watermark bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN quality.feedback_state.watermark IS 'When the newest session that was looked at was stored';
COMMENT ON COLUMN quality.feedback_state.stored_since_watermark IS
    'Sessions stored in the ten minutes up to it: more of them later are of a transaction that was still open';
-- Every session is looked at once more: what came late before this was never counted.
UPDATE quality.feedback_state SET watermark = '-infinity';

CREATE OR REPLACE FUNCTION quality.refresh_received() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM quality.refresh_feedback();
END $$;
