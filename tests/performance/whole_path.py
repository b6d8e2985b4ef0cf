"""Row `whole_path`: command → log → Kafka → the other service's log and read model.

A fixed number of commands is given by 64 clients, as fast as they are answered; the clock stops
when the last one is in the read model. Each part is a process of its own, as in a deployment.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import asyncpg
import uvloop

from shared.contracts.topics import Topic
from shared.kit.kafka.topics import ensure_topics
from tests.performance.children import child
from tests.performance.databases import kit_database, plain_database
from tests.performance.measuring import CLIENTS, Bench, Row, Run, Sides, Stopwatch, described
from tests.performance.plain_chain import READ_MODEL
from tests.performance.tally import STREAMS, TALLY

_OURS_PER_S = 5000  # how many commands a second of measuring is worth, about
_BASELINE_PER_S = 400
_POLL_S = 0.02
_END_S = 300.0


def measure_whole_path(bench: Bench) -> list[Row]:
    """Measure the whole way, to the last command's row."""
    sides = Sides()
    for _ in range(bench.runs):
        sides.baseline.append(uvloop.run(_baseline(bench)))
        sides.ours.append(uvloop.run(_ours(bench)))
    note = (
        f"{CLIENTS} clients, {STREAMS} streams, 3 processes a side, drained to the last row;"
        f" percentiles are those of the command's answer; {described('baseline', sides.baseline)};"
        f" {described('ours', sides.ours)}"
    )
    met = sides.value >= 5000 and sides.ratio >= 8
    return [Row("whole_path", ">= 5,000/s and >= 8 x", met, note, sides)]


async def _ours(bench: Bench) -> Run:
    count = int(bench.seconds * _OURS_PER_S)
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(kit_database(bench))
        hearing = await stack.enter_async_context(kit_database(bench))
        task: dict[str, Any] = {
            "bootstrap": bench.site.bootstrap,
            "topic": await _new_topic(bench),
            "count": count,
            "clients": CLIENTS,
        }
        module = "tests.performance.pipeline"
        parts = [
            await stack.enter_async_context(child(module, {**task, "role": role, "dsn": where}))
            for role, where in (("decide", dsn), ("hear", hearing), ("project", hearing))
        ]
        for part in parts:
            await part.ready()
        connection = await asyncpg.connect(hearing)
        stack.push_async_callback(connection.close)
        watch = Stopwatch()
        for part in parts:
            part.go()
        await _until(lambda: _projected(connection, count))
        run = watch.run(count, ())
        answered = await parts[0].result()
        # What this process took says nothing: the work is done by the others.
        return replace(run, latencies_ms=answered["latencies_ms"], process_ms=0.0)


async def _baseline(bench: Bench) -> Run:
    count = int(bench.seconds * _BASELINE_PER_S)
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(plain_database(bench))
        hearing = await stack.enter_async_context(plain_database(bench, READ_MODEL))
        task: dict[str, Any] = {
            "bootstrap": bench.site.bootstrap,
            "topic": await _new_topic(bench),
            "count": count,
        }
        module = "tests.performance.plain_chain"
        parts = [
            await stack.enter_async_context(child(module, {**task, "role": role, "dsn": where}))
            for role, where in (("command", dsn), ("relay", dsn), ("handle", hearing))
        ]
        for part in parts:
            await part.ready()
        connection = await asyncpg.connect(hearing)
        stack.push_async_callback(connection.close)
        watch = Stopwatch()
        for part in parts:
            part.go()
        await _until(lambda: _handled(connection, count))
        run = watch.run(count, ())
        answered = await parts[0].result()
        # What this process took says nothing: the work is done by the others.
        return replace(run, latencies_ms=answered["latencies_ms"], process_ms=0.0)


async def _new_topic(bench: Bench) -> str:
    topic = Topic(service=TALLY, name=f"bench.{secrets.token_hex(6)}")
    await ensure_topics([bench.site.bootstrap], [topic], replication=1, timeout_ms=10_000)
    return topic.name


async def _projected(connection: asyncpg.Connection, count: int) -> bool:
    found = await connection.fetchval("SELECT min(m.position) FROM kit.read_model AS m")
    return (found or 0) >= count


async def _handled(connection: asyncpg.Connection, count: int) -> bool:
    return await connection.fetchval("SELECT count(*) FROM inbox") >= count


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_END_S):
        while not await done():  # noqa: ASYNC110 - what it asks is in another process
            await asyncio.sleep(_POLL_S)
