"""The relay on a real log and a real Kafka: everything arrives, in order, whatever fails."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from shared.kit.bus import Record
from shared.kit.cloudevents import HeardEvent, Heartbeat, parse
from shared.kit.embedded import EmbeddedKafka, Servers
from shared.kit.ports import NewEvent
from shared.kit.postgres.exchange import PostgresRelaySource
from shared.kit.relay import Relay, RelayFencedError
from tests.fixtures.exchange import (
    PARTITIONS,
    Database,
    Exchange,
    eventually,
    new_exchange,
    running,
)
from tests.fixtures.wire import SERVICE, event_id, new_event

SCOPES = ["c-1", "c-2", "c-3", "社区"]


def history(count: int, *, start: int = 1) -> list[NewEvent]:
    """Make streams of several scopes, interleaved."""
    return [
        new_event(f"wishes/request/{number % 7}", 1 + number // 7, scope=SCOPES[number % 7 % 4])
        for number in range(start - 1, start - 1 + count)
    ]


async def test_public_events_of_our_own_are_sent_in_log_order(
    exchange: Exchange, source_database: Database
) -> None:
    private = new_event("wishes/draft/1", 1, public=False)
    heard = replace(new_event("ledger/account/1", 1), source="ledger", source_position=5)
    await source_database.append([*history(150), private, heard, *history(150, start=151)])
    async with running(exchange.relay(source_database).run()):
        await eventually(lambda: at_head(source_database), "the cursor is at the head")
    records = await exchange.everything()

    sent = [event.position for each in records.values() for event in events_of(each)]
    assert sorted(sent) == [n for n in range(1, 303) if n not in {151, 152}]
    for part, each in records.items():
        heard_events = events_of(each)
        assert [event.position for event in heard_events] == sorted(
            event.position for event in heard_events
        )
        for event in heard_events:
            assert exchange.bus.partition(exchange.topic.name, event.event.scope) == part
            previous = event.event.version - 1
            expected = event_id(event.event.stream, previous) if previous else None
            assert event.previous_id == expected


async def test_every_partition_gets_heartbeats_with_the_stored_cursor(
    exchange: Exchange, source_database: Database
) -> None:
    await source_database.append([*history(20), new_event("wishes/draft/1", 1, public=False)])

    async def told() -> bool:
        records = await exchange.everything()
        return all(any(beat.position == 21 for beat in beats_of(each)) for each in records.values())

    async with running(exchange.relay(source_database).run()):
        await eventually(told, "heartbeats at the head on every partition")
        assert await source_database.relayed() == 21
    beat = beats_of((await exchange.everything())[0])[-1]
    assert (beat.epoch, beat.generation) == (1, 1)
    assert beat.time.tzinfo is not None


async def test_a_relay_of_an_older_epoch_is_fenced(
    exchange: Exchange, source_database: Database
) -> None:
    source = PostgresRelaySource(source_database.pool)
    cursor = await source.claim(2)
    assert cursor is not None
    await source_database.append(history(5))
    assert not await source.move(cursor, 5, 1)
    assert await source.claim(1) is None
    with pytest.raises(RelayFencedError):
        await exchange.relay(source_database, epoch=1).run()
    assert await source.move(cursor, 5, 2)
    assert not await source.move(cursor, 5, 2), "the cursor moves from where it was left only"


async def test_a_relay_that_loses_its_epoch_ends_without_moving_the_cursor(
    exchange: Exchange, source_database: Database
) -> None:
    await source_database.append(history(5))
    relay = exchange.relay(source_database)
    task = asyncio.create_task(relay.run())
    await eventually(lambda: at_head(source_database), "the first events are sent")
    assert await PostgresRelaySource(source_database.pool).claim(2) is not None
    await source_database.append(history(5, start=6))
    with pytest.raises(RelayFencedError):
        await asyncio.wait_for(task, 20)
    assert await source_database.relayed() == 5


async def test_a_republish_sends_everything_again_in_a_new_generation(
    exchange: Exchange, source_database: Database
) -> None:
    await source_database.append(history(30))
    async with running(exchange.relay(source_database).run()):
        await eventually(lambda: at_head(source_database), "all is sent")
        await source_database.pool.execute(
            "UPDATE kit.cursor SET position = 0, generation = 2 WHERE name = 'relay'"
        )
        await eventually(lambda: at_head(source_database), "all is sent again")
    records = await exchange.everything()
    sent = [event for each in records.values() for event in events_of(each)]
    assert sorted(e.position for e in sent if e.generation == 1) == list(range(1, 31))
    assert sorted(e.position for e in sent if e.generation == 2) == list(range(1, 31))


async def test_nothing_is_lost_or_reordered_when_the_broker_dies_and_returns(
    source_database: Database,
) -> None:
    with tempfile.TemporaryDirectory(prefix="cogov-relay-") as folder:
        kafka = EmbeddedKafka(Path(folder))
        await asyncio.to_thread(kafka.start)
        try:
            exchange = await new_exchange(kafka.bootstrap)
            relay = exchange.relay(source_database)
            async with running(relay.run()):
                await source_database.append(history(200))
                await eventually(lambda: at_head(source_database), "the first part is sent")
                await asyncio.to_thread(kafka.kill)
                await source_database.append(history(200, start=201))
                await eventually(lambda: failed(relay), "the relay has noticed")
                assert await source_database.relayed() == 200
                await asyncio.to_thread(kafka.start)
                await eventually(lambda: at_head(source_database), "the rest is sent")
            records = await exchange.everything()
        finally:
            await asyncio.to_thread(kafka.kill)
    assert_complete(records, 400)


async def test_a_relay_killed_between_acknowledgement_and_cursor_only_sends_twice(
    site: Servers, exchange: Exchange, source_database: Database, tmp_path: Path
) -> None:
    await source_database.append(history(60))
    reached = tmp_path / "reached"
    arguments = [source_database.dsn, exchange.bootstrap, exchange.topic.name, str(PARTITIONS)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fixtures.relay_process",
        *arguments,
        env=os.environ | {"COGOV_CRASH_AT": "relay.acked", "COGOV_CRASH_FILE": str(reached)},
    )
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    assert reached.read_text(encoding="utf-8") == "relay.acked\n"
    assert await source_database.relayed() == 0

    async with running(exchange.relay(source_database).run()):
        await eventually(lambda: at_head(source_database), "all is sent")
    records = await exchange.everything()
    sent = [event.position for each in records.values() for event in events_of(each)]
    assert sorted(sent) == sorted([*range(1, 61), *range(1, 61)])
    assert_complete(records, 60)


async def at_head(database: Database) -> bool:
    return await database.relayed() == (await database.log.head())[0]


async def failed(relay: Relay) -> bool:
    return relay.failures > 0


def events_of(records: Sequence[Record]) -> list[HeardEvent]:
    read = [parse(record, service=SERVICE) for record in records]
    return [each for each in read if isinstance(each, HeardEvent)]


def beats_of(records: Sequence[Record]) -> list[Heartbeat]:
    read = [parse(record, service=SERVICE) for record in records]
    return [each for each in read if isinstance(each, Heartbeat)]


def assert_complete(records: dict[int, list[Record]], count: int) -> None:
    """Everything came; what came again apart, each partition is in log order."""
    seen: set[int] = set()
    for each in records.values():
        last = 0
        for event in events_of(each):
            if event.position not in seen:
                assert event.position > last
                last = event.position
                seen.add(event.position)
    assert seen == set(range(1, count + 1))
