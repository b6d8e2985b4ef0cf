"""One of our processes on the whole path: decide and relay, publish, hear, project, or build."""

import asyncio
import json
import logging
import sys
import time
from random import Random
from typing import Any

import structlog
import uvloop

from shared.contracts.topics import Topic
from shared.kit.acts import Acts
from shared.kit.bus import Record
from shared.kit.clock import SystemClock
from shared.kit.cloudevents import to_record
from shared.kit.delivery import Delivery, DeliveryLimits
from shared.kit.ids import TimeOrderedIds
from shared.kit.ingest import Ingest, IngestLimits
from shared.kit.kafka.bus import KafkaBus, KafkaLimits
from shared.kit.postgres.exchange import PostgresHeardSource, PostgresRelaySource
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.pool import create_pool
from shared.kit.read_models.building import Builder, BuilderLimits
from shared.kit.read_models.projector import Projector, ProjectorLimits
from shared.kit.read_models.schema import ensure_tables
from shared.kit.read_models.wake import HeadWake
from shared.kit.relay import Relay, RelayLimits
from shared.kit.submission import Accepted
from shared.kit.writer import Writer
from tests.performance.children import say, task_of, told_to_go
from tests.performance.measuring import settle_garbage
from tests.performance.tally import (
    EPOCH,
    REGISTRY,
    STREAMS,
    TALLIES,
    TALLY,
    commands,
    submission,
    writer,
)

_PAGE_EVENTS = 2000

Task = dict[str, Any]


async def decide(task: Task) -> None:
    """Answer commands and send their events."""
    pool = await _pool(task)
    led = writer(PostgresLog(pool))
    relay = Relay(
        source=PostgresRelaySource(pool),
        bus=_bus(task),
        random=Random(1),
        topic=_topic(task),
        epoch=EPOCH,
        grew=led.ear(),
        limits=RelayLimits(batch_events_max=2000),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(led.run())
        group.create_task(relay.run())
        await _begin()
        say(json.dumps({"latencies_ms": await _ask_all(led, task)}))


async def publish(task: Task) -> None:
    """Send what is in the log, and nothing but that: plain handlers know no heartbeats."""
    pool, topic, bus = await _pool(task), _topic(task), _bus(task)
    source = PostgresRelaySource(pool)
    await _begin()
    producer = await bus.producer()
    position = 0
    while (page := await source.page(position, _PAGE_EVENTS)).upto > position:
        batches: dict[int, list[Record]] = {}
        for one in page.events:
            record = to_record(one.event, one.previous_id, service=TALLY, generation=1)
            batches.setdefault(bus.partition(topic.name, one.event.scope), []).append(record)
        await producer.send(topic.name, batches)
        position = page.upto
    await producer.close()
    say("{}")


async def build(task: Task) -> None:
    """Fold a log from its beginning into a table that it does not have yet."""
    pool = await _pool(task)
    async with pool.acquire() as connection:
        await ensure_tables(connection, (TALLIES,))
    builder = Builder(pool, REGISTRY, (TALLIES,), random=Random(1), limits=BuilderLimits())
    await _begin()
    await builder.run(asyncio.Event())
    say("{}")


async def hear(task: Task) -> None:
    """Take in what the other service sends."""
    pool = await _pool(task)
    led = writer(PostgresLog(pool), decides=False)
    source = PostgresHeardSource(pool)
    ingest = Ingest(
        source=source,
        bus=_bus(task),
        delivery=Delivery(
            submit=led.heard, parked=source, random=Random(1), limits=DeliveryLimits()
        ),
        acts=Acts(service="hearer", district="district", clock=SystemClock(), ids=TimeOrderedIds()),
        topics=(_topic(task),),
        random=Random(1),
        limits=IngestLimits(),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(led.run())
        group.create_task(ingest.run())
        await _begin()


async def project(task: Task) -> None:
    """Fold the hearing service's log into its table."""
    pool = await _pool(task)
    projector = Projector(
        pool,
        REGISTRY,
        (TALLIES,),
        wake=HeadWake(pool, poll_s=0.2),
        random=Random(1),
        is_active=lambda: True,
        limits=ProjectorLimits(),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(projector.run())
        await _begin()


async def _ask_all(led: Writer, task: Task) -> list[float]:
    draw, ids = commands(1, streams=STREAMS), TimeOrderedIds()
    latencies: list[float] = []
    left = iter(range(task["count"]))

    async def client() -> None:
        for _ in left:
            started = time.perf_counter()
            answer = await led.submit(submission(draw(), ids.new()))
            assert isinstance(answer, Accepted)
            latencies.append((time.perf_counter() - started) * 1000)

    await asyncio.gather(*(client() for _ in range(task["clients"])))
    return latencies


async def _begin() -> None:
    settle_garbage()
    await told_to_go()


async def _pool(task: Task) -> Any:
    return await create_pool(
        task["dsn"], size_max=10, statement_timeout_ms=10_000, application=task["role"]
    )


def _topic(task: Task) -> Topic:
    return Topic(service=TALLY, name=task["topic"])


def _bus(task: Task) -> KafkaBus:
    topic = _topic(task)
    return KafkaBus(
        bootstrap=[task["bootstrap"]],
        client_id=f"bench-{task['role']}",
        partitions={topic.name: topic.partitions},
        limits=KafkaLimits(),
    )


def main() -> None:
    task = task_of(sys.argv)
    # Standard output is for the parent; nothing below a warning is said.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    roles = {"decide": decide, "publish": publish, "hear": hear, "project": project, "build": build}
    uvloop.run(roles[task["role"]](task))


if __name__ == "__main__":
    main()
