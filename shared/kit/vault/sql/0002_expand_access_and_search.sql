-- Who revealed what, and the index by which sealed texts are found (ADR 11). Neither holds a text.

-- The access log. A key is given out for a purpose and the access is written in one statement, so
-- that no reveal escapes it. `item` is a vault record's id or an attachment's hash.
CREATE TABLE IF NOT EXISTS vault.access (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    service text NOT NULL,
    scope text NOT NULL,
    purpose text NOT NULL,
    identity uuid NOT NULL,
    item text NOT NULL,
    field text NOT NULL,
    subject uuid NOT NULL
);
CREATE INDEX IF NOT EXISTS access_subject ON vault.access (subject, id);
CREATE INDEX IF NOT EXISTS access_item ON vault.access (item, id);

CREATE OR REPLACE FUNCTION vault.get_keys_v1(
    p_service text,
    p_scope text,
    p_purpose text,
    p_identity uuid,
    p_items text[],
    p_fields text[],
    p_subjects uuid[]
) RETURNS TABLE (subject uuid, wrapped bytea)
LANGUAGE sql
SET search_path = pg_catalog, vault
AS $$
    INSERT INTO vault.access (service, scope, purpose, identity, item, field, subject)
    SELECT p_service, p_scope, p_purpose, p_identity, x.item, x.field, x.subject
    FROM unnest(p_items, p_fields, p_subjects) AS x (item, field, subject)
    JOIN vault.subject_key AS k ON k.subject = x.subject;
    SELECT k.subject, k.wrapped FROM vault.subject_key AS k WHERE k.subject = ANY (p_subjects);
$$;

-- The index goes with the key: whoever is erased is not found, from the same moment on. A row of
-- another revision belongs to another release, which reads it under other digests.
CREATE TABLE IF NOT EXISTS vault.search (
    service text NOT NULL,
    revision integer NOT NULL,
    record uuid NOT NULL,
    field text NOT NULL,
    subject uuid NOT NULL REFERENCES vault.subject_key (subject) ON DELETE CASCADE,
    scope text NOT NULL,
    grams bigint[] NOT NULL,
    PRIMARY KEY (service, revision, record, field)
);
CREATE INDEX IF NOT EXISTS search_subject ON vault.search (subject);
CREATE INDEX IF NOT EXISTS search_grams ON vault.search USING gin (grams);

CREATE TABLE IF NOT EXISTS vault.search_cursor (
    service text NOT NULL,
    revision integer NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (service, revision)
);
