"""A made-up year of requests: what all models make of it is what plain SQL finds in the log."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

import asyncpg
import pytest

from services.wishes.app import SERVICE
from shared.kit.postgres.log import PostgresLog
from shared.kit.read_models.building import Builder, BuilderLimits
from shared.kit.read_models.schema import ask_for_build, ensure_tables
from shared.kit.verify import ServiceUnderTest, VerifyLimits
from shared.kit.verify.derived import check_derived
from shared.kit.verify.findings import Check
from shared.kit.verify.positions import check_positions
from shared.kit.verify.site import Scene
from tests.performance.filling import Filler
from tests.performance.oracle import FIGURES, NotAtHeadError, compare
from tests.performance.year import year

MODELS = SERVICE.read_models
TABLES = {model.name: model.table for model in MODELS}
SCOPES = ("elm", "oak", "fir")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVENTS = 6000
NO_BUS: Any = None  # nothing here is heard

# One row of each figure's table, as a fold with a mistake would leave it.
MISTAKES = {
    "requests by state": """
        UPDATE {requests} SET state = 'accepted'
        WHERE request = (SELECT request FROM {requests} WHERE state = 'closed' LIMIT 1)
    """,
    "requests by category": """
        UPDATE {requests} SET category = 'other'
        WHERE request = (SELECT request FROM {requests} LIMIT 1)
    """,
    "overdue requests by who is accountable": """
        UPDATE {request_deadlines} SET stopped_at = NULL
        WHERE request = (SELECT request FROM {request_deadlines}
                         WHERE stopped_at IS NOT NULL AND due_at < '2026-05-01' LIMIT 1)
    """,
    "open requests by the unit that has them": """
        UPDATE {requests} SET unit = 'another'
        WHERE request = (SELECT request FROM {requests} WHERE state = 'dispatched' LIMIT 1)
    """,
}


@pytest.fixture
async def log(pool: asyncpg.Pool) -> asyncpg.Pool:
    """Give a log that holds a year, and no table yet."""
    filler = Filler(PostgresLog(pool), SERVICE.views(), SERVICE.public_types)
    count = await filler.fill(year(1, scopes=SCOPES, until=NOW, events=EVENTS), epoch=0)
    assert EVENTS * 0.8 < count < EVENTS * 1.2
    async with pool.acquire() as connection:
        await ensure_tables(connection, MODELS)
    return pool


async def built(pool: asyncpg.Pool) -> None:
    limits = BuilderLimits(page_events_max=700)
    builder = Builder(pool, SERVICE.registry(), MODELS, random=Random(1), limits=limits)
    await builder.run(asyncio.Event())


async def differing(pool: asyncpg.Pool) -> Mapping[str, object]:
    async with pool.acquire() as connection:
        compared = await compare(connection, TABLES, NOW)
    assert [one.figure for one in compared] == list(FIGURES)
    assert all(one.counts for one in compared), "a figure of nothing proves nothing"
    return {one.figure.name: one.differing for one in compared if one.differing}


async def test_a_log_that_was_filled_is_one_that_the_service_could_have_written(
    log: asyncpg.Pool,
) -> None:
    await built(log)
    scene = Scene((ServiceUnderTest.of(SERVICE, log),), NO_BUS, VerifyLimits())
    for check in (check_derived, check_positions):
        finding = Check("", notes_max=10)
        await check(scene, finding)
        assert [note.row() for note in finding.finding(0).violations] == []
        assert finding.finding(0).checked > len(MODELS)


async def test_all_models_built_from_the_beginning_agree_with_plain_sql_over_the_log(
    log: asyncpg.Pool,
) -> None:
    await built(log)
    assert await differing(log) == {}

    async with log.acquire() as connection:
        for model in MODELS:
            await ask_for_build(connection, model, anew=True)
    await built(log)
    assert await differing(log) == {}


async def test_tables_that_are_not_at_the_head_are_not_compared(log: asyncpg.Pool) -> None:
    async with log.acquire() as connection:
        with pytest.raises(NotAtHeadError):
            await compare(connection, TABLES, NOW)


@pytest.mark.parametrize("name", list(MISTAKES))
async def test_a_single_row_that_is_wrong_is_found(log: asyncpg.Pool, name: str) -> None:
    await built(log)
    assert await log.execute(MISTAKES[name].format(**TABLES)) == "UPDATE 1"
    assert list(await differing(log)) == [name]
