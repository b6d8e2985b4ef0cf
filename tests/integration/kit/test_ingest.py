"""Ingest on a real Kafka, log and writer: each event once, in order, or a stop that is told."""

import asyncio
import json
import struct
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.record.util import calc_crc32c

from shared.kit.acts import NotOpenError
from shared.kit.bus import Consumer, OffsetLostError, Record
from shared.kit.cloudevents import Heartbeat, heartbeat_record
from shared.kit.embedded.ports import LOOPBACK, free_port
from shared.kit.heard import Outcome
from shared.kit.kafka.topics import TopicDiffersError, describe_topics, ensure_topics
from shared.kit.letters import SKIPPED_TYPE
from tests.fixtures.exchange import (
    Database,
    Exchange,
    Hearer,
    eventually,
    new_topic,
    running,
    word,
)
from tests.fixtures.wire import NOON, SERVICE, event_id, new_event, record

SPOILED_NAME = "spoiled-header"
A, B, C = "wishes/request/a", "wishes/request/b", "wishes/request/c"


def broken(stream: str) -> Record:
    return Record(stream.encode(), b"\x00\xff", (("ce_specversion", b"1.0"),))


async def place(database: Database, part: int = 0) -> dict[str, object]:
    row = await database.pool.fetchrow("SELECT * FROM kit.heard WHERE part = $1", part)
    return dict(row) if row else {}


async def reaches(database: Database, offset: int, part: int = 0) -> None:
    async def there() -> bool:
        return (await place(database, part)).get("next_offset") == offset

    await eventually(there, f"partition {part} is heard up to {offset}")


async def stops(database: Database, hearer: Hearer, reason: str, part: int = 0) -> None:
    async def stopped() -> bool:
        return str((await place(database, part)).get("stopped")).startswith(reason)

    await eventually(stopped, f"partition {part} stops: {reason}")

    async def listed() -> bool:
        return any(key[1] == part for key in hearer.ingest.status().stopped)

    await eventually(listed, "the stop is listed")


async def test_what_one_service_relays_another_hears_in_order(
    exchange: Exchange, source_database: Database, hearer_database: Database
) -> None:
    sent = [
        new_event(f"wishes/request/{n % 5}", 1 + n // 5, scope=f"c-{n % 5 % 3}") for n in range(400)
    ]
    await source_database.append(sent)
    hearer = exchange.hearer(hearer_database)
    async with running(exchange.relay(source_database).run()), hearer.at_work():

        async def all_heard() -> bool:
            return len(await hearer_database.positions()) == len(sent)

        await eventually(all_heard, "all events are heard")
        assert hearer.ingest.status().connected
    assert await hearer_database.positions() == list(range(1, 401))
    assert await hearer_database.streams() == {
        f"wishes/request/{n}": list(range(1, 81)) for n in range(5)
    }
    rows = await hearer_database.pool.fetch(
        "SELECT scope, source_position, source, public FROM kit.event ORDER BY position"
    )
    assert {(row["source"], row["public"]) for row in rows} == {(SERVICE, True)}
    for scope in ("c-0", "c-1", "c-2"):
        positions = [row["source_position"] for row in rows if row["scope"] == scope]
        assert positions == sorted(positions)


async def test_a_restart_goes_on_where_postgres_says_and_duplicates_are_dropped(
    exchange: Exchange, hearer_database: Database
) -> None:
    await exchange.send([record(A, n) for n in range(1, 6)])
    async with exchange.hearer(hearer_database).at_work():
        await reaches(hearer_database, 5)
    await exchange.send([record(A, n) for n in range(3, 9)])
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await reaches(hearer_database, 11)
        outcomes = hearer.ingest.status().outcomes
    assert (outcomes[Outcome.KNOWN], outcomes[Outcome.APPENDED]) == (3, 3)
    assert await hearer_database.streams() == {A: list(range(1, 9))}


async def test_a_heartbeat_moves_nothing_but_what_is_known_of_the_source(
    exchange: Exchange, hearer_database: Database
) -> None:
    beat = Heartbeat(position=77, epoch=4, generation=1, time=NOON)
    await exchange.send([heartbeat_record(beat, service=SERVICE)])
    async with exchange.hearer(hearer_database).at_work():
        await reaches(hearer_database, 1)
    row = await place(hearer_database)
    assert (row["source_position"], row["source_epoch"], row["source_time"]) == (77, 4, NOON)
    assert await hearer_database.positions() == []


async def test_a_fork_stops_its_partition_alone_and_stays_through_a_restart(
    exchange: Exchange, hearer_database: Database
) -> None:
    await exchange.send([record(A, 1), record(A, 1, event_id=UUID(int=9)), record(B, 1)])
    await exchange.send([record(C, 1)], part=1)
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await stops(hearer_database, hearer, "fork")
        await reaches(hearer_database, 1, part=1)
    await exchange.send([record(C, 2)], part=1)
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await reaches(hearer_database, 2, part=1)
        assert list(hearer.ingest.status().stopped) == [(exchange.topic.name, 0)]
    assert (await place(hearer_database))["next_offset"] == 1
    assert await hearer_database.streams() == {A: [1], C: [1, 2]}


async def test_a_partition_stopped_by_a_gap_runs_on_once_the_gap_is_filled(
    exchange: Exchange, hearer_database: Database
) -> None:
    await exchange.send([record(A, 1), record(A, 3)])
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await stops(hearer_database, hearer, "gap")
        assert not await hearer.ingest.resume(exchange.topic.name, 1, word("to see"))
        heard = msgspec.structs.replace(new_event(A, 2), source=SERVICE)
        await hearer_database.append([heard])
    hearer = exchange.hearer(hearer_database)  # its writer's cache must know what was appended
    async with hearer.at_work():
        assert await hearer.ingest.resume(exchange.topic.name, 0, word("the gap is filled"))
        await reaches(hearer_database, 2)

        async def listed_no_more() -> bool:
            return not hearer.ingest.status().stopped

        await eventually(listed_no_more, "the partition runs")
    assert await hearer_database.streams() == {A: [1, 2, 3]}
    (told,) = await hearer_database.acts()
    what = json.loads(told.what)
    assert (told.act, told.actor, what["reason"]) == (
        "partition_resumed",
        "op-1",
        "the gap is filled",
    )
    assert (what["topic"], what["part"], what["offset"]) == (exchange.topic.name, 0, 1)
    assert what["stopped"].startswith("gap")


async def test_behind_a_dead_letter_a_stream_waits_until_the_record_is_skipped(
    exchange: Exchange, hearer_database: Database
) -> None:
    await exchange.send([record(A, 1), broken(A), record(A, 3), record(B, 1), record(A, 4)])
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await reaches(hearer_database, 5)
        assert await hearer_database.streams() == {A: [1], B: [1]}
        letters = await hearer.letters.list_open(0, 10)
        assert [one.letter.code for one in letters] == [
            "missing_attribute",
            "behind_dead_letter",
            "behind_dead_letter",
        ]
        assert (letters[0].letter.value, letters[0].letter.record_key) == (b"\x00\xff", A.encode())

        done = await hearer.letters.redrive([letters[0].id, letters[1].id], word("to see"))
        assert (done.settled, done.stops) == ((), ())
        done = await hearer.letters.skip(letters[0].id, word("lost at source"))
        assert sorted(done.settled) == [one.id for one in letters]
        assert await hearer.letters.list_open(0, 10) == []
        with pytest.raises(NotOpenError):
            await hearer.letters.skip(letters[0].id, word("again"))
        with pytest.raises(NotOpenError):
            await hearer.letters.redrive([letters[0].id], word("again"))
        await exchange.send([record(A, 5)])
        await reaches(hearer_database, 6)
    assert await hearer_database.streams() == {A: [1, 2, 3, 4, 5], B: [1]}
    row = await hearer_database.pool.fetchrow(
        "SELECT type, event_id, actor, data->>'reason' AS reason FROM kit.event"
        " WHERE stream = $1 AND version = 2",
        A,
    )
    assert row is not None
    assert tuple(row) == (SKIPPED_TYPE, event_id(A, 2), "op-1", "lost at source")
    first, second, third = (one.id for one in letters)
    assert [(told.act, json.loads(told.what)) for told in await hearer_database.acts()] == [
        (
            "letters_redriven",
            {"reason": "to see", "letters": [first, second], "settled": []},
        ),
        (
            "letters_skipped",
            {"reason": "lost at source", "letters": [first], "stream": A, "filled": 1},
        ),
        (
            "letters_redriven",
            {
                "reason": "lost at source",
                "letters": [second, third],
                "settled": [second, third],
            },
        ),
    ]


async def test_dead_letters_are_driven_again_once_what_they_wait_for_is_there(
    exchange: Exchange, hearer_database: Database
) -> None:
    await exchange.send([broken(A), record(A, 2), record(A, 3)])
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await reaches(hearer_database, 3)
        await exchange.send([record(A, 1)])
        await reaches(hearer_database, 4)
        letters = await hearer.letters.list_open(0, 10)
        done = await hearer.letters.redrive([one.id for one in letters], word("it is there"))
        assert done.settled == (letters[1].id, letters[2].id)
        done = await hearer.letters.skip(letters[0].id, word("not needed"))
        assert done.settled == (letters[0].id,)
    assert await hearer_database.streams() == {A: [1, 2, 3]}


async def test_a_record_the_log_refuses_is_found_and_the_others_go_on(
    exchange: Exchange, hearer_database: Database
) -> None:
    # JSON that everybody reads, but jsonb has no such number.
    tiny = record(C, 1, data='{"rate": 1e-20000}')
    await exchange.send([record(A, 1), record(B, 1), tiny, record(A, 2), record(B, 2)])
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await reaches(hearer_database, 5)
        (letter,) = await hearer.letters.list_open(0, 10)
    assert (letter.letter.code, letter.letter.record_offset) == ("content_refused", 2)
    assert await hearer_database.streams() == {A: [1, 2], B: [1, 2]}


@pytest.mark.parametrize("generation", [1, 2])
async def test_a_lost_offset_starts_over_only_in_a_later_generation(
    exchange: Exchange, hearer_database: Database, generation: int
) -> None:
    await exchange.send([record(A, 1), record(A, 2)])
    async with exchange.hearer(hearer_database).at_work():
        await reaches(hearer_database, 2)
    again = [record(A, n, generation=generation) for n in range(1, 5)]
    await exchange.send([record(A, 3), *again])
    await delete_before(exchange, 3)
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        if generation == 1:
            await stops(hearer_database, hearer, "offset_lost")
        else:
            await reaches(hearer_database, 7)
    row = await place(hearer_database)
    if generation == 1:
        assert (row["next_offset"], row["generation"]) == (2, 1)
        assert await hearer_database.streams() == {A: [1, 2]}
    else:
        assert (row["next_offset"], row["generation"]) == (7, 2)
        assert await hearer_database.streams() == {A: [1, 2, 3, 4]}


async def test_a_topic_first_heard_after_its_beginning_is_gone_starts_at_what_there_is(
    exchange: Exchange, hearer_database: Database
) -> None:
    await exchange.send([record(A, 1), record(B, 1)])
    await delete_before(exchange, 1)
    async with exchange.hearer(hearer_database).at_work():
        await reaches(hearer_database, 2)
    assert await hearer_database.streams() == {B: [1]}


async def test_a_record_the_client_cannot_decode_stops_its_partition_at_that_record(
    exchange: Exchange, hearer_database: Database
) -> None:
    spoiled = record(A, 2)
    spoiled = replace(spoiled, headers=(*spoiled.headers, (SPOILED_NAME, b"1")))
    await send_spoiled(exchange, [record(A, 1), spoiled, record(A, 3)])
    await exchange.send([record(B, 1)], part=1)
    hearer = exchange.hearer(hearer_database)
    async with hearer.at_work():
        await stops(hearer_database, hearer, "unreadable")
        await reaches(hearer_database, 1, part=1)
    assert (await place(hearer_database))["next_offset"] == 1
    assert await hearer_database.streams() == {A: [1], B: [1]}


async def test_without_kafka_ingest_keeps_trying(hearer_database: Database) -> None:
    nowhere = Exchange(f"{LOOPBACK}:{free_port()}", new_topic())
    hearer = nowhere.hearer(hearer_database)

    async def tried() -> bool:
        return hearer.ingest.status().failures > 1

    async with hearer.at_work():
        await eventually(tried, "it has tried again")
        assert not hearer.ingest.status().connected


async def test_a_consumer_tells_the_first_offset_there_is(exchange: Exchange) -> None:
    await exchange.send([record(A, 1), record(A, 2)])
    await delete_before(exchange, 1)
    consumer = await exchange.bus.consumer([(exchange.topic.name, 0), (exchange.topic.name, 1)])
    try:
        await consumer.seek({(exchange.topic.name, 0): 0, (exchange.topic.name, 1): 0})
        with pytest.raises(OffsetLostError) as lost:
            await asyncio.wait_for(fetched(consumer), 20)
        assert lost.value.args == (exchange.topic.name, 0, 1)
        await consumer.seek({(exchange.topic.name, 0): 1})
        got = await asyncio.wait_for(fetched(consumer), 20)
        assert [each.offset for each in got[exchange.topic.name, 0]] == [1]
    finally:
        await consumer.close()


async def test_topics_are_created_once_and_never_with_another_partition_count(
    exchange: Exchange,
) -> None:
    bootstrap, topic = [exchange.bootstrap], replace(exchange.topic, name=new_topic().name)
    assert await ensure_topics(bootstrap, [topic], replication=1, timeout_ms=9000) == [topic.name]
    (state,) = await describe_topics(bootstrap, [topic], timeout_ms=9000)
    assert (state.partitions, state.replication) == (4, 1)
    assert state.retention_ms == topic.retention_ms
    assert await ensure_topics(bootstrap, [topic], replication=1, timeout_ms=9000) == []
    with pytest.raises(TopicDiffersError):
        await ensure_topics(
            bootstrap, [replace(topic, partitions=5)], replication=1, timeout_ms=9000
        )


async def fetched(consumer: Consumer) -> dict[tuple[str, int], list[Record]]:
    while not (got := await consumer.fetch(10, 100)):
        pass
    return got


class Spoiling:
    """Builds a record batch with a header name that is no UTF-8, and a right checksum."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def build(self) -> bytearray:
        built = bytearray(self._builder.build())
        at = built.index(SPOILED_NAME.encode())
        built[at : at + len(SPOILED_NAME)] = b"\xff" * len(SPOILED_NAME)
        struct.pack_into(">I", built, 17, calc_crc32c(bytes(built[21:])))
        return built


async def send_spoiled(exchange: Exchange, records: list[Record]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=exchange.bootstrap)
    await producer.start()
    try:
        batch: Any = producer.create_batch()
        for each in records:
            headers = list(each.headers)
            batch.append(timestamp=None, key=each.key, value=each.value, headers=headers)
        batch._builder = Spoiling(batch._builder)
        await (await producer.send_batch(batch, exchange.topic.name, partition=0))
    finally:
        await producer.stop()


async def delete_before(exchange: Exchange, offset: int) -> None:
    """Let retention take everything before that offset of partition 0."""
    admin = AIOKafkaAdminClient(bootstrap_servers=exchange.bootstrap)
    await admin.start()
    try:
        partition = TopicPartition(exchange.topic.name, 0)
        await admin.delete_records({partition: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()
