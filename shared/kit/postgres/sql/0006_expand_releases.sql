-- What a new release makes beside the old one: states of keyed views, timers (ADR 2, 8).

-- How far the stored states of a keyed view's revision follow the log. While the writer of `epoch`
-- leads, each of its appends keeps them at the head, and `position` is where it last said so.
CREATE TABLE kit.state_build (
    view text NOT NULL,
    revision integer NOT NULL,
    position bigint NOT NULL,
    epoch bigint,                -- null: no writer has kept them yet
    PRIMARY KEY (view, revision)
) WITH (fillfactor = 50);

-- Which revision of an aggregate its timers follow.
CREATE TABLE kit.timer_revision (
    aggregate text PRIMARY KEY,  -- the beginning of its streams' names
    revision integer NOT NULL,
    after text NOT NULL,         -- its streams up to this one are done
    done boolean NOT NULL
);

-- Derives a page of an aggregate's timers again: `p_timers` are all that its streams have by the
-- states of this revision, `p_commands` the ids that their commands will have. Only what differs is
-- written. A timer that has fired without effect stands at infinity and is armed again only for a
-- time to come; one that is or was stuck, not at all. A stream that has moved on is left alone and
-- named; null: a later epoch has the log.
CREATE FUNCTION kit.derive_timers_v1(
    p_epoch bigint,
    p_streams kit.stream_v1[],
    p_timers kit.timer_v1[],
    p_commands uuid[],
    p_now timestamptz
) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, kit
AS $$
DECLARE
    v_moved text[];
BEGIN
    PERFORM FROM kit.head AS h WHERE h.epoch = p_epoch FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    SELECT coalesce(array_agg(x.stream), '{}') INTO v_moved
    FROM unnest(p_streams) AS x
    WHERE (SELECT s.version FROM kit.stream AS s WHERE s.stream = x.stream)
          IS DISTINCT FROM x.expected;

    DELETE FROM kit.timer AS t USING unnest(p_streams) AS x
    WHERE t.stream = x.stream AND x.stream <> ALL (v_moved)
      AND NOT EXISTS (SELECT FROM unnest(p_timers) AS y
                      WHERE y.stream = t.stream AND y.name = t.name);

    INSERT INTO kit.timer AS t (stream, name, due_at, scope)
    SELECT x.stream, x.name, x.due_at, x.scope
    FROM unnest(p_timers, p_commands) AS x (stream, name, due_at, scope, command_id)
    WHERE x.stream <> ALL (v_moved)
      AND NOT EXISTS (SELECT FROM kit.stuck AS s
                      WHERE s.kind = 'timer' AND s.rule = x.name AND s.target = x.stream
                        AND s.command_id = x.command_id)
    ON CONFLICT (stream, name) DO UPDATE SET due_at = excluded.due_at
    WHERE t.due_at <> excluded.due_at
      AND (t.due_at <> 'infinity' OR excluded.due_at > p_now);
    RETURN v_moved;
END
$$;
