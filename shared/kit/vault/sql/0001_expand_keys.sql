-- The key database: one data key a person, wrapped by the master key. It is a database of its own,
-- with a short backup life, so that destroying a key erases every text sealed under it (ADR 11).

CREATE SCHEMA IF NOT EXISTS vault;

CREATE TABLE IF NOT EXISTS vault.subject_key (
    subject uuid PRIMARY KEY,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
