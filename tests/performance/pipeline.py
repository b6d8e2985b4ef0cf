"""One of our processes on the whole path: decide and relay, hear, or project."""

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
from shared.kit.clock import SystemClock
from shared.kit.delivery import Delivery, DeliveryLimits
from shared.kit.ids import TimeOrderedIds
from shared.kit.ingest import Ingest, IngestLimits
from shared.kit.kafka.bus import KafkaBus, KafkaLimits
from shared.kit.postgres.exchange import PostgresHeardSource, PostgresRelaySource
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.pool import create_pool
from shared.kit.read_models.projector import Projector, ProjectorLimits
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
    uvloop.run({"decide": decide, "hear": hear, "project": project}[task["role"]](task))


if __name__ == "__main__":
    main()
