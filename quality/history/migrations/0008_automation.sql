-- What runs by itself in Dagster (daemons, sensors, schedules): its newest sign of life, and the error it fails with.
CREATE TABLE quality.automation (
    name          text PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('daemon', 'sensor', 'schedule')),
    seen_at       timestamptz NOT NULL,
    error         text,
    failing_since timestamptz,
    read_at       timestamptz NOT NULL DEFAULT now()
);
