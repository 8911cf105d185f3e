-- Likes by the day they came in: what was served is counted by that day too, so that their ratio is a rate. By the day
-- of creation, feedback that was given offline or dated back is set against lists that were served on another day.
CREATE TABLE quality.feedback_received (
    day           date NOT NULL,
    model_version text NOT NULL,
    arm           text NOT NULL,
    likes         bigint NOT NULL,
    rank_sum      bigint NOT NULL,
    PRIMARY KEY (day, model_version, arm)
);

CREATE FUNCTION quality.refresh_received() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
BEGIN
    IF to_regclass('feedback.sessions') IS NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(7310580);
    -- Two days before the newest are counted again: a service that lost its database stores what it received later.
    SELECT coalesce((max(day) - 2)::timestamp AT TIME ZONE 'UTC', '-infinity')
    INTO since FROM quality.feedback_received;
    DELETE FROM quality.feedback_received WHERE day >= (since AT TIME ZONE 'UTC')::date;
    INSERT INTO quality.feedback_received
        SELECT (received_at AT TIME ZONE 'UTC')::date, model_version, arm, count(*),
               coalesce(sum(array_position(shown, liked)), 0)
        FROM feedback.sessions WHERE received_at >= since GROUP BY 1, 2, 3;
END $$;
