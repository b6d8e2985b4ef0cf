"""The rules' cursors and work in PostgreSQL: each step one statement, fenced by the epoch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import asyncpg
import msgspec

from shared.decider import Command, Due
from shared.kit.ports import Stored
from shared.kit.postgres.log import EVENT_COLUMNS, stored, translated
from shared.kit.rules.work import Backlog, DueTimer, Moves, StuckRow, Waiting, Work

_ENCODER: Final = msgspec.json.Encoder()

_CLAIM: Final = "SELECT c.name, c.position FROM kit.claim_rules_v1($1, $2, $3) AS c"
_FENCE: Final = "SELECT f.epoch FROM kit.fence AS f WHERE f.name = 'rules'"

_PAGE: Final = (
    "SELECT "
    + EVENT_COLUMNS
    + """
FROM kit.event AS e
WHERE e.position > $1 AND e.position <= $2 AND rtrim(e.type, '0123456789') = ANY ($3::text[])
ORDER BY e.position
"""
)
_EVENT: Final = "SELECT " + EVENT_COLUMNS + "FROM kit.event AS e WHERE e.position = $1"
_INDEX: Final = """
SELECT count(*) FROM kit.event AS e
WHERE e.position < $1 AND e.position >= $1 - 1000 AND e.command_id = $2
"""

_DUE: Final = """
SELECT t.stream, t.name, t.due_at, t.scope FROM kit.timer AS t
WHERE t.due_at <= $1 ORDER BY t.due_at, t.stream, t.name LIMIT $2
"""

_BLOCKED: Final = """
SELECT x.rule, x.target FROM unnest($1::text[], $2::text[]) AS x (rule, target)
WHERE EXISTS (SELECT FROM kit.waiting AS w WHERE w.rule = x.rule AND w.target = x.target)
   OR EXISTS (SELECT FROM kit.stuck AS s
              WHERE s.rule = x.rule AND s.target = x.target AND s.settled IS NULL)
"""

_WAITING_COLUMNS: Final = """
w.kind, w.rule, w.source_position, w.ordinal, w.source_event, w.scope, w.target, w.command_id,
w.command::text AS command, w.correlation_id, w.traceparent, w.hops, w.code, w.streams, w.position,
w.until
"""
# The first of each queue: nothing of its rule for its target waits, or is stuck, before it.
_WAKEABLE: Final = (
    "SELECT "  # noqa: S608 - constants only
    + _WAITING_COLUMNS
    + """
FROM kit.waiting AS w
WHERE NOT EXISTS (SELECT FROM kit.waiting AS p
                  WHERE p.rule = w.rule AND p.target = w.target
                    AND (p.source_position, p.ordinal) < (w.source_position, w.ordinal))
  AND NOT EXISTS (SELECT FROM kit.stuck AS s
                  WHERE s.rule = w.rule AND s.target = w.target AND s.settled IS NULL
                    AND (s.source_position, s.ordinal) < (w.source_position, w.ordinal))
  AND (w.command IS NULL OR w.command ->> 'type' = ANY ($3::text[]))
  AND (cardinality(w.streams) = 0 OR w.until <= $1
       OR EXISTS (SELECT FROM unnest(w.streams) AS x (stream)
                  WHERE (SELECT e.position FROM kit.event AS e WHERE e.stream = x.stream
                         ORDER BY e.version DESC LIMIT 1) > w.position))
ORDER BY w.source_position, w.ordinal
LIMIT $2
"""
)
_WAITING: Final = (
    "SELECT "
    + _WAITING_COLUMNS
    + "FROM kit.waiting AS w ORDER BY w.source_position, w.ordinal, w.rule LIMIT $1"
)

_MOVE: Final = """
SELECT kit.move_rules_v1($1, $2, $3, $4, $5::kit.waiting_v1[], $6::kit.waiting_key_v1[],
                         $7::kit.stuck_v1[], $8::kit.fired_v1[])
"""
_STUCK: Final = """
SELECT s.id, s.kind, s.rule, s.target, s.scope, coalesce(s.command ->> 'type', '') AS command,
       s.code, s.source_position, s.since
FROM kit.stuck AS s WHERE s.settled IS NULL AND s.id > $1 ORDER BY s.id LIMIT $2
"""
_BACKLOG: Final = """
SELECT 'waiting' AS what, w.rule AS name, count(*) AS count,
       extract(epoch FROM clock_timestamp() - min(w.since))::bigint AS oldest_s
FROM kit.waiting AS w GROUP BY w.rule
UNION ALL
SELECT 'stuck', s.kind, count(*), extract(epoch FROM clock_timestamp() - min(s.since))::bigint
FROM kit.stuck AS s WHERE s.settled IS NULL GROUP BY s.kind
UNION ALL
SELECT 'timers', '', count(*), extract(epoch FROM $1 - min(t.due_at))::bigint
FROM kit.timer AS t WHERE t.due_at <= $1
"""


class PostgresRuleSource:
    """The `RuleSource` of one service's database, for the commands of that service."""

    def __init__(self, pool: asyncpg.Pool, commands: Iterable[type[Command]]) -> None:
        self._pool = pool
        union: Any = None
        for command in commands:
            union = command if union is None else union | command
        self._commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(union)
        self._names = [command.__name__ for command in commands]

    async def claim(self, epoch: int, names: Mapping[str, bool]) -> dict[str, int] | None:
        """Take the cursors for an epoch; None: a later epoch has them."""
        rows = await self._fetch(_CLAIM, epoch, list(names), list(names.values()))
        if not rows and (names or (await self._fetch(_FENCE))[0]["epoch"] != epoch):
            return None
        return {row["name"]: row["position"] for row in rows}

    async def page(
        self, after: int, limit: int, types: Sequence[str]
    ) -> tuple[int, Sequence[Stored]]:
        """Read the events of these types among the next positions."""
        head = (await self._fetch("SELECT h.position FROM kit.head AS h"))[0]["position"]
        upto = min(after + limit, head)
        if upto <= after:
            return after, ()
        rows = await self._fetch(_PAGE, after, upto, list(types))
        return upto, tuple(stored(row) for row in rows)

    async def event(self, position: int) -> Stored | None:
        """Read one event."""
        rows = await self._fetch(_EVENT, position)
        return stored(rows[0]) if rows else None

    async def index_in_command(self, event: Stored) -> int:
        """Count the events before it that the same command gave: they stand side by side."""
        if event.command_id is None:
            return 0
        return (await self._fetch(_INDEX, event.position, event.command_id))[0]["count"]

    async def due(self, now: datetime, limit: int) -> Sequence[DueTimer]:
        """Give the timers that are due, the earliest first."""
        return [
            DueTimer(Due(row["stream"], row["name"], row["due_at"]), row["scope"])
            for row in await self._fetch(_DUE, now, limit)
        ]

    async def blocked(self, pairs: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Give those of the (rule, target) for which work waits or is stuck."""
        if not pairs:
            return frozenset()
        rules, targets = zip(*pairs, strict=True)
        rows = await self._fetch(_BLOCKED, list(rules), list(targets))
        return frozenset((row["rule"], row["target"]) for row in rows)

    async def wakeable(self, now: datetime, limit: int) -> Sequence[Waiting]:
        """Give waiting work that is the first of its queue and may be asked again.

        What another release wants, with commands that this one lacks, waits for it.
        """
        found: list[Waiting] = []
        for row in await self._fetch(_WAKEABLE, now, limit, self._names):
            with contextlib.suppress(msgspec.ValidationError):
                found.append(_waiting(row, self._command(row)))
        return found

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        """List waiting work, the oldest event first."""
        found: list[Waiting] = []
        for row in await self._fetch(_WAITING, limit):
            command = None
            with contextlib.suppress(msgspec.ValidationError):
                command = self._command(row)
            found.append(_waiting(row, command))
        return found

    async def move(self, epoch: int, moves: Moves) -> bool:
        """Write a step; False: a later epoch has the rules."""
        rows = await self._fetch(
            _MOVE,
            epoch,
            [one.name for one in moves.cursors],
            [one.after for one in moves.cursors],
            [one.upto for one in moves.cursors],
            [_waiting_row(one) for one in moves.waiting],
            [(w.rule, w.source_position, w.ordinal, w.target) for w in moves.ended],
            [(*_work_row(one.work), one.code) for one in moves.stuck],
            [(t.stream, t.name, t.due_at) for one in moves.stuck if (t := one.timer) is not None],
        )
        return rows[0][0]

    async def stuck(self, after: int, limit: int) -> Sequence[StuckRow]:
        """List open stuck work past an id, the oldest first."""
        return [StuckRow(**dict(row)) for row in await self._fetch(_STUCK, after, limit)]

    async def backlog(self, now: datetime) -> Backlog:
        """Count what waits, is stuck and is due."""
        waiting: dict[str, int] = {}
        stuck: dict[str, int] = {}
        oldest = {"waiting": 0, "stuck": 0, "timers": 0}
        due = 0
        for row in await self._fetch(_BACKLOG, now):
            oldest[row["what"]] = max(oldest[row["what"]], row["oldest_s"] or 0)
            match row["what"]:
                case "waiting":
                    waiting[row["name"]] = row["count"]
                case "stuck":
                    stuck[row["name"]] = row["count"]
                case _:
                    due = row["count"]
        return Backlog(
            waiting=waiting,
            waiting_oldest_s=oldest["waiting"],
            stuck=stuck,
            timers_due=due,
            timers_oldest_due_s=oldest["timers"],
        )

    def _command(self, row: asyncpg.Record) -> Command | None:
        return None if row["command"] is None else self._commands.decode(row["command"])

    async def _fetch(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        try:
            return await self._pool.fetch(sql, *arguments)
        except Exception as error:
            raise translated(error, unknown=False) from error


def _waiting(row: asyncpg.Record, command: Command | None) -> Waiting:
    work = Work(
        kind=row["kind"],
        rule=row["rule"],
        source_position=row["source_position"],
        ordinal=row["ordinal"],
        source_event=_uuid(row["source_event"]),
        scope=row["scope"],
        target=row["target"],
        command_id=_uuid(row["command_id"]),
        command=command,
        correlation_id=UUID(int=row["correlation_id"].int),
        traceparent=row["traceparent"],
        hops=row["hops"],
    )
    return Waiting(
        work=work,
        code=row["code"],
        streams=tuple(row["streams"]),
        position=row["position"],
        until=row["until"],
    )


def _waiting_row(one: Waiting) -> tuple[Any, ...]:
    return (*_work_row(one.work), one.code, list(one.streams), one.position, one.until)


def _work_row(work: Work) -> tuple[Any, ...]:
    """Give the columns that waiting and stuck work have in common, in the types' order."""
    return (
        work.kind, work.rule, work.source_position, work.ordinal, work.source_event, work.scope,
        work.target, work.command_id,
        None if work.command is None else _ENCODER.encode(work.command).decode(),
        work.correlation_id, work.traceparent, work.hops,
    )  # fmt: skip


def _uuid(value: Any) -> UUID | None:
    return None if value is None else UUID(int=value.int)
