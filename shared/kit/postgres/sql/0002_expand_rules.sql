-- What happens by itself: timers, waiting and stuck work, claims, erasure (ADR 8, 9, 11).

ALTER TABLE kit.event ADD COLUMN hops smallint NOT NULL DEFAULT 0; -- rules between it and a person

ALTER TABLE kit.vault ADD COLUMN position bigint NOT NULL DEFAULT 0; -- of its append's first event
CREATE INDEX vault_position ON kit.vault (position);

CREATE TABLE kit.timer (
    stream text NOT NULL,
    name text NOT NULL,
    due_at timestamptz NOT NULL, -- on the site clock
    scope text NOT NULL,
    PRIMARY KEY (stream, name)
) WITH (fillfactor = 70);
CREATE INDEX timer_due ON kit.timer (due_at, stream, name);

CREATE TABLE kit.claim (
    kind text NOT NULL,
    digest bytea NOT NULL,       -- a keyed hash: nobody reads the value from it
    holder text NOT NULL,        -- the stream whose event claimed it
    PRIMARY KEY (kind, digest)
);

-- Later epochs make every statement of older ones fail, as the head's epoch does for appends.
CREATE TABLE kit.fence (name text PRIMARY KEY, epoch bigint NOT NULL);

CREATE TABLE kit.waiting (
    kind text NOT NULL,              -- as in kit.stuck
    rule text NOT NULL,
    source_position bigint NOT NULL, -- of the event that the rule reacts to
    ordinal integer NOT NULL,        -- of the command among those of that event
    source_event uuid,
    scope text NOT NULL,
    target text NOT NULL,
    command_id uuid,
    command jsonb,                   -- no personal data; null: do the effect of the event
    correlation_id uuid NOT NULL,
    traceparent text NOT NULL,
    hops integer NOT NULL,
    code text NOT NULL,              -- the refusal; queued: it stands behind another
    streams text[] NOT NULL,         -- wakes when one of them has an event past `position`
    position bigint NOT NULL,
    until timestamptz,               -- on the site clock; null: it waits for its turn only
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (rule, source_position, ordinal, target)
);
CREATE INDEX waiting_queue ON kit.waiting (rule, target, source_position, ordinal);

CREATE TABLE kit.stuck (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,              -- policy | timer | effect
    rule text NOT NULL,
    source_position bigint NOT NULL, -- 0 for a timer
    ordinal integer NOT NULL,
    source_event uuid,
    scope text NOT NULL,
    target text NOT NULL,
    command_id uuid,
    command jsonb,                   -- null where none could be made
    correlation_id uuid NOT NULL,
    traceparent text NOT NULL,
    hops integer NOT NULL,
    code text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled text,                    -- null: open; else retried | skipped
    settled_by text,
    settled_at timestamptz,
    reason text
);
CREATE UNIQUE INDEX stuck_open ON kit.stuck (kind, rule, source_position, ordinal, target)
    WHERE settled IS NULL;
CREATE INDEX stuck_queue ON kit.stuck (rule, target) WHERE settled IS NULL;

CREATE TYPE kit.event_v2 AS (
    stream text, version integer, event_id uuid, type text, source text, source_position bigint,
    scope text, occurred_at timestamptz, at timestamptz, actor text, on_behalf_of text,
    channel text, grant_id text, command_id uuid, correlation_id uuid, causation_id uuid,
    traceparent text, hops integer, public boolean, data jsonb
);
CREATE TYPE kit.timer_v1 AS (
    stream text, name text, due_at timestamptz, scope text -- due_at null: it is called off
);
CREATE TYPE kit.fired_v1 AS (stream text, name text, due_at timestamptz);
CREATE TYPE kit.claim_v1 AS (kind text, digest bytea, holder text);
CREATE TYPE kit.waiting_v1 AS (
    kind text, rule text, source_position bigint, ordinal integer, source_event uuid, scope text,
    target text, command_id uuid, command jsonb, correlation_id uuid, traceparent text,
    hops integer, code text, streams text[], position bigint, until timestamptz
);
CREATE TYPE kit.waiting_key_v1 AS (
    rule text, source_position bigint, ordinal integer, target text
);
CREATE TYPE kit.stuck_v1 AS (
    kind text, rule text, source_position bigint, ordinal integer, source_event uuid, scope text,
    target text, command_id uuid, command jsonb, correlation_id uuid, traceparent text,
    hops integer, code text
);
CREATE TYPE kit.appended_v2 AS (
    status text,                 -- appended | fenced | known | conflict | moved | gone
    base bigint,                 -- event number i (from 1) of the batch has position base + i
    recorded_at timestamptz,
    known uuid[],                -- command ids that have a receipt already
    streams text[],              -- streams whose version or scope is not the expected one
    partitions text[],           -- topic:partition whose stored offset is not the expected one
    gone text[]                  -- stream and name (after a space) of timers that are not there
);

-- Appends a batch whole or not at all. The head row's lock gives the log one order; it is held for
-- this statement only. `version` of a stream row is null when the stream was only read.
-- Look-ups are scalar subqueries on purpose: joins of a batch with a big table lose their index.
CREATE FUNCTION kit.append_v2(
    p_epoch bigint,
    p_events kit.event_v2[],
    p_streams kit.stream_v1[],
    p_receipts kit.receipt_v1[],
    p_states kit.state_v1[],
    p_secrets kit.secret_v1[],
    p_offsets kit.offset_v1[],
    p_dead_letters kit.dead_letter_v1[],
    p_timers kit.timer_v1[],
    p_fired kit.fired_v1[],
    p_claims kit.claim_v1[],
    p_erased uuid[]
) RETURNS kit.appended_v2
LANGUAGE plpgsql
SET search_path = pg_catalog, kit
AS $$
DECLARE
    v_head kit.head;
    v_result kit.appended_v2;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED: another level would read a stale head'
            USING ERRCODE = 'KA001';
    END IF;

    SELECT h.* INTO STRICT v_head FROM kit.head AS h FOR UPDATE;
    v_result.base := v_head.position;
    v_result.recorded_at := greatest(clock_timestamp(), v_head.recorded_at);

    IF v_head.epoch <> p_epoch THEN
        v_result.status := 'fenced';
        RETURN v_result;
    END IF;

    IF cardinality(p_receipts) > 0 THEN
        SELECT array_agg(x.command_id) INTO v_result.known
        FROM unnest(p_receipts) AS x
        WHERE (SELECT r.command_id FROM kit.receipt AS r
               WHERE r.command_id = x.command_id) IS NOT NULL;
        IF v_result.known IS NOT NULL THEN
            v_result.status := 'known';
            RETURN v_result;
        END IF;
    END IF;

    IF cardinality(p_streams) > 0 THEN
        SELECT array_agg(x.stream) INTO v_result.streams
        FROM unnest(p_streams) AS x
        WHERE coalesce((SELECT s.version FROM kit.stream AS s WHERE s.stream = x.stream), 0)
                  <> x.expected
           OR x.version IS NOT NULL
              AND coalesce((SELECT s.scope FROM kit.stream AS s WHERE s.stream = x.stream), x.scope)
                  <> x.scope;
        IF v_result.streams IS NOT NULL THEN
            v_result.status := 'conflict';
            RETURN v_result;
        END IF;
    END IF;

    IF cardinality(p_fired) > 0 THEN
        SELECT array_agg(x.stream || ' ' || x.name) INTO v_result.gone
        FROM unnest(p_fired) AS x
        WHERE (SELECT t.due_at FROM kit.timer AS t WHERE t.stream = x.stream AND t.name = x.name)
              IS DISTINCT FROM x.due_at;
        IF v_result.gone IS NOT NULL THEN
            v_result.status := 'gone';
            RETURN v_result;
        END IF;
    END IF;

    IF cardinality(p_offsets) > 0 THEN
        SELECT array_agg(x.topic || ':' || x.part) INTO v_result.partitions
        FROM unnest(p_offsets) AS x
        WHERE (SELECT h.next_offset FROM kit.heard AS h
               WHERE h.topic = x.topic AND h.part = x.part)
              IS DISTINCT FROM x.expected;
        IF v_result.partitions IS NOT NULL THEN
            v_result.status := 'moved';
            RETURN v_result;
        END IF;

        INSERT INTO kit.heard AS h (topic, part, generation, next_offset, source_position,
                                    source_epoch, source_time, stopped)
        SELECT x.topic, x.part, x.generation, x.next, x.source_position,
               x.source_epoch, x.source_time, x.stopped
        FROM unnest(p_offsets) AS x
        ON CONFLICT (topic, part) DO UPDATE
        SET generation = excluded.generation, next_offset = excluded.next_offset,
            source_position = greatest(h.source_position, excluded.source_position),
            source_epoch = greatest(h.source_epoch, excluded.source_epoch),
            source_time = coalesce(excluded.source_time, h.source_time),
            stopped = excluded.stopped;
    END IF;

    IF cardinality(p_events) > 0 THEN
        INSERT INTO kit.event (position, stream, version, event_id, type, source, source_position,
                               scope, occurred_at, at, recorded_at, actor, on_behalf_of, channel,
                               grant_id, command_id, correlation_id, causation_id, traceparent,
                               hops, epoch, public, data)
        SELECT v_head.position + x.n, x.stream, x.version, x.event_id, x.type, x.source,
               x.source_position, x.scope, x.occurred_at, x.at, v_result.recorded_at, x.actor,
               x.on_behalf_of, x.channel, x.grant_id, x.command_id, x.correlation_id,
               x.causation_id, x.traceparent, x.hops, p_epoch, x.public, x.data
        FROM unnest(p_events) WITH ORDINALITY AS x (
            stream, version, event_id, type, source, source_position, scope, occurred_at, at,
            actor, on_behalf_of, channel, grant_id, command_id, correlation_id, causation_id,
            traceparent, hops, public, data, n);

        INSERT INTO kit.stream AS s (stream, version, last_event_id, scope)
        SELECT x.stream, x.version, x.last_event_id, x.scope
        FROM unnest(p_streams) AS x
        WHERE x.version IS NOT NULL
        ON CONFLICT (stream) DO UPDATE
        SET version = excluded.version, last_event_id = excluded.last_event_id;

        UPDATE kit.head
        SET position = v_head.position + cardinality(p_events),
            recorded_at = v_result.recorded_at;
    END IF;

    IF cardinality(p_receipts) > 0 THEN
        INSERT INTO kit.receipt (command_id, fingerprint, recorded_at, outcome, epoch,
                                 first_position, events)
        SELECT x.command_id, x.fingerprint, v_result.recorded_at, x.outcome, p_epoch,
               v_head.position + x.first, x.events
        FROM unnest(p_receipts) AS x;
    END IF;

    IF cardinality(p_states) > 0 THEN
        INSERT INTO kit.state AS s (stream, key, view, revision, version, state)
        SELECT x.stream, x.key, x.view, x.revision, x.version, x.state
        FROM unnest(p_states) AS x
        ON CONFLICT (stream, view, revision, key) DO UPDATE
        SET version = excluded.version, state = excluded.state;
    END IF;

    IF cardinality(p_fired) > 0 THEN
        DELETE FROM kit.timer AS t USING unnest(p_fired) AS x
        WHERE t.stream = x.stream AND t.name = x.name;
    END IF;

    IF cardinality(p_timers) > 0 THEN
        DELETE FROM kit.timer AS t USING unnest(p_timers) AS x
        WHERE t.stream = x.stream AND t.name = x.name AND x.due_at IS NULL;
        INSERT INTO kit.timer AS t (stream, name, due_at, scope)
        SELECT x.stream, x.name, x.due_at, x.scope
        FROM unnest(p_timers) AS x
        WHERE x.due_at IS NOT NULL
        ON CONFLICT (stream, name) DO UPDATE SET due_at = excluded.due_at;
    END IF;

    IF cardinality(p_erased) > 0 THEN
        DELETE FROM kit.vault AS v WHERE v.subject = ANY (p_erased);
    END IF;

    IF cardinality(p_secrets) > 0 THEN
        INSERT INTO kit.vault (record, field, subject, ciphertext, position)
        SELECT x.record, x.field, x.subject, x.ciphertext, v_head.position + 1
        FROM unnest(p_secrets) AS x;
    END IF;

    IF cardinality(p_claims) > 0 THEN
        INSERT INTO kit.claim (kind, digest, holder)
        SELECT x.kind, x.digest, x.holder FROM unnest(p_claims) AS x;
    END IF;

    IF cardinality(p_dead_letters) > 0 THEN
        INSERT INTO kit.dead_letter (topic, part, record_offset, record_key, headers, value,
                                     stream, code, reason)
        SELECT x.topic, x.part, x.record_offset, x.record_key, x.headers, x.value,
               x.stream, x.code, x.reason
        FROM unnest(p_dead_letters) AS x
        ON CONFLICT (topic, part, record_offset) DO NOTHING;
    END IF;

    IF cardinality(p_events) > 0 THEN
        PERFORM pg_notify('kit_head', '');
    END IF;
    v_result.status := 'appended';
    RETURN v_result;
END
$$;

-- Takes the rules' cursors for an epoch; a rule that the log has never seen begins at `p_live`'s
-- word: at the head, or at 0. Gives no row when a later epoch has them.
CREATE FUNCTION kit.claim_rules_v1(p_epoch bigint, p_names text[], p_live boolean[])
RETURNS TABLE (name text, "position" bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, kit
AS $$
BEGIN
    INSERT INTO kit.fence AS f (name, epoch) VALUES ('rules', p_epoch)
    ON CONFLICT ON CONSTRAINT fence_pkey DO UPDATE SET epoch = excluded.epoch
    WHERE f.epoch <= excluded.epoch;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO kit.cursor AS c (name, position, epoch)
    SELECT x.name, CASE WHEN x.live THEN h.position ELSE 0 END, p_epoch
    FROM unnest(p_names, p_live) AS x (name, live) CROSS JOIN kit.head AS h
    ON CONFLICT ON CONSTRAINT cursor_pkey DO UPDATE SET epoch = excluded.epoch;
    RETURN QUERY
    SELECT c.name, c.position FROM kit.cursor AS c WHERE c.name = ANY (p_names);
END
$$;

-- Moves rules on: their cursors from where they were, waiting work added, put back or ended, work
-- that is stuck added with the timer it came from called off. All or nothing; false when a later
-- epoch has the rules, or a cursor is elsewhere.
CREATE FUNCTION kit.move_rules_v1(
    p_epoch bigint,
    p_names text[],
    p_from bigint[],
    p_to bigint[],
    p_waiting kit.waiting_v1[],
    p_ended kit.waiting_key_v1[],
    p_stuck kit.stuck_v1[],
    p_timers kit.fired_v1[]
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, kit
AS $$
DECLARE
    v_moved bigint;
BEGIN
    PERFORM FROM kit.fence AS f WHERE f.name = 'rules' AND f.epoch = p_epoch FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    IF cardinality(p_names) > 0 THEN
        UPDATE kit.cursor AS c SET position = x.upto
        FROM unnest(p_names, p_from, p_to) AS x (name, after, upto)
        WHERE c.name = x.name AND c.position = x.after AND c.epoch = p_epoch;
        GET DIAGNOSTICS v_moved = ROW_COUNT;
        IF v_moved <> cardinality(p_names) THEN
            RAISE EXCEPTION 'a rule''s cursor was moved by another' USING ERRCODE = '40001';
        END IF;
    END IF;

    DELETE FROM kit.waiting AS w USING unnest(p_ended) AS x
    WHERE w.rule = x.rule AND w.source_position = x.source_position AND w.ordinal = x.ordinal
      AND w.target = x.target;

    INSERT INTO kit.waiting AS w (kind, rule, source_position, ordinal, source_event, scope, target,
                                  command_id, command, correlation_id, traceparent, hops, code,
                                  streams, position, until)
    SELECT x.kind, x.rule, x.source_position, x.ordinal, x.source_event, x.scope, x.target,
           x.command_id, x.command, x.correlation_id, x.traceparent, x.hops, x.code, x.streams,
           x.position, x.until
    FROM unnest(p_waiting) AS x
    ON CONFLICT (rule, source_position, ordinal, target) DO UPDATE
    SET code = excluded.code, streams = excluded.streams, position = excluded.position,
        until = excluded.until;

    DELETE FROM kit.timer AS t USING unnest(p_timers) AS x
    WHERE t.stream = x.stream AND t.name = x.name AND t.due_at = x.due_at;

    INSERT INTO kit.stuck (kind, rule, source_position, ordinal, source_event, scope, target,
                           command_id, command, correlation_id, traceparent, hops, code)
    SELECT x.kind, x.rule, x.source_position, x.ordinal, x.source_event, x.scope, x.target,
           x.command_id, x.command, x.correlation_id, x.traceparent, x.hops, x.code
    FROM unnest(p_stuck) AS x
    ON CONFLICT (kind, rule, source_position, ordinal, target) WHERE settled IS NULL DO NOTHING;
    RETURN true;
END
$$;

-- An operator's word on stuck work: it waits for its turn again, or is done without. Gives false
-- when it is not open, or a later epoch has the rules.
CREATE FUNCTION kit.settle_stuck_v1(
    p_epoch bigint, p_id bigint, p_settled text, p_by text, p_reason text
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, kit
AS $$
DECLARE
    v_stuck kit.stuck;
BEGIN
    PERFORM FROM kit.fence AS f WHERE f.name = 'rules' AND f.epoch = p_epoch FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE kit.stuck AS s
    SET settled = p_settled, settled_by = p_by, settled_at = clock_timestamp(), reason = p_reason
    WHERE s.id = p_id AND s.settled IS NULL
    RETURNING s.* INTO v_stuck;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_settled = 'retried' THEN
        INSERT INTO kit.waiting (kind, rule, source_position, ordinal, source_event, scope, target,
                                 command_id, command, correlation_id, traceparent, hops, code,
                                 streams, position, until)
        SELECT v_stuck.kind, v_stuck.rule, v_stuck.source_position, v_stuck.ordinal,
               v_stuck.source_event, v_stuck.scope, v_stuck.target, v_stuck.command_id,
               v_stuck.command, v_stuck.correlation_id, v_stuck.traceparent, v_stuck.hops,
               'retried', '{}', 0, NULL;
    END IF;
    RETURN true;
END
$$;
