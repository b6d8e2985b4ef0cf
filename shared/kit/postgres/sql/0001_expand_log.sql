-- The log of one service and everything that is appended together with it (ADR 1, 3, 6).

CREATE SCHEMA IF NOT EXISTS kit;

CREATE TABLE kit.head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    system_identifier text NOT NULL,
    timeline integer NOT NULL
) WITH (fillfactor = 10);

INSERT INTO kit.head (position, recorded_at, epoch, system_identifier, timeline)
SELECT 0, clock_timestamp(), 0,
       (SELECT s.system_identifier::text FROM pg_control_system() AS s),
       (SELECT c.timeline_id FROM pg_control_checkpoint() AS c);

CREATE TABLE kit.event (
    position bigint PRIMARY KEY,
    stream text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    event_id uuid NOT NULL,
    type text NOT NULL,
    source text,                 -- null: decided here; else the service it was heard from
    source_position bigint,      -- its position in that service's log
    scope text NOT NULL,
    occurred_at timestamptz NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor text NOT NULL,
    on_behalf_of text NOT NULL,
    channel text NOT NULL,
    grant_id text NOT NULL,
    command_id uuid,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    traceparent text NOT NULL,
    epoch bigint NOT NULL,
    public boolean NOT NULL,
    data jsonb NOT NULL
);
CREATE INDEX event_stream_version ON kit.event (stream, version);

CREATE TABLE kit.stream (
    stream text PRIMARY KEY,
    version integer NOT NULL,
    last_event_id uuid NOT NULL,
    scope text NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE kit.receipt (
    command_id uuid PRIMARY KEY,
    fingerprint bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    outcome jsonb NOT NULL,      -- {"stream", "version", …} or {"refusal", …}; no personal data
    epoch bigint NOT NULL,
    first_position bigint NOT NULL,
    events integer NOT NULL
);

CREATE TABLE kit.state (
    stream text NOT NULL,
    key text NOT NULL,
    view text NOT NULL,
    revision integer NOT NULL,
    version integer NOT NULL,
    state jsonb NOT NULL,
    PRIMARY KEY (stream, view, revision, key)
);

CREATE TABLE kit.vault (
    record uuid NOT NULL,
    field text NOT NULL,
    subject uuid NOT NULL,
    ciphertext bytea NOT NULL,
    PRIMARY KEY (record, field)
);
CREATE INDEX vault_subject ON kit.vault (subject);

CREATE TABLE kit.cursor (
    name text PRIMARY KEY,
    position bigint NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    generation integer NOT NULL DEFAULT 1
);

CREATE TABLE kit.heard (
    topic text NOT NULL,
    part integer NOT NULL,
    generation integer NOT NULL,
    next_offset bigint NOT NULL,
    source_position bigint NOT NULL DEFAULT 0,  -- heard up to here, by event or heartbeat
    source_epoch bigint NOT NULL DEFAULT 0,
    source_time timestamptz,                    -- the source's database clock at its last heartbeat
    stopped text,                               -- why the partition stands still; null: it runs
    PRIMARY KEY (topic, part)
);

CREATE TABLE kit.dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    part integer NOT NULL,
    record_offset bigint NOT NULL,
    record_key bytea,
    headers jsonb NOT NULL,      -- [[name, base64 of the value], …]
    value bytea,
    stream text,                 -- the stream it belongs to, where that could be read
    code text NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled text,                -- null: open; else redriven | skipped
    UNIQUE (topic, part, record_offset)
);
CREATE INDEX dead_letter_open ON kit.dead_letter (stream) WHERE settled IS NULL;

CREATE TABLE kit.lease (
    role text PRIMARY KEY,
    holder text NOT NULL,
    address text NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL,
    revision integer NOT NULL
);

CREATE TABLE kit.read_model (
    name text NOT NULL,
    revision integer NOT NULL,
    position bigint NOT NULL,
    failure text,                -- why the model stands still; null: it runs
    PRIMARY KEY (name, revision)
);

CREATE TYPE kit.event_v1 AS (
    stream text, version integer, event_id uuid, type text, source text, source_position bigint,
    scope text, occurred_at timestamptz, at timestamptz, actor text, on_behalf_of text,
    channel text, grant_id text, command_id uuid, correlation_id uuid, causation_id uuid,
    traceparent text, public boolean, data jsonb
);
CREATE TYPE kit.stream_v1 AS (
    stream text, expected integer, version integer, last_event_id uuid, scope text
);
CREATE TYPE kit.receipt_v1 AS (
    command_id uuid, fingerprint bytea, outcome jsonb, first integer, events integer
);
CREATE TYPE kit.state_v1 AS (
    stream text, key text, view text, revision integer, version integer, state jsonb
);
CREATE TYPE kit.secret_v1 AS (record uuid, field text, subject uuid, ciphertext bytea);
CREATE TYPE kit.offset_v1 AS (
    topic text, part integer, generation integer, expected bigint, next bigint,
    source_position bigint, source_epoch bigint, source_time timestamptz, stopped text
);
CREATE TYPE kit.dead_letter_v1 AS (
    topic text, part integer, record_offset bigint, record_key bytea, headers jsonb, value bytea,
    stream text, code text, reason text
);
CREATE TYPE kit.appended_v1 AS (
    status text,                 -- appended | fenced | known | conflict | moved
    base bigint,                 -- event number i (from 1) of the batch has position base + i
    recorded_at timestamptz,
    known uuid[],                -- command ids that have a receipt already
    streams text[],              -- streams whose version or scope is not the expected one
    partitions text[]            -- topic:partition whose stored offset is not the expected one
);

-- Appends a batch whole or not at all. The head row's lock gives the log one order; it is held for
-- this statement only. `version` of a stream row is null when the stream was only read.
-- Look-ups are scalar subqueries on purpose: joins of a batch with a big table lose their index.
CREATE FUNCTION kit.append_v1(
    p_epoch bigint,
    p_events kit.event_v1[],
    p_streams kit.stream_v1[],
    p_receipts kit.receipt_v1[],
    p_states kit.state_v1[],
    p_secrets kit.secret_v1[],
    p_offsets kit.offset_v1[],
    p_dead_letters kit.dead_letter_v1[]
) RETURNS kit.appended_v1
LANGUAGE plpgsql
SET search_path = pg_catalog, kit
AS $$
DECLARE
    v_head kit.head;
    v_result kit.appended_v1;
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
                               epoch, public, data)
        SELECT v_head.position + x.n, x.stream, x.version, x.event_id, x.type, x.source,
               x.source_position, x.scope, x.occurred_at, x.at, v_result.recorded_at, x.actor,
               x.on_behalf_of, x.channel, x.grant_id, x.command_id, x.correlation_id,
               x.causation_id, x.traceparent, p_epoch, x.public, x.data
        FROM unnest(p_events) WITH ORDINALITY AS x (
            stream, version, event_id, type, source, source_position, scope, occurred_at, at,
            actor, on_behalf_of, channel, grant_id, command_id, correlation_id, causation_id,
            traceparent, public, data, n);

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

    IF cardinality(p_secrets) > 0 THEN
        INSERT INTO kit.vault (record, field, subject, ciphertext)
        SELECT x.record, x.field, x.subject, x.ciphertext FROM unnest(p_secrets) AS x;
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
