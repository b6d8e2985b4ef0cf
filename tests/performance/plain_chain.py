"""The baseline of the whole path, each part as one would write it first.

`command`: a transaction per command, with an outbox row. `relay`: the outbox polled, each row sent,
acknowledged by all replicas and marked. `handle`: a FastStream handler with a commit per message.
`handle_batch`: the same with a commit per batch, as one writes it when that is too slow.
"""

import asyncio
import json
import sys
import time
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared.kit.ids import TimeOrderedIds
from tests.performance.children import say, task_of, told_to_go
from tests.performance.measuring import settle_garbage
from tests.performance.plain import CONNECTIONS, PlainStore
from tests.performance.tally import STREAMS, Counted, commands

READ_MODEL = """
CREATE TABLE inbox (event_id uuid PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE tallies (
    scope text NOT NULL,
    counter text NOT NULL,
    total bigint NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (scope, counter)
);
"""

_UNSENT = "SELECT id, event_id, scope, data FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 100"
_SENT = "UPDATE outbox SET sent_at = now() WHERE id = $1"
_POLL_S = 0.005

_HANDLED = """
INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT (event_id) DO NOTHING RETURNING event_id
"""
_TALLY = """
INSERT INTO tallies AS t (scope, counter, total, events) VALUES ($1, $2, $3, 1)
ON CONFLICT (scope, counter) DO UPDATE
SET total = t.total + excluded.total, events = t.events + 1
"""

_HANDLED_BATCH = """
INSERT INTO inbox (event_id) SELECT unnest($1::uuid[])
ON CONFLICT (event_id) DO NOTHING RETURNING event_id
"""
_TALLY_BATCH = """
INSERT INTO tallies AS t (scope, counter, total, events)
SELECT x.scope, x.counter, sum(x.amount), count(*)
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS x (scope, counter, amount)
GROUP BY x.scope, x.counter
ON CONFLICT (scope, counter) DO UPDATE
SET total = t.total + excluded.total, events = t.events + excluded.events
"""
_BATCH_RECORDS = 500

Task = dict[str, Any]


async def command(task: Task) -> None:
    """Do all commands on 16 connections, a transaction each."""
    stores = [await PlainStore.open(task["dsn"], outbox=True) for _ in range(CONNECTIONS)]
    draw, ids = commands(1, streams=STREAMS), TimeOrderedIds()
    latencies: list[float] = []
    left = iter(range(task["count"]))

    async def client(store: PlainStore) -> None:
        for _ in left:
            started = time.perf_counter()
            await store.add(draw(), ids.new())
            latencies.append((time.perf_counter() - started) * 1000)

    await _begin()
    await asyncio.gather(*(client(store) for store in stores))
    say(json.dumps({"latencies_ms": latencies}))


async def relay(task: Task) -> None:
    """Send row by row, until stopped."""
    connection = await asyncpg.connect(task["dsn"])
    unsent, sent = await connection.prepare(_UNSENT), await connection.prepare(_SENT)
    producer = AIOKafkaProducer(
        bootstrap_servers=task["bootstrap"], acks="all", enable_idempotence=True
    )
    await producer.start()
    await _begin()
    while True:
        rows = await unsent.fetch()
        for row in rows:
            await producer.send_and_wait(
                task["topic"],
                row["data"].encode(),
                key=row["scope"].encode(),
                headers=[("ce_id", str(row["event_id"]).encode())],
            )
            await sent.fetch(row["id"])
        if not rows:
            await asyncio.sleep(_POLL_S)


async def handle(task: Task) -> None:
    """Handle message by message, until stopped."""
    pool = await asyncpg.create_pool(task["dsn"], min_size=1, max_size=4)
    broker = KafkaBroker(task["bootstrap"], logger=None)
    subscriber: Any = broker.subscriber(
        task["topic"],
        group_id=task["topic"],
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,  # committed after the work, as at-least-once needs
    )

    async def take(event: Counted, message: KafkaMessage) -> None:
        async with pool.acquire() as connection, connection.transaction():
            event_id = UUID(str(message.headers["ce_id"]))
            if await connection.fetchval(_HANDLED, event_id) is not None:
                raw: Any = message.raw_message
                scope = raw.key.decode()
                await connection.execute(_TALLY, scope, event.counter, event.amount)

    subscriber(take)
    await broker.start()
    await _begin()
    await asyncio.Event().wait()


async def handle_batch(task: Task) -> None:
    """Handle batch by batch, until stopped."""
    pool = await asyncpg.create_pool(task["dsn"], min_size=1, max_size=4)
    broker = KafkaBroker(task["bootstrap"], logger=None)
    subscriber: Any = broker.subscriber(
        task["topic"],
        batch=True,
        max_records=_BATCH_RECORDS,
        group_id=f"{task['topic']}-batch",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )

    async def take(events: list[Counted], message: KafkaMessage) -> None:
        raws: Any = message.raw_message
        ids = [UUID(dict(raw.headers)["ce_id"].decode()) for raw in raws]
        async with pool.acquire() as connection, connection.transaction():
            new = {row["event_id"] for row in await connection.fetch(_HANDLED_BATCH, ids)}
            kept = [
                (raw.key.decode(), event.counter, event.amount)
                for raw, event, event_id in zip(raws, events, ids, strict=True)
                if event_id in new
            ]
            if kept:
                await connection.execute(
                    _TALLY_BATCH, *(list(column) for column in zip(*kept, strict=True))
                )

    subscriber(take)
    await broker.start()
    await _begin()
    await asyncio.Event().wait()


async def _begin() -> None:
    settle_garbage()
    await told_to_go()


def main() -> None:
    task = task_of(sys.argv)
    roles = {"command": command, "relay": relay, "handle": handle, "handle_batch": handle_batch}
    uvloop.run(roles[task["role"]](task))


if __name__ == "__main__":
    main()
