"""The writer stands still while a standby waits, and wakes when another has taken over."""

import asyncio
import logging
import time
from collections.abc import Iterator
from uuid import uuid4

from shared.contracts.topics import TOPICS
from shared.kit.cloudevents import to_record
from shared.kit.kafka.bus import KafkaBus, KafkaLimits
from shared.kit.ports import Batch, Fenced, Receipt
from shared.kit.postgres.exchange import PostgresRelaySource
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.pool import create_pool
from tests.fixtures.clients import Journal
from tests.fixtures.ordeal import LEASE_S, SECOND, Ordeal, eventually
from tests.fixtures.workload import COMMANDS, play, receive

log = logging.getLogger(__name__)

FIRST = "wishes"
OTHERS = 8
PAUSE_S = 20  # several leases
EVERYTHING = 10_000


async def test_a_writer_that_wakes_late_changes_nothing(ordeal: Ordeal) -> None:
    path = await ordeal.community("paused")
    ordeal.district.add(SECOND)
    await ordeal.start(SECOND.name)
    assert await ordeal.leader_name(FIRST, SECOND.name) == FIRST
    before = await _epoch(ordeal)
    said = ordeal.district.log_of(FIRST).stat().st_size
    journal, late = Journal(), Journal()
    async with (
        ordeal.client(SECOND.name, journal=journal) as client,
        ordeal.client(FIRST, SECOND.name, journal=late) as asking_the_first,
    ):
        ordeal.district.pause(FIRST)
        try:
            paused_at = time.monotonic()
            playing = asyncio.create_task(play(client, path))
            # These wait in the sleeping writer's socket, and are decided in its old epoch.
            waiting = [
                asyncio.create_task(receive(asking_the_first, path, f"late-{number}"))
                for number in range(OTHERS)
            ]

            async def taken_over() -> bool:
                return await _epoch(ordeal) > before

            took = await eventually(taken_over, within_s=LEASE_S + 2)
            replies = await playing
            answered = time.monotonic() - paused_at

            async def slept_on() -> bool:
                return time.monotonic() - paused_at > PAUSE_S

            await eventually(slept_on, within_s=PAUSE_S)
            assert not any(task.done() for task in waiting)
        finally:
            ordeal.district.resume(FIRST)
        late_replies = await asyncio.gather(*waiting)
    log.info("taken over after %.2f s; all answered after %.2f s: %s", took, answered, journal)
    log.info("asked while it stood still: %s", late)
    assert [reply.status < 300 for reply in replies] == [True] * COMMANDS
    assert [reply.status for reply in late_replies] == [201] * OTHERS
    assert journal.unexpected == late.unexpected == {}
    assert journal.longest_s < LEASE_S + 5, "whoever asked the standby waited for the sleeper"

    await _assert_that_it_starts_anew(ordeal, said)
    assert await _epoch(ordeal) == before + 1
    await _assert_refused_at_the_log(ordeal, before)
    await ordeal.drained()
    figures = await ordeal.figures("paused")
    assert figures["figures"]["received"] == figures["totals"]["heard"]
    await _send_everything_again(ordeal)
    await ordeal.drained()
    assert await ordeal.figures("paused") == figures
    await ordeal.assert_clean()


async def _assert_that_it_starts_anew(ordeal: Ordeal, since: int) -> None:
    """The late writer says why it lost the lease, and is back as a standby on the same port."""

    def events() -> Iterator[str]:
        return (str(line.get("event")) for line in ordeal.log_lines(FIRST, since))

    async def serving() -> bool:
        return "replica.opened" in events()

    await eventually(serving, within_s=30)
    await ordeal.start(FIRST)
    lost = [line for line in ordeal.log_lines(FIRST, since) if line.get("event") == "lease.lost"]
    assert len(lost) == 1
    log.info("the late writer: %s", lost[0]["reason"])
    assert await ordeal.leader_name(FIRST, SECOND.name) == SECOND.name


async def _assert_refused_at_the_log(ordeal: Ordeal, old_epoch: int) -> None:
    pool = await create_pool(
        ordeal.settings["wishes"].database_dsn.get_secret_value(),
        size_max=2,
        statement_timeout_ms=10_000,
        application="the late writer",
    )
    try:
        receipt = Receipt(uuid4(), b"late", "{}", 0, 0)
        assert await PostgresLog(pool).append(old_epoch, Batch(receipts=[receipt])) == Fenced()
        source = PostgresRelaySource(pool)
        assert await source.claim(old_epoch) is None
        cursor = await source.claim(old_epoch + 1)
        assert cursor is not None
        assert not await source.move(cursor, cursor.position, old_epoch)
    finally:
        await pool.close()


async def _send_everything_again(ordeal: Ordeal) -> None:
    """Write the records a late relay may still have under way: all there ever were."""
    topic = TOPICS["wishes"]
    bus = KafkaBus(
        bootstrap=[ordeal.site.bootstrap],
        client_id="the-late-relay",
        partitions={topic.name: topic.partitions},
        limits=KafkaLimits(),
    )
    pool = await create_pool(
        ordeal.district.owner_dsn("wishes"),
        size_max=1,
        statement_timeout_ms=10_000,
        application="the late relay",
    )
    try:
        page = await PostgresRelaySource(pool).page(0, EVERYTHING)
    finally:
        await pool.close()
    producer = await bus.producer()
    try:
        for outgoing in page.events:
            record = to_record(
                outgoing.event,
                outgoing.previous_id,
                service=topic.service,
                generation=topic.generation,
            )
            part = bus.partition(topic.name, outgoing.event.scope)
            await producer.send(topic.name, {part: [record]})
    finally:
        await producer.close()
    log.info("%d records sent again", len(page.events))


async def _epoch(ordeal: Ordeal) -> int:
    return (await ordeal.row("wishes", "SELECT h.epoch FROM kit.head AS h"))["epoch"]
