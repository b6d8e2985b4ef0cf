"""Operators' acts: each is an event, in the append of what it changes (architecture, §8).

A service tells them one after the other in a private stream, `<service>/operations/<district>`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final, Literal, Protocol
from uuid import UUID, uuid5

import msgspec

from shared.contracts.envelope import Event
from shared.kit.ports import Clock, Ids, NewEvent, Settled, StreamHead

CHANNEL: Final = "operator"
STUCK: Final = "stuck"
LETTER: Final = "letter"

Place = tuple[str, int, int]


class OperatorEvent(Event):
    """What every act tells: why. Who is the event's actor."""

    service: ClassVar[str] = "kit"

    reason: str


class StuckSettled(OperatorEvent):
    """What an operator said of a rule's stuck work."""

    stuck: int
    kind: str
    rule: str
    target: str
    code: str


class StuckRetried(StuckSettled):
    """Stuck work waits for its turn again."""


class StuckSkipped(StuckSettled):
    """Stuck work is done without; what waits behind it goes on."""


class LettersRedriven(OperatorEvent):
    """Dead letters were read again; `settled` are those whose records are in the log now."""

    letters: tuple[int, ...]
    settled: tuple[int, ...] = ()


class LettersSkipped(OperatorEvent):
    """Dead letters are done without; `filled` versions of their stream were left out by them."""

    letters: tuple[int, ...]
    stream: str | None
    filled: int


class PartitionResumed(OperatorEvent):
    """A partition that stood still runs again from its offset; `stopped` is why it stood."""

    topic: str
    part: int
    offset: int
    stopped: str


@dataclass(frozen=True, slots=True)
class Word:
    """Who acts, why, and the request it came with; nothing personal."""

    actor: str
    reason: str
    correlation_id: UUID
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An act on its way to the writer.

    `settles` is settled for certain, unless something stops the records that come with it;
    of `redrives` (dead letters by their places) those whose records are in the log then.
    """

    id: UUID
    stream: str
    scope: str
    at: datetime
    word: Word
    event: OperatorEvent
    settles: tuple[Settled, ...] = ()
    redrives: Mapping[Place, int] = field(default_factory=dict[Place, int])

    def touches(self, closed: Container[tuple[str, int]]) -> bool:
        """Tell whether it would settle one of these."""
        return any((one.kind, one.id) in closed for one in self.settles) or any(
            (LETTER, letter) in closed for letter in self.redrives.values()
        )

    def tell(
        self, stored: Container[Place], head: StreamHead
    ) -> tuple[NewEvent, tuple[Settled, ...]]:
        """Give its event, and what is settled, now that these records are in the log."""
        event, settles = self.event, self.settles
        if isinstance(event, LettersRedriven):
            letters = tuple(letter for place, letter in self.redrives.items() if place in stored)
            event = event.model_copy(update={"settled": letters})
            settles = tuple(settled(LETTER, letter, "redriven", self.word) for letter in letters)
        version = head.version + 1
        told = NewEvent(
            stream=self.stream,
            version=version,
            # An act that had to be divided is told once in each of its appends.
            event_id=uuid5(self.id, str(version)),
            type=event.type_name(),
            scope=self.scope,
            occurred_at=self.at,
            at=self.at,
            correlation_id=self.word.correlation_id,
            data=event.model_dump_json(),
            public=False,
            actor=self.word.actor,
            channel=CHANNEL,
            traceparent=self.word.traceparent,
        )
        return told, settles


class Acts:
    """Makes one service's acts."""

    def __init__(self, *, service: str, district: str, clock: Clock, ids: Ids) -> None:
        self._scope = district
        self._clock = clock
        self._ids = ids
        self.stream = f"{service}/operations/{district}"

    def act(
        self,
        word: Word,
        event: OperatorEvent,
        *,
        settles: tuple[Settled, ...] = (),
        redrives: Mapping[Place, int] | None = None,
    ) -> Act:
        """Make an act of an operator's word."""
        return Act(
            id=self._ids.new(),
            stream=self.stream,
            scope=self._scope,
            at=self._clock.now(),
            word=word,
            event=event,
            settles=settles,
            redrives=redrives or {},
        )


def settled(
    kind: Literal["stuck", "letter"],
    number: int,
    how: Literal["retried", "skipped", "redriven"],
    word: Word,
) -> Settled:
    """Say that stuck work or a dead letter is settled."""
    return Settled(kind, number, how, word.actor, word.reason)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An act as listed; `what` is JSON text."""

    number: int
    act: str
    at: datetime
    actor: str
    what: str
    correlation_id: UUID


class ActSource(Protocol):
    """Where acts are read; raises LogUnavailableError."""

    async def acts(self, before: int, limit: int) -> Sequence[Told]:
        """List acts numbered below `before`, the newest first."""
        ...


class NotOpenError(Exception):
    """There is nothing open of that kind with that id."""
