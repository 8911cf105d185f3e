-- One row for each incident from its first look to its last, and what people and the machine did with it.
CREATE TABLE quality.incidents (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject         text NOT NULL,
    asset           text NOT NULL,
    text            text NOT NULL,
    of_run          boolean NOT NULL,
    run_id          text,
    last_run_id     text,
    checks          text[] NOT NULL DEFAULT '{}',
    also            text[] NOT NULL DEFAULT '{}',
    held_back       text[] NOT NULL DEFAULT '{}',
    owner           text NOT NULL,
    opened_at       timestamptz NOT NULL,
    since           timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    muted_until     timestamptz,
    resolved_at     timestamptz
);
COMMENT ON COLUMN quality.incidents.run_id IS 'The run since which it is so';
COMMENT ON COLUMN quality.incidents.since IS 'When it began to be so; opened_at is when it was first seen';
CREATE UNIQUE INDEX incidents_open ON quality.incidents (subject) WHERE resolved_at IS NULL;
CREATE INDEX incidents_by_time ON quality.incidents (opened_at DESC);

CREATE TABLE quality.incident_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES quality.incidents ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN
                    ('opened', 'changed', 'acknowledged', 'assigned', 'muted', 'unmuted', 'note', 'resolved')),
    by          text NOT NULL DEFAULT '',
    text        text NOT NULL DEFAULT ''
);
CREATE INDEX incident_events_of ON quality.incident_events (incident_id, id);

-- What each receiver was told of an incident, so that it is told once; a digest is told of no single incident (id 0).
CREATE TABLE quality.incident_tellings (
    incident_id bigint NOT NULL,
    receiver    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('opened', 'resolved', 'digest')),
    at          timestamptz NOT NULL,
    PRIMARY KEY (incident_id, receiver, kind)
);
