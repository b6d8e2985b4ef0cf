"""The log port in PostgreSQL: one statement appends, one statement loads (ADR 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from shared.kit.ports import (
    Appended,
    AppendResult,
    Batch,
    Closed,
    Conflict,
    ContentRefusedError,
    Fenced,
    Gone,
    Known,
    KnownReceipt,
    Loaded,
    LogUnavailableError,
    Moved,
    Stored,
    StreamHead,
    Want,
)

_CONTENT_CLASSES: Final = ("22", "23", "54", "KA")

_APPEND: Final = """
SELECT a.status, a.base, a.recorded_at, a.known, a.streams, a.partitions, a.gone
FROM kit.append_v2($1, $2::kit.event_v2[], $3::kit.stream_v1[], $4::kit.receipt_v1[],
                   $5::kit.state_v1[], $6::kit.secret_v1[], $7::kit.offset_v1[],
                   $8::kit.dead_letter_v1[], $9::kit.timer_v1[], $10::kit.fired_v1[],
                   $11::kit.claim_v1[], $12::uuid[]) AS a
"""

_APPEND_ACTS: Final = """
SELECT a.status, a.base, a.recorded_at, a.known, a.streams, a.partitions, a.gone
FROM kit.append_acts_v1($1, $2::kit.event_v2[], $3::kit.stream_v1[], $4::kit.receipt_v1[],
                        $5::kit.state_v1[], $6::kit.secret_v1[], $7::kit.offset_v1[],
                        $8::kit.dead_letter_v1[], $9::kit.timer_v1[], $10::kit.fired_v1[],
                        $11::kit.claim_v1[], $12::uuid[], $13::kit.settled_v1[]) AS a
"""

EVENT_COLUMNS: Final = """
e.position, e.stream, e.version, e.event_id, e.type, e.source, e.source_position, e.scope,
e.occurred_at, e.at, e.recorded_at, e.actor, e.on_behalf_of, e.channel, e.grant_id, e.command_id,
e.correlation_id, e.causation_id, e.traceparent, e.hops, e.epoch, e.public,
e.data::text AS data
"""

_LOAD: Final = """
SELECT w.n, s.version AS head_version, s.last_event_id, s.scope AS head_scope,
       st.version AS state_version, st.state::text AS state
FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[]) WITH ORDINALITY
     AS w (stream, view, revision, key, n)
LEFT JOIN LATERAL (SELECT k.version, k.last_event_id, k.scope FROM kit.stream AS k
                   WHERE k.stream = w.stream OFFSET 0) AS s ON true
LEFT JOIN LATERAL (SELECT k.version, k.state FROM kit.state AS k
                   WHERE k.stream = w.stream AND k.view = w.view AND k.revision = w.revision
                     AND k.key = w.key OFFSET 0) AS st ON true
ORDER BY w.n
"""

_LOAD_EVENTS: Final = (
    "SELECT "  # noqa: S608 - constants only
    + EVENT_COLUMNS
    + """
FROM unnest($1::text[], $2::integer[]) AS w (stream, after)
CROSS JOIN LATERAL (SELECT * FROM kit.event AS k
                    WHERE k.stream = w.stream AND k.version > w.after
                    ORDER BY k.version OFFSET 0) AS e
ORDER BY e.stream, e.version
"""
)

_RECEIPTS: Final = """
SELECT r.command_id, r.fingerprint, r.outcome::text AS outcome, r.epoch, r.events,
       CASE WHEN r.events = 0 THEN r.first_position ELSE r.first_position + r.events - 1 END
           AS position
FROM unnest($1::uuid[]) AS c (command_id)
CROSS JOIN LATERAL (SELECT * FROM kit.receipt AS k WHERE k.command_id = c.command_id OFFSET 0) AS r
"""

_HEADS: Final = """
SELECT s.stream, s.version, s.last_event_id, s.scope
FROM unnest($1::text[]) AS w (stream)
CROSS JOIN LATERAL (SELECT * FROM kit.stream AS k WHERE k.stream = w.stream OFFSET 0) AS s
"""

_READ: Final = (
    "SELECT "
    + EVENT_COLUMNS
    + "FROM kit.event AS e WHERE e.position > $1 ORDER BY e.position LIMIT $2"
)

_CLAIMS: Final = """
SELECT c.kind, c.digest, c.holder
FROM unnest($1::text[], $2::bytea[]) AS w (kind, digest)
CROSS JOIN LATERAL (SELECT * FROM kit.claim AS k
                    WHERE k.kind = w.kind AND k.digest = w.digest OFFSET 0) AS c
"""

_STORED_IDS: Final = """
SELECT w.stream, w.version,
       (SELECT e.event_id FROM kit.event AS e
        WHERE e.stream = w.stream AND e.version = w.version LIMIT 1) AS event_id
FROM unnest($1::text[], $2::integer[]) AS w (stream, version)
"""


class PostgresLog:
    """One service's log in its own database.

    `append` runs on a connection of its own in autocommit, so nothing else delays the writer.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def append(self, epoch: int, batch: Batch) -> AppendResult:
        """Append whole or not at all."""
        try:
            if batch.settled:
                acts = [(s.kind, s.id, s.how, s.by, s.reason) for s in batch.settled]
                row = await self._pool.fetchrow(_APPEND_ACTS, epoch, *_arrays(batch), acts)
            else:
                row = await self._pool.fetchrow(_APPEND, epoch, *_arrays(batch))
        except Exception as error:
            raise translated(error) from error
        assert row is not None
        match row["status"]:
            case "appended":
                return Appended(row["base"], row["recorded_at"])
            case "fenced":
                return Fenced()
            case "known":
                return Known(tuple(_uuid(value) for value in row["known"]))
            case "conflict":
                return Conflict(tuple(row["streams"]))
            case "gone" | "closed":
                return _not_there(row)
            case _:
                return Moved(tuple(row["partitions"]))

    async def load(
        self, wants: Sequence[Want], commands: Sequence[UUID]
    ) -> tuple[list[Loaded], dict[UUID, KnownReceipt]]:
        """Load what a batch needs on one connection; streams that do not exist give version 0."""
        try:
            async with self._pool.acquire() as connection:
                receipts = await _receipts(connection, commands)
                return await _load(connection, wants), receipts
        except Exception as error:
            raise translated(error, unknown=False) from error

    async def heads(self, streams: Sequence[str]) -> dict[str, StreamHead]:
        """Give the heads of those streams that exist."""
        rows = await self._fetch(_HEADS, list(streams))
        return {
            row["stream"]: StreamHead(row["version"], _uuid(row["last_event_id"]), row["scope"])
            for row in rows
        }

    async def read(self, after: int, limit: int) -> list[Stored]:
        """Read the log past a position."""
        return [stored(row) for row in await self._fetch(_READ, after, limit)]

    async def head(self) -> tuple[int, int]:
        """Give (position, epoch)."""
        row = (await self._fetch("SELECT h.position, h.epoch FROM kit.head AS h"))[0]
        return row["position"], row["epoch"]

    async def claims(self, wanted: Sequence[tuple[str, bytes]]) -> dict[tuple[str, bytes], str]:
        """Give the holder of each (kind, digest) that somebody has claimed."""
        rows = await self._fetch(
            _CLAIMS, [kind for kind, _ in wanted], [digest for _, digest in wanted]
        )
        return {(row["kind"], row["digest"]): row["holder"] for row in rows}

    async def stored_ids(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], UUID]:
        """Give the event ids at (stream, version), where there are any."""
        rows = await self._fetch(
            _STORED_IDS, [stream for stream, _ in wanted], [version for _, version in wanted]
        )
        return {
            (row["stream"], row["version"]): _uuid(row["event_id"])
            for row in rows
            if row["event_id"] is not None
        }

    async def _fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            return await self._pool.fetch(sql, *arguments)
        except Exception as error:
            raise translated(error, unknown=False) from error


def stored(row: asyncpg.Record) -> Stored:
    """Build a Stored from a row that has the columns of `event_columns`."""
    return Stored(
        position=row["position"],
        stream=row["stream"],
        version=row["version"],
        event_id=_uuid(row["event_id"]),
        type=row["type"],
        source=row["source"],
        source_position=row["source_position"],
        scope=row["scope"],
        occurred_at=row["occurred_at"],
        at=row["at"],
        recorded_at=row["recorded_at"],
        actor=row["actor"],
        on_behalf_of=row["on_behalf_of"],
        channel=row["channel"],
        grant_id=row["grant_id"],
        command_id=_maybe_uuid(row["command_id"]),
        correlation_id=_uuid(row["correlation_id"]),
        causation_id=_maybe_uuid(row["causation_id"]),
        traceparent=row["traceparent"],
        hops=row["hops"],
        epoch=row["epoch"],
        public=row["public"],
        data=row["data"],
    )


def _not_there(row: asyncpg.Record) -> Gone | Closed:
    if row["status"] == "gone":
        return Gone(tuple(_timer(text) for text in row["gone"]))
    return Closed(frozenset(_number(text) for text in row["gone"]))


def _timer(text: str) -> tuple[str, str]:
    stream, _, name = text.rpartition(" ")
    return stream, name


def _number(text: str) -> tuple[str, int]:
    kind, _, number = text.partition(" ")
    return kind, int(number)


def _uuid(value: Any) -> UUID:
    # asyncpg's own UUID class is slower to compare and does not serialise everywhere.
    return UUID(int=value.int)


def _maybe_uuid(value: Any) -> UUID | None:
    return None if value is None else UUID(int=value.int)


async def _receipts(connection: Any, commands: Sequence[UUID]) -> dict[UUID, KnownReceipt]:
    if not commands:
        return {}
    rows = await connection.fetch(_RECEIPTS, list(commands))
    return {
        _uuid(row["command_id"]): KnownReceipt(
            _uuid(row["command_id"]),
            row["fingerprint"],
            row["outcome"],
            row["epoch"],
            row["position"],
            row["events"],
        )
        for row in rows
    }


async def _load(connection: Any, wants: Sequence[Want]) -> list[Loaded]:
    if not wants:
        return []
    rows = await connection.fetch(
        _LOAD,
        [want.stream for want in wants],
        [want.view for want in wants],
        [want.revision for want in wants],
        [want.key or "" for want in wants],
    )
    behind: dict[str, int] = {}
    for want, row in zip(wants, rows, strict=True):
        after = row["state_version"] or 0
        if want.key is None and (row["head_version"] or 0) > after:
            behind[want.stream] = min(after, behind.get(want.stream, after))
    events: dict[str, list[Stored]] = {}
    if behind:
        for row in await connection.fetch(_LOAD_EVENTS, list(behind), list(behind.values())):
            events.setdefault(row["stream"], []).append(stored(row))
    return [
        _loaded(want, row, events.get(want.stream, []) if want.key is None else [])
        for want, row in zip(wants, rows, strict=True)
    ]


def _loaded(want: Want, row: asyncpg.Record, events: list[Stored]) -> Loaded:
    version = row["head_version"] or 0
    after = row["state_version"] or 0
    head = (
        StreamHead(version, _uuid(row["last_event_id"]), row["head_scope"])
        if version
        else StreamHead()
    )
    return Loaded(
        stream=want.stream,
        view=want.view,
        head=head,
        state=row["state"],
        state_version=after,
        events=tuple(event for event in events if after < event.version <= version),
        key=want.key,
    )


def translated(error: Exception, *, unknown: bool = True) -> Exception:
    """Sort a database error: content (find the guilty one), or passing (all again)."""
    if isinstance(error, asyncpg.PostgresError):
        if (error.sqlstate or "")[:2] in _CONTENT_CLASSES:
            return ContentRefusedError(f"{error.sqlstate}: {type(error).__name__}")
        lost = (error.sqlstate or "")[:2] in {"08", "57"}
        return LogUnavailableError(f"{error.sqlstate}: {error}", unknown=unknown and lost)
    if isinstance(error, asyncpg.DataError | UnicodeError | ValueError | OverflowError):
        return ContentRefusedError(type(error).__name__)
    if isinstance(
        error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError
    ):
        return LogUnavailableError(f"{type(error).__name__}: {error}", unknown=unknown)
    return error


def _arrays(batch: Batch) -> tuple[list[Any], ...]:
    """Turn a batch into the arrays of the append function, columns in the types' order."""
    return (
        [
            (
                event.stream, event.version, event.event_id, event.type, event.source,
                event.source_position, event.scope, event.occurred_at, event.at, event.actor,
                event.on_behalf_of, event.channel, event.grant_id, event.command_id,
                event.correlation_id, event.causation_id, event.traceparent, event.hops,
                event.public, event.data,
            )
            for event in batch.events
        ],
        [
            (check.stream, check.expected, check.version, check.last_event_id, check.scope)
            for check in batch.streams
        ],
        [
            (r.command_id, r.fingerprint, r.outcome, r.first, r.events) for r in batch.receipts
        ],
        [(s.stream, s.key, s.view, s.revision, s.version, s.state) for s in batch.states],
        [(s.record, s.field, s.subject, s.ciphertext) for s in batch.secrets],
        [
            (
                o.topic, o.part, o.generation, o.expected, o.next, o.source_position,
                o.source_epoch, o.source_time, o.stopped,
            )
            for o in batch.offsets
        ],
        [
            (
                d.topic, d.part, d.record_offset, d.record_key, d.headers, d.value, d.stream,
                d.code, d.reason,
            )
            for d in batch.dead_letters
        ],
        [(t.stream, t.name, t.due_at, t.scope) for t in batch.timers],
        [(t.stream, t.name, t.due_at) for t in batch.fired],
        [(c.kind, c.digest, c.holder) for c in batch.claims],
        batch.erased,
    )  # fmt: skip
