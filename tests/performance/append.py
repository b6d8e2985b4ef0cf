"""Rows `append` and `append_hot`: 64 clients, one event a command, version checks, receipts."""

import asyncio
from collections.abc import Awaitable, Callable

import uvloop

from shared.kit.ids import TimeOrderedIds
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.pool import create_pool
from shared.kit.submission import Accepted
from shared.kit.writer import Writer
from tests.performance.databases import kit_database, plain_database
from tests.performance.measuring import (
    CLIENTS,
    Bench,
    Row,
    Run,
    Sides,
    closed_loop,
    described,
    middle,
)
from tests.performance.plain import CONNECTIONS, PlainStore
from tests.performance.tally import STREAMS, Add, commands, submission, writer

_WARM_S = 1.5


def measure_append(bench: Bench) -> list[Row]:
    """Measure over many streams."""
    sides = _sides(bench, STREAMS)
    ours, baseline = (middle(runs).percentile(0.99) for runs in (sides.ours, sides.baseline))
    note = (
        f"{CLIENTS} clients against {CONNECTIONS} clients that hold a connection each,"
        f" {STREAMS} streams; {described('baseline', sides.baseline)};"
        f" {described('ours', sides.ours)}"
    )
    goal = ">= 3 x baseline, p99 not above it"
    return [Row("append", goal, sides.ratio >= 3 and ours <= baseline, note, sides)]


def measure_append_hot(bench: Bench) -> list[Row]:
    """Measure with one stream for everybody."""
    sides = _sides(bench, 1)
    note = (
        f"the same on one stream; baseline tries again on conflict;"
        f" {described('baseline', sides.baseline)}; {described('ours', sides.ours)}"
    )
    return [Row("append_hot", ">= 20 x baseline", sides.ratio >= 20, note, sides)]


def _sides(bench: Bench, streams: int) -> Sides:
    sides = Sides()
    for number in range(bench.runs):
        sides.baseline.append(uvloop.run(_baseline(bench, streams, number)))
        sides.ours.append(uvloop.run(_ours(bench, streams, number)))
    return sides


async def _ours(bench: Bench, streams: int, seed: int) -> Run:
    async with kit_database(bench) as dsn:
        pool = await create_pool(dsn, size_max=10, statement_timeout_ms=10_000, application="bench")
        led = writer(PostgresLog(pool))
        leading = asyncio.create_task(led.run())
        draw, ids = commands(seed, streams=streams), TimeOrderedIds()
        try:
            return await closed_loop(
                [_submitting(led, draw, ids)] * CLIENTS, warm_s=_WARM_S, seconds=bench.seconds
            )
        finally:
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
            await pool.close()


def _submitting(
    led: Writer, draw: Callable[[], Add], ids: TimeOrderedIds
) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        answer = await led.submit(submission(draw(), ids.new()))
        assert isinstance(answer, Accepted)
        assert answer.events == 1

    return ask


async def _baseline(bench: Bench, streams: int, seed: int) -> Run:
    async with plain_database(bench) as dsn:
        stores = [await PlainStore.open(dsn) for _ in range(CONNECTIONS)]
        draw, ids = commands(seed, streams=streams), TimeOrderedIds()
        try:
            return await closed_loop(
                [_adding(store, draw, ids) for store in stores],
                warm_s=_WARM_S,
                seconds=bench.seconds,
            )
        finally:
            for store in stores:
                await store.close()


def _adding(
    store: PlainStore, draw: Callable[[], Add], ids: TimeOrderedIds
) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        await store.add(draw(), ids.new())

    return ask
