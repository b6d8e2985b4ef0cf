"""Operators' acts on a real log: what is told and what is changed are one append, or nothing."""

import asyncio
import json

import asyncpg
import pytest

from shared.kit.acts import NotOpenError
from shared.kit.bus import Record
from shared.kit.delivery import DeliveryError
from shared.kit.postgres.acts import PostgresActSource
from tests.fixtures.exchange import OPERATIONS, Database, Exchange, eventually, word
from tests.fixtures.mill import ACTS_STREAM, Mill, milling
from tests.fixtures.wire import record

A = "wishes/request/a"

PLANTED = """
INSERT INTO kit.stuck (kind, rule, source_position, ordinal, source_event, scope, target,
                       command_id, command, correlation_id, traceparent, hops, code)
VALUES ('policy', 'shipping', $1, 0, NULL, 'elm', 'mill/order/none', NULL, NULL,
        gen_random_uuid(), '', 1, 'rule_failed')
RETURNING id
"""


async def plant(mill: Mill, position: int = 1) -> int:
    return await mill.pool.fetchval(PLANTED, position)


async def acts_of(pool: asyncpg.Pool, stream: str) -> list[str]:
    told = await PostgresActSource(pool, stream).acts(2**31 - 1, 100)
    return [one.act for one in reversed(told)]


async def test_stuck_work_is_settled_in_the_append_of_the_act(pool: asyncpg.Pool) -> None:
    async with milling(pool) as mill:
        stuck = await plant(mill)
        await mill.settling.settle(stuck, "skipped", word("it was a trial", actor="op-7"))
    row = await pool.fetchrow(
        "SELECT s.settled, s.settled_by, s.reason, s.xmin = e.xmin AS at_once,"
        " e.actor, e.channel, e.public, e.scope, e.data::text AS data"
        " FROM kit.stuck AS s JOIN kit.event AS e ON e.stream = $1",
        ACTS_STREAM,
    )
    assert row is not None
    assert (row["settled"], row["settled_by"], row["reason"]) == (
        "skipped",
        "op-7",
        "it was a trial",
    )
    assert row["at_once"]
    assert (row["actor"], row["channel"], row["public"], row["scope"]) == (
        "op-7",
        "operator",
        False,
        "district",
    )
    assert json.loads(row["data"]) == {
        "reason": "it was a trial",
        "stuck": stuck,
        "kind": "policy",
        "rule": "shipping",
        "target": "mill/order/none",
        "code": "rule_failed",
    }


async def test_a_dead_letter_is_settled_in_the_append_of_the_act_and_of_its_record(
    exchange: Exchange, hearer_database: Database
) -> None:
    await exchange.send([broken(A), record(A, 2)])
    hearer = exchange.hearer(hearer_database)

    async def parked() -> bool:
        return len(await hearer.letters.list_open(0, 10)) == 2

    async def heard() -> bool:
        return (await hearer_database.streams()).get(A) == [1]

    async with hearer.at_work():
        await eventually(parked, "both are parked")
        await exchange.send([record(A, 1)])
        await eventually(heard, "what was missing is heard")
        behind = (await hearer.letters.list_open(0, 10))[1].id
        await hearer.letters.redrive([behind], word("it is there"))
    rows = await hearer_database.pool.fetch(
        "SELECT e.stream FROM kit.dead_letter AS d JOIN kit.event AS e ON e.xmin = d.xmin"
        " WHERE d.id = $1 AND d.settled = 'redriven' ORDER BY e.position",
        behind,
    )
    assert [row["stream"] for row in rows] == [A, OPERATIONS]


async def test_of_two_operators_at_once_one_is_told_and_the_other_refused(
    pool: asyncpg.Pool,
) -> None:
    async with milling(pool) as mill:
        stuck = await plant(mill)
        both = await asyncio.gather(
            mill.settling.settle(stuck, "skipped", word("mine", actor="op-1")),
            mill.settling.settle(stuck, "skipped", word("mine", actor="op-2")),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in both) == ["NoneType", "NotOpenError"]
        with pytest.raises(NotOpenError):
            await mill.settling.settle(stuck + 1, "skipped", word("never there"))
    assert await acts_of(pool, ACTS_STREAM) == ["stuck_skipped"]


async def test_before_the_rules_of_the_epoch_run_nothing_is_settled_and_nothing_told(
    pool: asyncpg.Pool,
) -> None:
    async with milling(pool, runs=False) as mill:
        stuck = await plant(mill)
        with pytest.raises(DeliveryError):
            await mill.settling.settle(stuck, "retried", word("too early"))
        assert await acts_of(pool, ACTS_STREAM) == []
        assert await pool.fetchval("SELECT settled FROM kit.stuck") is None
        await mill.source.claim(0, {})
        await mill.settling.settle(stuck, "retried", word("now"))
    assert await acts_of(pool, ACTS_STREAM) == ["stuck_retried"]
    assert await pool.fetchval("SELECT code FROM kit.waiting") == "retried"


async def test_acts_are_listed_from_the_newest_a_page_at_a_time(pool: asyncpg.Pool) -> None:
    async with milling(pool) as mill:
        for number in range(1, 6):
            stuck = await plant(mill, number)
            await mill.settling.settle(stuck, "skipped", word(f"reason {number}"))
    source = PostgresActSource(pool, ACTS_STREAM)
    assert [one.number for one in await source.acts(2**31 - 1, 2)] == [5, 4]
    assert [one.number for one in await source.acts(4, 2)] == [3, 2]
    assert [json.loads(one.what)["reason"] for one in await source.acts(2, 2)] == ["reason 1"]


def broken(stream: str) -> Record:
    return Record(stream.encode(), b"\x00", (("ce_specversion", b"1.0"),))
