"""The pure words of every domain: facts, states, deciders, views, refusals.

A decider is a handful of pure functions over immutable values (Chassaing's decider pattern):
`decide(command, states) -> events` and `evolve(state, fact) -> state`. Nothing here does I/O,
reads a clock or makes an id; the writer in `shared.kit` hands those in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar, cast, dataclass_transform

import msgspec

from shared.contracts.envelope import Event


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.StructMeta):
    """Tells the type checker what msgspec does anyway: subclasses inherit that they are frozen."""


class State(
    msgspec.Struct,
    metaclass=Frozen,
    frozen=True,
    tag=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """A state of an aggregate or of a view: one frozen class per state, stored as tagged JSON."""


class Command(
    msgspec.Struct,
    metaclass=Frozen,
    frozen=True,
    tag=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """An intention, named in the imperative; a replica can forward it to the writer as JSON."""


class RefusalKind(Enum):
    """What sort of 'no' a refusal is; the edge maps each kind to one HTTP status."""

    INVALID = "invalid"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    VERSION = "version"
    UNAVAILABLE = "unavailable"


class Refused(Exception):
    """The command broke a rule: nothing was written.

    A subclass states the fact in its name; its docstring is the public text and the snake form of
    the name is the stable `code`. `details` are public, bounded and free of personal data.
    """

    kind: ClassVar[RefusalKind] = RefusalKind.CONFLICT

    def __init__(self, **details: str | int) -> None:
        super().__init__(self.code(), details)
        self.details: dict[str, str | int] = details

    @classmethod
    def code(cls) -> str:
        """Give the stable machine-readable name of the refusal."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def text(cls) -> str:
        """Give the public one-line text."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class Fact(msgspec.Struct, frozen=True):
    """What an evolve or a fold may see of a stored event.

    `occurred_at` is when it happened, `at` the site clock's time at which it was decided; a fact
    entered late has `occurred_at < at`. Position and `recorded_at` are kept out on purpose: they
    differ between a log and its copy, so nothing that must replay equally may depend on them.
    """

    stream: str
    version: int
    scope: str
    occurred_at: datetime
    at: datetime
    event: Event
    event_id: str
    actor: str = ""

    @property
    def late(self) -> bool:
        """Tell whether the fact was entered after it happened (X3)."""
        return self.occurred_at != self.at

    @property
    def id(self) -> str:
        """Give the last part of the stream's name: the aggregate's own id."""
        return self.stream.rsplit("/", 1)[-1]


S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
C = TypeVar("C", bound=Command)


@dataclass(frozen=True, slots=True)
class View(Generic[S]):
    """A named way to read a stream, own or heard: an evolve over the fields its reader needs.

    `revision` rises whenever equal events would give another state. `state` is the type (a union of
    `State` classes) that msgspec decodes stored states into. A state is stored every
    `stored_every` versions of its stream.

    `key_of` makes it keyed: the stream holds one state for each key (a community's book: key =
    account), `key_of(fact)` names the one that a fact changes ("" for none), and what an append
    touches it stores. Only the aggregate's own view can be keyed; it has no timers.
    """

    name: str
    revision: int
    state: Any
    initial: S
    evolve: Callable[[S, Fact], S]
    stored_every: int = 32
    key_of: Callable[[Fact], str] | None = None

    def slot(self, key: str) -> str:
        """Name the state of a key among the states of one stream."""
        return self.name if self.key_of is None else f"{self.name}#{key}"


@dataclass(frozen=True, slots=True)
class Read(Generic[S]):
    """A stream that a decision depends on, the view it is read through, and which key of it."""

    stream: str
    view: View[S]
    key: str = ""

    @property
    def slot(self) -> str:
        """Name the state among those of its stream."""
        return self.view.slot(self.key)


class To(msgspec.Struct, frozen=True):
    """An event, and the stream it goes to."""

    stream: str
    event: Event


class Needs(Exception):
    """Raised by `decide` when it must read more: the writer loads what is named and asks again."""

    def __init__(self, *reads: Read[Any]) -> None:
        super().__init__(*(read.stream for read in reads))
        self.reads = reads


class States:
    """The states a decision may look at, each as of one moment of the log.

    They are loaded by (stream, slot).
    """

    def __init__(self, loaded: Mapping[tuple[str, str], object]) -> None:
        self._loaded = loaded

    def get(self, stream: str, view: View[S], key: str = "") -> S:
        """Give the state of `stream` through `view`; raise `Needs` when it is not read yet."""
        try:
            return cast("S", self._loaded[stream, view.slot(key)])
        except KeyError:
            raise Needs(Read(stream, view, key)) from None


class Asked(msgspec.Struct, frozen=True):
    """Who asks, when, and from where: everything a decision may know beside command and states.

    `occurred_at` is when the matter happened (equal to `at` for a live command), `at` the site
    clock. `resident` is the acting person's pseudonymous id (empty for a rule).
    """

    at: datetime
    occurred_at: datetime
    scope: str
    resident: str = ""
    on_behalf_of: str = ""
    channel: str = "app"

    @property
    def late(self) -> bool:
        """Tell whether the command enters something that happened before (X3)."""
        return self.occurred_at != self.at


class Due(msgspec.Struct, frozen=True):
    """A timer of a stream that has run out: its name, and when it was due."""

    stream: str
    name: str
    due_at: datetime

    @property
    def id(self) -> str:
        """Give the last part of the stream's name: the aggregate's own id."""
        return self.stream.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Timers(Generic[C, S]):
    """What of an aggregate must happen later, as a function of its state (ADR 8).

    `due(state)` names each timer and when it runs out; the append stores the difference. `fire`
    gives the command that a timer's end is; that command must change the state so that
    `due(state)` no longer names this timer at this time, be refused, or give nothing.
    """

    due: Callable[[S], Mapping[str, datetime]]
    fire: Callable[[Due], C]


@dataclass(frozen=True, slots=True)
class Decider(Generic[C, S]):
    """One aggregate's rules: which streams a command touches, what it decides, how state follows.

    `name` is the second part of its streams' names: it owns `<service>/<name>/…`, so whatever
    command writes there, this aggregate's state and timers follow. `commands` are the classes it
    answers; `target(command)` is the stream whose version an If-Match speaks of, `key(command)`
    the key of it where the view is keyed; `reads(command)` names further streams whose versions
    the append re-checks.
    """

    name: str
    view: View[S]
    commands: tuple[type[C], ...]
    target: Callable[[C], str]
    decide: Callable[[C, S, States, Asked], Sequence[To]]
    reads: Callable[[C], Sequence[Read[Any]]] = field(default=lambda _command: ())
    key: Callable[[C], str] = field(default=lambda _command: "")
    timers: Timers[C, S] | None = None
