"""Rows `ingest_project` and `rebuild`: what is in a log or topic, made into another's table.

One log is filled and published once; every run reads it anew into a database of its own.
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvloop

from shared.contracts.topics import Topic
from shared.kit.kafka.topics import ensure_topics
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.pool import create_pool
from shared.kit.views import Views
from tests.performance.children import child
from tests.performance.databases import kit_database, plain_database
from tests.performance.filling import Filler
from tests.performance.measuring import Bench, Row, Run, Sides, Stopwatch, described
from tests.performance.plain_chain import READ_MODEL
from tests.performance.tally import (
    COUNT,
    EPOCH,
    REGISTRY,
    STREAMS,
    TALLY,
    Counted,
    commands,
    counted,
    stream_of,
)
from tests.performance.year import Happening

_POLL_S = 0.02
_END_S = 1800.0


@dataclass(frozen=True, slots=True)
class Published:
    """A log of so many events, and the topic that holds them, too."""

    dsn: str
    topic: str
    events: int


def measure_ingest_project(bench: Bench) -> list[Row]:
    """Measure Kafka to log to table, against a handler, and one that takes batches."""
    single, batch = uvloop.run(_ingest_project(bench))
    note = f"{bench.events:,} records over {STREAMS} streams, 2 processes against 1; "
    return [
        Row(
            "ingest_project",
            ">= 15 x a commit per message",
            single.ratio >= 15,
            note + _said(single),
            single,
        ),
        Row(
            "ingest_project_batch",
            ">= 1 x a commit per batch, though it keeps the log",
            batch.ratio >= 1,
            note + _said(batch),
            batch,
        ),
    ]


def measure_rebuild(bench: Bench) -> list[Row]:
    """Measure a log into one new table, against a handler that reads the topic again."""
    sides = uvloop.run(_rebuild(bench))
    note = f"{bench.events:,} events over {STREAMS} streams into one model; {_said(sides)}"
    goal = ">= 30,000/s"
    return [Row("rebuild", goal, sides.value >= 30_000, note, sides)]


async def _ingest_project(bench: Bench) -> tuple[Sides, Sides]:
    single, batch = Sides(), Sides()
    async with _published(bench) as published:
        for _ in range(bench.runs):
            single.baseline.append(await _handled(bench, published, "handle"))
            batch.baseline.append(await _handled(bench, published, "handle_batch"))
            run = await _ingested(bench, published)
            single.ours.append(run)
            batch.ours.append(run)
    return single, batch


async def _rebuild(bench: Bench) -> Sides:
    sides = Sides()
    async with _published(bench) as published:
        for _ in range(bench.runs):
            sides.baseline.append(await _handled(bench, published, "handle"))
            sides.ours.append(await _built(published))
    return sides


@asynccontextmanager
async def _published(bench: Bench) -> AsyncGenerator[Published]:
    topic = Topic(service=TALLY, name=f"bench.{secrets.token_hex(6)}")
    await ensure_topics([bench.site.bootstrap], [topic], replication=1, timeout_ms=10_000)
    async with kit_database(bench) as dsn:
        pool = await create_pool(dsn, size_max=2, statement_timeout_ms=60_000, application="bench")
        public = frozenset({Counted.type_name()})
        filler = Filler(PostgresLog(pool), Views((COUNT,), REGISTRY), public)
        await filler.fill(_happenings(bench.events), epoch=EPOCH)
        task = _task(bench, "publish", dsn, topic.name)
        async with child("tests.performance.pipeline", task) as publishing:
            await publishing.ready()
            publishing.go()
            await publishing.result()
        await pool.execute("VACUUM ANALYZE kit.event")
        await pool.close()
        yield Published(dsn, topic.name, bench.events)


def _happenings(count: int) -> Iterator[Happening]:
    draw, at = commands(1, streams=STREAMS), datetime.now(UTC)
    for command in itertools.islice(iter(draw, None), count):
        stream = stream_of(command.scope, command.counter)
        yield Happening(at, stream, command.scope, counted(command), "resident")


async def _handled(bench: Bench, published: Published, role: str) -> Run:
    """Let the baseline work for a while, from its first record on."""
    async with plain_database(bench, READ_MODEL) as dsn, AsyncExitStack() as stack:
        task = _task(bench, role, dsn, published.topic)
        handler = await stack.enter_async_context(child("tests.performance.plain_chain", task))
        connection = await asyncpg.connect(dsn)
        stack.push_async_callback(connection.close)
        await handler.ready()
        handler.go()

        async def count() -> int:
            return await connection.fetchval("SELECT count(*) FROM inbox")

        async def begun() -> bool:
            return await count() > 0

        await _until(begun)
        before = await count()
        watch = Stopwatch()
        for _ in range(int(bench.seconds / _POLL_S)):
            await asyncio.sleep(_POLL_S)
            if (done := await count()) == published.events:
                break
        else:
            done = await count()
        return _anonymous(watch.run(done - before, ()))


async def _ingested(bench: Bench, published: Published) -> Run:
    """Hear the whole topic and project it, each in a process of its own."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(kit_database(bench))
        module = "tests.performance.pipeline"
        parts = [
            await stack.enter_async_context(child(module, _task(bench, role, dsn, published.topic)))
            for role in ("hear", "project")
        ]
        connection = await asyncpg.connect(dsn)
        stack.push_async_callback(connection.close)
        for part in parts:
            await part.ready()
        watch = Stopwatch()
        for part in parts:
            part.go()
        await _until(lambda: _projected(connection, published.events))
        return _anonymous(watch.run(published.events, ()))


async def _built(published: Published) -> Run:
    connection = await asyncpg.connect(published.dsn)
    try:
        await connection.execute("DELETE FROM kit.read_model")
    finally:
        await connection.close()
    task = {"role": "build", "dsn": published.dsn, "topic": published.topic}
    async with child("tests.performance.pipeline", task) as building:
        await building.ready()
        watch = Stopwatch(building.pid)
        building.go()
        await building.result()
        return watch.run(published.events, ())


def _task(bench: Bench, role: str, dsn: str, topic: str) -> dict[str, Any]:
    return {"role": role, "dsn": dsn, "topic": topic, "bootstrap": bench.site.bootstrap}


def _said(sides: Sides) -> str:
    return f"{described('baseline', sides.baseline)}; {described('ours', sides.ours)}"


def _anonymous(run: Run) -> Run:
    # What this process took says nothing: the work is done by the others.
    return Run(run.done, run.seconds, run.latencies_ms, run.cores)


async def _projected(connection: asyncpg.Connection, count: int) -> bool:
    # The log's own positions: heard events are all there is in it.
    found = await connection.fetchval("SELECT min(m.position) FROM kit.read_model AS m")
    return (found or 0) >= count


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_END_S):
        while not await done():  # noqa: ASYNC110 - what it asks is in another process
            await asyncio.sleep(_POLL_S)
