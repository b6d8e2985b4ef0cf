"""The ports: what the writer, the relay, ingest and the projector need of the world.

Each has a real implementation (Postgres, Kafka, the operating system) and, for unit tests and the
simulation, one in memory; both pass one conformance suite.

What is made once per command is a msgspec struct: a frozen dataclass costs five times as much.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from shared.decider import Due

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
# Of a timer that fired and changed nothing: Postgres' infinity, as asyncpg writes and reads it.
SPENT: Final = datetime.max  # noqa: DTZ901 - no time of any zone


class NewEvent(msgspec.Struct, frozen=True):
    """An event about to be appended; `data` is JSON text. `source` is null for our own."""

    stream: str
    version: int
    event_id: UUID
    type: str
    scope: str
    occurred_at: datetime
    at: datetime
    correlation_id: UUID
    data: str
    public: bool
    actor: str = ""
    on_behalf_of: str = ""
    channel: str = ""
    grant_id: str = ""
    command_id: UUID | None = None
    causation_id: UUID | None = None
    traceparent: str = ""
    hops: int = 0
    source: str | None = None
    source_position: int | None = None


class Stored(NewEvent, frozen=True):
    """An event of the log, with what the append gave it."""

    position: int = 0
    recorded_at: datetime = _NEVER
    epoch: int = 0


class StreamHead(msgspec.Struct, frozen=True):
    """What `kit.stream` knows of a stream; version 0: it does not exist."""

    version: int = 0
    last_event_id: UUID | None = None
    scope: str = ""


class StreamCheck(msgspec.Struct, frozen=True):
    """A stream a batch read (`version` null) or wrote (its new version and last event)."""

    stream: str
    expected: int
    version: int | None = None
    last_event_id: UUID | None = None
    scope: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """What was answered to a command; `first` counts from 1 within the batch, 0 with no events."""

    command_id: UUID
    fingerprint: bytes
    outcome: str
    first: int
    events: int


class KnownReceipt(msgspec.Struct, frozen=True):
    """A stored receipt; `position` is that of its last event (the log's head for a refusal)."""

    command_id: UUID
    fingerprint: bytes
    outcome: str
    epoch: int
    position: int
    events: int


class NewState(msgspec.Struct, frozen=True):
    """A state to store; `state` is JSON text."""

    stream: str
    view: str
    revision: int
    version: int
    state: str
    key: str = ""


class Secret(msgspec.Struct, frozen=True):
    """A sealed personal text; only the vault can open it."""

    record: UUID
    field: str
    subject: UUID
    ciphertext: bytes


class Claim(msgspec.Struct, frozen=True):
    """A value that only one may have, as a keyed digest; `kind` says what it is.

    `holder` is a stream, or a person's pseudonym: then the claim is let go with that person.
    """

    kind: str
    digest: bytes
    holder: str


class TimerChange(msgspec.Struct, frozen=True):
    """A timer of a stream as it is to be; `due_at` null: it is called off.

    SPENT: it has fired, and its stream's state names it still; it is not armed again.
    """

    stream: str
    name: str
    due_at: datetime | None
    scope: str


class Settled(msgspec.Struct, frozen=True):
    """What stood still and is settled by an operator: stuck work or a dead letter, how and why."""

    kind: str
    id: int
    how: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Offset:
    """The new place of a heard partition; `expected` null: it was never heard before."""

    topic: str
    part: int
    generation: int
    expected: int | None
    next: int
    source_position: int = 0
    source_epoch: int = 0
    source_time: datetime | None = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not become an event, bytes and all; `headers` is JSON text."""

    topic: str
    part: int
    record_offset: int
    record_key: bytes | None
    headers: str
    value: bytes | None
    stream: str | None
    code: str
    reason: str


@dataclass(slots=True)
class Batch:
    """Everything one append writes: whole or not at all."""

    events: list[NewEvent] = field(default_factory=list[NewEvent])
    streams: list[StreamCheck] = field(default_factory=list[StreamCheck])
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    states: list[NewState] = field(default_factory=list[NewState])
    secrets: list[Secret] = field(default_factory=list[Secret])
    timers: list[TimerChange] = field(default_factory=list[TimerChange])
    fired: list[Due] = field(default_factory=list[Due])
    claims: list[Claim] = field(default_factory=list[Claim])
    erased: list[UUID] = field(default_factory=list[UUID])
    offsets: list[Offset] = field(default_factory=list[Offset])
    dead_letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    settled: list[Settled] = field(default_factory=list[Settled])

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to write."""
        return not (self.events or self.receipts or self.offsets or self.dead_letters or self.fired)


@dataclass(frozen=True, slots=True)
class Appended:
    """The batch is in the log: its i-th event (from 1) has position `base + i`."""

    base: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Fenced:
    """Another writer holds a later epoch; nothing was written."""


@dataclass(frozen=True, slots=True)
class Known:
    """Some commands have receipts already; nothing was written."""

    commands: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Some streams are not at the expected version, or have another scope; nothing was written."""

    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """Some partitions' stored offsets are not the expected ones; nothing was written."""

    partitions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """Some timers are not there any more, as (stream, name); nothing was written."""

    timers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """Some of what was to be settled is not open, as (kind, id); nothing was written."""

    settled: frozenset[tuple[str, int]]


AppendResult = Appended | Fenced | Known | Conflict | Moved | Gone | Closed


class ContentRefusedError(Exception):
    """The log cannot store the content (SQL classes 22, 23, 54): the guilty one must be found."""


class LogUnavailableError(Exception):
    """The log cannot be reached or answered a passing fault; `unknown`: the batch may be in."""

    def __init__(self, reason: str, *, unknown: bool) -> None:
        super().__init__(reason)
        self.unknown = unknown


class Want(msgspec.Struct, frozen=True):
    """A state to load: of `stream` through the view named so, at that revision.

    `key` null: the view is not keyed. A keyed one is stored whole, so no event is to be folded.
    """

    stream: str
    view: str
    revision: int
    key: str | None = None


class Loaded(msgspec.Struct, frozen=True):
    """A stream's head, the stored state (JSON text) if there is one, and the events after it."""

    stream: str
    view: str
    head: StreamHead
    state: str | None
    state_version: int
    events: tuple[Stored, ...]
    key: str | None = None


class Log(Protocol):
    """One service's log."""

    async def append(self, epoch: int, batch: Batch) -> AppendResult:
        """Append whole or not at all; raise ContentRefusedError or LogUnavailableError."""
        ...

    async def load(
        self, wants: Sequence[Want], commands: Sequence[UUID]
    ) -> tuple[list[Loaded], dict[UUID, KnownReceipt]]:
        """Load states (in the order asked) and the receipts that exist, in one round trip."""
        ...

    async def heads(self, streams: Sequence[str]) -> dict[str, StreamHead]:
        """Give the head of each stream; streams that do not exist are left out."""
        ...

    async def read(self, after: int, limit: int) -> list[Stored]:
        """Read events past a position, in log order."""
        ...

    async def head(self) -> tuple[int, int]:
        """Give (position, epoch)."""
        ...

    async def claims(self, wanted: Sequence[tuple[str, bytes]]) -> dict[tuple[str, bytes], str]:
        """Give the holder of each (kind, digest) that somebody has claimed."""
        ...

    async def stored_ids(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], UUID]:
        """Give the event ids at (stream, version), where there are any."""
        ...


class Clock(Protocol):
    """The site clock: live in production, a script's in the demo, virtual in the simulation."""

    def now(self) -> datetime:
        """Give the time, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock."""
        ...


class Ids(Protocol):
    """The only maker of ids."""

    def new(self) -> UUID:
        """Make a time-ordered id (UUIDv7)."""
        ...


class Random(Protocol):
    """Randomness for jitter and names, seeded in the simulation."""

    def uniform(self, low: float, high: float, /) -> float:
        """Give a number in the interval."""
        ...


class Wake(Protocol):
    """Tells that the log grew; a hint only, polling is the truth."""

    def waits(self) -> AsyncIterator[None]:
        """Yield at each append, and at least every poll interval."""
        ...
