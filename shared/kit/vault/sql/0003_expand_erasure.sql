-- Erasure (ADR 11). A key that is younger than the erasure is another: the person came back.
CREATE OR REPLACE FUNCTION vault.destroy_keys_v1(p_subjects uuid[], p_before timestamptz)
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, vault
AS $$
    WITH destroyed AS (
        DELETE FROM vault.subject_key AS k
        WHERE k.subject = ANY (p_subjects) AND k.created_at <= p_before
        RETURNING k.subject
    )
    SELECT count(*) FROM destroyed;
$$;
