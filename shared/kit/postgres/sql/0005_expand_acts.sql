-- Operators' acts: what they settle is settled in the append of their event.

CREATE TYPE kit.settled_v1 AS (kind text, id bigint, how text, by text, reason text);

-- Appends a batch as append_v2 does, and settles stuck work (kind stuck) and dead letters (kind
-- letter) with it. Status closed: some of them are not open; `gone` names them, kind and id.
CREATE FUNCTION kit.append_acts_v1(
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
    p_erased uuid[],
    p_settled kit.settled_v1[]
) RETURNS kit.appended_v2
LANGUAGE plpgsql
SET search_path = pg_catalog, kit
AS $$
DECLARE
    v_result kit.appended_v2;
    v_undone bigint;
BEGIN
    -- Under the head's lock, as every append: of two that settle the same, the second sees it.
    PERFORM FROM kit.head FOR UPDATE;
    SELECT array_agg(x.kind || ' ' || x.id) INTO v_result.gone
    FROM unnest(p_settled) AS x
    WHERE NOT CASE x.kind
        WHEN 'stuck' THEN EXISTS (SELECT FROM kit.stuck AS s
                                  WHERE s.id = x.id AND s.settled IS NULL)
        ELSE EXISTS (SELECT FROM kit.dead_letter AS d WHERE d.id = x.id AND d.settled IS NULL)
    END;
    IF v_result.gone IS NOT NULL THEN
        v_result.status := 'closed';
        RETURN v_result;
    END IF;

    v_result := kit.append_v2(p_epoch, p_events, p_streams, p_receipts, p_states, p_secrets,
                              p_offsets, p_dead_letters, p_timers, p_fired, p_claims, p_erased);
    IF v_result.status <> 'appended' THEN
        RETURN v_result;
    END IF;

    UPDATE kit.dead_letter AS d SET settled = x.how
    FROM unnest(p_settled) AS x WHERE x.kind = 'letter' AND d.id = x.id;

    SELECT count(*) INTO v_undone
    FROM unnest(p_settled) AS x
    WHERE CASE x.kind
        WHEN 'stuck' THEN NOT kit.settle_stuck_v1(p_epoch, x.id, x.how, x.by, x.reason)
    END;
    IF v_undone > 0 THEN
        RAISE EXCEPTION 'the rules of this epoch do not run yet' USING ERRCODE = '40001';
    END IF;
    RETURN v_result;
END
$$;
