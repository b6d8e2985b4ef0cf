"""The look-ups of an append and a load stay index look-ups when the tables are big.

PostgreSQL itself says how it ran the literal statements, those within the append function too
(auto_explain); often enough that it may have gone over to a generic plan.
"""

import os
import re
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest

from shared.kit.embedded import Servers
from shared.kit.embedded.polling import run_apart
from shared.kit.ports import (
    Appended,
    Batch,
    NewEvent,
    NewState,
    Receipt,
    StreamCheck,
    Want,
)
from shared.kit.postgres.exchange import PostgresRelaySource
from shared.kit.postgres.log import PostgresLog

ROWS = 200_000
BATCH = 64
ROUNDS = 8  # plan caches go over to generic plans after five
AT = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
BIG = re.compile(r"Seq Scan on (event|receipt|state|stream)\b")

FILL = f"""
INSERT INTO kit.stream (stream, version, last_event_id, scope)
SELECT 'garden/elm/' || n, 1, gen_random_uuid(), 'elm' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO kit.event (position, stream, version, event_id, type, scope, occurred_at, at,
                       recorded_at, actor, on_behalf_of, channel, grant_id, correlation_id,
                       traceparent, epoch, public, data)
SELECT n, 'garden/elm/' || n, 1, gen_random_uuid(), 'cogov.garden.planted.v1', 'elm', now(), now(),
       now(), '', '', '', '', gen_random_uuid(), '', 0, true, '{{}}'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO kit.receipt (command_id, fingerprint, recorded_at, outcome, epoch, first_position,
                         events)
SELECT lpad(to_hex(n), 32, '0')::uuid, '', now(), '{{}}', 0, n, 1
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO kit.state (stream, key, view, revision, version, state)
SELECT 'garden/elm/' || n, '', 'bed', 1, 1, '{{}}' FROM generate_series(1, {ROWS}) AS n;
UPDATE kit.head SET position = {ROWS};
"""


class _OneConnection:
    """Stands for the pool, so that every statement runs where its plan is heard."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.fetch, self.fetchrow = connection.fetch, connection.fetchrow
        self._connection = connection

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[asyncpg.Connection]:
        yield self._connection


class Plans:
    """What PostgreSQL says about each statement as it ends."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.log = PostgresLog(cast("asyncpg.Pool", _OneConnection(connection)))
        self.relay = PostgresRelaySource(cast("asyncpg.Pool", _OneConnection(connection)))
        self.texts: list[str] = []
        connection.add_log_listener(self._hear)

    def assert_indexed(self, *indexes: str) -> None:
        assert self.texts
        scans = [text for text in self.texts if BIG.search(text) or "Hash Join" in text]
        assert not scans, scans[0]
        for index in indexes:
            assert any(f"using {index} on" in text for text in self.texts), index

    def _hear(self, connection: Any, message: Any) -> None:
        # The client's own questions about types are not ours.
        if "plan:" in message.message and "typeinfo_tree" not in message.message:
            self.texts.append(message.message)


@pytest.fixture(scope="module")
def big(site: Servers, template: str) -> Generator[str]:
    """Give the address of a database with big tables, for all tests here."""
    name = f"cogov_test_big_{os.getpid()}"

    async def execute(database: str, *statements: str) -> None:
        connection = await asyncpg.connect(site.dsn(database), timeout=30)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    create = f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
    run_apart(lambda: execute("postgres", create))
    run_apart(lambda: execute(name, FILL, "ANALYZE"))
    yield site.dsn(name)
    run_apart(lambda: execute("postgres", f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def plans(big: str) -> AsyncGenerator[Plans]:
    connection = await asyncpg.connect(big)
    heard = Plans(connection)
    await connection.execute("LOAD 'auto_explain'")
    await connection.execute(
        "SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;"
        "SET client_min_messages = log"
    )
    yield heard
    await connection.close()


async def test_an_append_looks_up_streams_and_receipts_by_index(plans: Plans) -> None:
    for number in range(ROUNDS):
        answer = await plans.log.append(0, _batch(number))
        assert isinstance(answer, Appended)
    plans.assert_indexed("stream_pkey", "receipt_pkey")


async def test_a_load_looks_up_heads_states_receipts_and_events_by_index(plans: Plans) -> None:
    for number in range(ROUNDS):
        streams = _streams(number)
        # No state of this revision is stored, so the events are read too.
        wants = [Want(stream, "bed", 1 + n % 2) for n, stream in enumerate(streams)]
        loaded, receipts = await plans.log.load(wants, [UUID(int=n) for n in range(1, BATCH)])
        assert len(loaded) == BATCH
        assert len(receipts) == BATCH - 1
    plans.assert_indexed("stream_pkey", "state_pkey", "receipt_pkey", "event_stream_version")


async def test_heads_and_known_ids_are_looked_up_by_index(plans: Plans) -> None:
    for number in range(ROUNDS):
        streams = _streams(number)
        assert len(await plans.log.heads(streams)) == BATCH
        assert len(await plans.log.stored_ids([(stream, 1) for stream in streams])) == BATCH
    plans.assert_indexed("stream_pkey", "event_stream_version")


async def test_a_page_of_the_log_is_read_by_position(plans: Plans) -> None:
    for number in range(ROUNDS):
        after = ROWS // 2 + number * BATCH
        assert len(await plans.log.read(after, BATCH)) == BATCH
        assert len((await plans.relay.page(after, BATCH)).events) == BATCH
    plans.assert_indexed("event_pkey")


def _streams(number: int) -> Sequence[str]:
    return [f"garden/elm/{number * BATCH + n}" for n in range(1, BATCH + 1)]


def _batch(number: int) -> Batch:
    """Water beds that there are, each with its receipt and its state."""
    batch = Batch()
    for n, stream in enumerate(_streams(number), start=1):
        event_id = UUID(int=ROWS * 2 + number * BATCH + n)
        batch.events.append(
            NewEvent(
                stream=stream,
                version=2,
                event_id=event_id,
                type="cogov.garden.watered.v1",
                scope="elm",
                occurred_at=AT,
                at=AT,
                correlation_id=event_id,
                data="{}",
                public=True,
            )
        )
        batch.streams.append(StreamCheck(stream, 1, 2, event_id, "elm"))
        batch.receipts.append(Receipt(event_id, b"", "{}", n, 1))
        batch.states.append(NewState(stream, "bed", 1, 2, "{}"))
    return batch
