"""A rule's work: what it asks for, why it waits or is stuck, and where all of that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID, uuid5

import msgspec

from shared.decider import Command, Due
from shared.kit.ports import Stored
from shared.kit.submission import Submission

QUEUED: Final = "queued"  # behind earlier work of the same rule for the same target
CHANNEL: Final = "rule"

_NAMESPACE: Final = UUID("6a0b2c1e-5d0f-5a7e-9a39-3f1f8f3f6c55")


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule asks for because of one event, or a timer's end (`source_position` 0).

    `ordinal` counts the commands of that event from 0; within a rule (position, ordinal) is the
    order of the work. `command` null: the effect or the run of the event itself.
    """

    kind: str
    rule: str
    source_position: int
    ordinal: int
    source_event: UUID | None
    scope: str
    target: str
    command_id: UUID | None
    command: Command | None
    correlation_id: UUID
    traceparent: str
    hops: int

    def submission(self) -> Submission:
        """Give it to the writer; the same work always has the same command id."""
        assert self.command is not None
        assert self.command_id is not None
        return Submission(
            command_id=self.command_id,
            fingerprint=b"",
            scope=self.scope,
            command=self.command,
            caller=None,
            correlation_id=self.correlation_id,
            channel=CHANNEL,
            causation_id=self.source_event,
            traceparent=self.traceparent,
            actor=f"rule:{self.rule}",
            hops=self.hops,
        )


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Work that was refused for now: asked again when a stream has an event past `position`.

    No streams: it is asked again at its turn. `until` null: it never gives up by itself.
    """

    work: Work
    code: str
    streams: tuple[str, ...]
    position: int
    until: datetime | None


class StuckWork(msgspec.Struct, frozen=True, kw_only=True):
    """Work that only an operator can bring on; `timer` is the row it came from, to be removed."""

    work: Work
    code: str
    timer: Due | None = None


class StuckRow(msgspec.Struct, frozen=True, kw_only=True):
    """Stuck work as listed."""

    id: int
    kind: str
    rule: str
    target: str
    scope: str
    command: str
    code: str
    source_position: int
    since: datetime


class CursorMove(msgspec.Struct, frozen=True):
    """A rule's way along the log."""

    name: str
    after: int
    upto: int


@dataclass(slots=True)
class Moves:
    """What one step changes, all or nothing."""

    cursors: list[CursorMove] = field(default_factory=list[CursorMove])
    waiting: list[Waiting] = field(default_factory=list[Waiting])
    ended: list[Work] = field(default_factory=list[Work])
    stuck: list[StuckWork] = field(default_factory=list[StuckWork])

    def __bool__(self) -> bool:
        """Tell whether there is anything to change."""
        return bool(self.cursors or self.waiting or self.ended or self.stuck)


class DueTimer(msgspec.Struct, frozen=True):
    """A timer whose time has come, and the scope of its stream."""

    due: Due
    scope: str


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How much stands still: counts, and the age of the oldest in seconds of the right clock."""

    waiting: Mapping[str, int]
    waiting_oldest_s: float
    stuck: Mapping[str, int]
    timers_due: int
    timers_oldest_due_s: float


class RuleSource(Protocol):
    """Where the rules' cursors and work are kept; raises LogUnavailableError."""

    async def claim(self, epoch: int, names: Mapping[str, bool]) -> dict[str, int] | None:
        """Take the cursors for an epoch; `names` says which begin live. None: a later one has them.

        Gives where each stands.
        """
        ...

    async def page(
        self, after: int, limit: int, types: Sequence[str]
    ) -> tuple[int, Sequence[Stored]]:
        """Read the events of these types, whatever their version, among the next positions.

        Gives the position up to which there are no others.
        """
        ...

    async def event(self, position: int) -> Stored | None:
        """Read one event."""
        ...

    async def index_in_command(self, event: Stored) -> int:
        """Count the events before it that the same command gave."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[DueTimer]:
        """Give the timers that are due, the earliest first."""
        ...

    async def blocked(self, pairs: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Give those of the (rule, target) for which work waits or is stuck."""
        ...

    async def wakeable(self, now: datetime, limit: int) -> Sequence[Waiting]:
        """Give waiting work that is the first of its queue and may be asked again."""
        ...

    async def move(self, epoch: int, moves: Moves) -> bool:
        """Write a step; False: a later epoch has the rules."""
        ...

    async def stuck(self, after: int, limit: int) -> Sequence[StuckRow]:
        """List open stuck work past an id, the oldest first."""
        ...

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        """List waiting work, the oldest event first."""
        ...

    async def backlog(self, now: datetime) -> Backlog:
        """Count what waits, is stuck and is due."""
        ...


def work_of(
    kind: str,
    rule: str,
    event: Stored,
    *,
    ordinal: int = 0,
    command: Command | None = None,
    target: Callable[[Command], str],
) -> Work:
    """Make the work that a rule asks for because of an event."""
    aim = event.stream if command is None else target(command)
    return Work(
        kind=kind,
        rule=rule,
        source_position=event.position,
        ordinal=ordinal,
        source_event=event.event_id,
        scope=event.scope,
        target=aim,
        command_id=None if command is None else rule_command_id(event.event_id, rule, aim, command),
        command=command,
        correlation_id=event.correlation_id,
        traceparent=event.traceparent,
        hops=event.hops + 1,
    )


def rule_command_id(source: UUID, rule: str, target: str, command: Command) -> UUID:
    """Derive a command's id from its cause, whatever its content (architecture, §3)."""
    return uuid5(source, f"{rule}|{target}|{type(command).__name__}")


def timer_command_id(due: Due) -> UUID:
    """Derive the id of a timer's command from its row."""
    return uuid5(_NAMESPACE, f"{due.stream}|{due.name}|{due.due_at.isoformat()}")
