-- Evidence of a fall up to and including a whole day, so that a look reads the days after it and never the history.
ALTER TABLE loop.levels
    ADD COLUMN through date,
    ADD COLUMN rate_evidence double precision NOT NULL DEFAULT 0,
    ADD COLUMN rank_evidence double precision NOT NULL DEFAULT 0,
    ADD COLUMN recommendations_since bigint NOT NULL DEFAULT 0;
