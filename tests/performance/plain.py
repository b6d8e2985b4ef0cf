"""The baseline of a command: one transaction each, as one would write it with asyncpg.

The same checks and the same durability: the command's receipt, the stream's version, the event.
`outbox`: the event also goes to an outbox table in the same transaction.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from shared.kit.ids import TimeOrderedIds
from tests.performance.tally import Add, Counted, counted, stream_of

CONNECTIONS = 16

SCHEMA = """
CREATE TABLE stream (stream text PRIMARY KEY, version integer NOT NULL) WITH (fillfactor = 70);
CREATE TABLE event (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    version integer NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    scope text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    command_id uuid NOT NULL,
    data jsonb NOT NULL,
    UNIQUE (stream, version)
);
CREATE TABLE receipt (
    command_id uuid PRIMARY KEY,
    fingerprint bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome jsonb NOT NULL
);
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    scope text NOT NULL,
    data text NOT NULL,
    sent_at timestamptz
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
"""

_VERSION = "SELECT version FROM stream WHERE stream = $1"
_MOVE = """
INSERT INTO stream AS s (stream, version) VALUES ($1, $2 + 1)
ON CONFLICT (stream) DO UPDATE SET version = excluded.version WHERE s.version = $2
RETURNING version
"""
_EVENT = """
INSERT INTO event (stream, version, event_id, type, scope, actor, command_id, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_RECEIPT = """
INSERT INTO receipt (command_id, fingerprint, outcome) VALUES ($1, $2, $3)
ON CONFLICT (command_id) DO NOTHING RETURNING command_id
"""
_OUTBOX = "INSERT INTO outbox (event_id, scope, data) VALUES ($1, $2, $3)"


_STATEMENTS = {"version": _VERSION, "move": _MOVE, "event": _EVENT, "receipt": _RECEIPT}


class StreamMovedError(Exception):
    """Another transaction was faster: try again."""


class PlainStore:
    """One held connection with its prepared statements."""

    def __init__(self, connection: asyncpg.Connection, prepared: Mapping[str, Any]) -> None:
        self._connection = connection
        self._prepared = prepared
        self._ids = TimeOrderedIds()

    @classmethod
    async def open(cls, dsn: str, *, outbox: bool = False) -> "PlainStore":
        connection = await asyncpg.connect(dsn)
        statements = {**_STATEMENTS, "outbox": _OUTBOX} if outbox else _STATEMENTS
        prepared = {name: await connection.prepare(sql) for name, sql in statements.items()}
        return cls(connection, prepared)

    async def close(self) -> None:
        await self._connection.close()

    async def add(self, command: Add, command_id: UUID) -> None:
        """Do one command, again after each conflict."""
        while True:
            try:
                async with self._connection.transaction():
                    await self._add(command, command_id)
            except StreamMovedError:
                continue
            return

    async def _add(self, command: Add, command_id: UUID) -> None:
        stream = stream_of(command.scope, command.counter)
        version: int = await self._prepared["version"].fetchval(stream) or 0
        event, event_id = counted(command), self._ids.new()
        outcome = json.dumps({"stream": stream, "version": version + 1})
        if (
            await self._prepared["receipt"].fetchval(command_id, command_id.bytes * 2, outcome)
            is None
        ):
            return
        if await self._prepared["move"].fetchval(stream, version) is None:
            raise StreamMovedError
        data = event.model_dump_json()
        await self._prepared["event"].fetch(
            stream,
            version + 1,
            event_id,
            Counted.type_name(),
            command.scope,
            "resident",
            command_id,
            data,
        )
        if "outbox" in self._prepared:
            await self._prepared["outbox"].fetch(event_id, command.scope, data)
