-- What the columns of each version held, by a sample of its rows: the past that bands are learnt from.
CREATE TABLE quality.profiles (
    asset       text NOT NULL,
    fingerprint text NOT NULL,
    at          timestamptz NOT NULL,
    columns     jsonb NOT NULL,
    PRIMARY KEY (asset, fingerprint)
);
CREATE INDEX profiles_of_asset ON quality.profiles (asset, at DESC);
