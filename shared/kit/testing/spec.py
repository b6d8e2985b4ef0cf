"""Given facts, when a command, then events or a refusal: domain and read models without I/O.

Spec(REQUEST, scope="elm").given(stream, received).when(AcceptRequest(…)).then(To(stream, …))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec

from shared.contracts.envelope import Event
from shared.decider import Asked, Command, Decider, Due, Fact, Needs, Read, Refused, States, To
from shared.kit.read_models.folding import follow, rows_of
from shared.kit.read_models.model import Held, ReadModel, Row

NOW = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
NEEDS_ROUNDS_MAX = 3

S = TypeVar("S")
C = TypeVar("C", bound=Command)
R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision gave: events, or a refusal."""

    events: tuple[To, ...] = ()
    refusal: Refused | None = None

    def then(self, *expected: To) -> None:
        """Assert that exactly these events were decided, in this order."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.events == expected

    def then_nothing(self) -> None:
        """Assert that it was already so."""
        self.then()

    def then_refused(self, refusal: type[Refused], **details: str | int) -> None:
        """Assert the refusal and its public details."""
        assert self.refusal is not None, f"decided: {self.events!r}"
        assert type(self.refusal) is refusal, f"refused otherwise: {self.refusal!r}"
        assert self.refusal.details == details


@dataclass(frozen=True, slots=True)
class Spec(Generic[C, S]):
    """A decider and the facts it decides upon; immutable, so that a start can be shared."""

    decider: Decider[C, S]
    scope: str
    at: datetime = NOW
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict[str, tuple[Fact, ...]])

    def given(
        self,
        stream: str,
        *events: Event,
        at: datetime | None = None,
        scope: str = "",
        entered_at: datetime | None = None,
        by: str = "",
    ) -> Spec[C, S]:
        """Add facts to a stream; `at` is when they happened (default: the spec's time).

        `entered_at` is when that was told (default: at once), `by` whoever did it.
        """
        before = self.facts.get(stream, ())
        added = [
            msgspec.structs.replace(fact, at=entered_at or fact.at, actor=by)
            for fact in facts_of(
                stream, *events, scope=scope or self.scope, at=at or self.at, after=len(before)
            )
        ]
        return replace(self, facts={**self.facts, stream: (*before, *added)})

    def after(
        self,
        *decided: To,
        at: datetime | None = None,
        entered_at: datetime | None = None,
        by: str = "",
    ) -> Spec[C, S]:
        """Add decided events to their streams."""
        spec = self
        for to in decided:
            spec = spec.given(to.stream, to.event, at=at, entered_at=entered_at, by=by)
        return spec

    def when(
        self,
        command: C,
        *,
        at: datetime | None = None,
        entered_at: datetime | None = None,
        by: str = "",
    ) -> Outcome:
        """Decide; `at` is when it happened, `entered_at` when that is told (default: at once)."""
        happened = at or self.at
        asked = Asked(
            at=entered_at or happened, occurred_at=happened, scope=self.scope, resident=by
        )
        try:
            return Outcome(events=tuple(self._decide(command, asked)))
        except Refused as refusal:
            return Outcome(refusal=refusal)

    def state(self, stream: str, key: str = "") -> S:
        """Give the decider's state of a stream, where it is keyed that of a key."""
        return self._state(Read(stream, self.decider.view, key))

    def timers(self, stream: str) -> Mapping[str, datetime]:
        """Give the timers of a stream."""
        assert self.decider.timers is not None
        return self.decider.timers.due(self.state(stream))

    def fired(self, stream: str, name: str, *, at: datetime | None = None) -> Outcome:
        """Let a timer of the stream run out, when it is due or later; decide what that means."""
        timers = self.decider.timers
        assert timers is not None
        due_at = self.timers(stream)[name]
        return self.when(timers.fire(Due(stream, name, due_at)), at=at or due_at)

    def _decide(self, command: C, asked: Asked) -> Iterable[To]:
        decider = self.decider
        assert isinstance(command, decider.commands)
        reads: list[Read[Any]] = list(decider.reads(command))
        state = self.state(decider.target(command), decider.key(command))
        for _ in range(1 + NEEDS_ROUNDS_MAX):
            loaded = {(read.stream, read.slot): self._state(read) for read in reads}
            try:
                return decider.decide(command, state, States(loaded), asked)
            except Needs as needs:
                reads.extend(needs.reads)
        message = f"decide still needs more after {NEEDS_ROUNDS_MAX} rounds: {reads}"
        raise AssertionError(message)

    def _state(self, read: Read[Any]) -> Any:
        view = read.view
        state = view.initial
        for fact in self.facts.get(read.stream, ()):
            if view.key_of is None or view.key_of(fact) == read.key:
                state = view.evolve(state, fact)
        return state


def facts_of(
    stream: str, *events: Event, scope: str, at: datetime = NOW, after: int = 0
) -> Iterator[Fact]:
    """Give events as the facts of a stream, from version `after` + 1 on."""
    for version, event in zip(count(after + 1), events, strict=False):
        yield Fact(
            stream=stream,
            version=version,
            scope=scope,
            occurred_at=at,
            at=at,
            event=event,
            event_id=f"{stream}@{version}",
        )


def fold_all(model: ReadModel[R], facts: Iterable[Fact]) -> dict[tuple[Any, ...], R]:
    """Give a read model's rows by key after these facts, as the engine would."""
    held: dict[tuple[Any, ...], Held[R] | None] = {}
    for fact in facts:
        if not isinstance(fact.event, model.events):
            continue
        for key in model.keys(fact):
            held[key] = follow(model, key, held.get(key), fact)
    rows = [row for each in held.values() for row in rows_of(each)]
    return {tuple(getattr(row, column) for column in model.key): row for row in rows}
