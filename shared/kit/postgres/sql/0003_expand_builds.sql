-- Tables of read models that are being built beside those in service, and who is alive (ADR 7).

-- A build: its table is `<model>_r<revision>_building` until it takes the place of the one served.
CREATE TABLE kit.model_build (
    name text NOT NULL,
    revision integer NOT NULL,
    position bigint NOT NULL,
    failure text,                -- why the build stands still; null: it runs
    indexed boolean NOT NULL,    -- its secondary indexes are made
    publish boolean NOT NULL,    -- once it is served, the model's view shows it
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, revision)
);

-- A process of a release that is alive, and the tables that it reads or keeps.
CREATE TABLE kit.replica (
    holder text PRIMARY KEY,
    release text NOT NULL,
    roles text NOT NULL,
    tables text[] NOT NULL,
    seen_at timestamptz NOT NULL
);
