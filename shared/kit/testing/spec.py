"""Given facts, when a command, then events or a refusal: domain and read models without I/O.

Spec(REQUEST, scope="elm").given(stream, received).when(AcceptRequest(…)).then(To(stream, …))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Generic, TypeVar

from shared.contracts.envelope import Event
from shared.decider import Asked, Command, Decider, Fact, Needs, Read, Refused, States, To, View
from shared.kit.read_models.model import ReadModel, Row

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
        self, stream: str, *events: Event, at: datetime | None = None, scope: str = ""
    ) -> Spec[C, S]:
        """Add facts to a stream; `at` is when they happened (default: the spec's time)."""
        before = self.facts.get(stream, ())
        added = facts_of(
            stream, *events, scope=scope or self.scope, at=at or self.at, after=len(before)
        )
        return replace(self, facts={**self.facts, stream: (*before, *added)})

    def after(self, *decided: To, at: datetime | None = None) -> Spec[C, S]:
        """Add decided events to their streams."""
        spec = self
        for to in decided:
            spec = spec.given(to.stream, to.event, at=at)
        return spec

    def when(
        self, command: C, *, at: datetime | None = None, entered_at: datetime | None = None
    ) -> Outcome:
        """Decide; `at` is when it happened, `entered_at` when that is told (default: at once)."""
        happened = at or self.at
        asked = Asked(at=entered_at or happened, occurred_at=happened, scope=self.scope)
        try:
            return Outcome(events=tuple(self._decide(command, asked)))
        except Refused as refusal:
            return Outcome(refusal=refusal)

    def state(self, stream: str) -> S:
        """Give the decider's state of a stream."""
        return self._state(stream, self.decider.view)

    def _decide(self, command: C, asked: Asked) -> Iterable[To]:
        decider = self.decider
        assert isinstance(command, decider.commands)
        reads: list[Read[Any]] = list(decider.reads(command))
        state = self.state(decider.target(command))
        for _ in range(1 + NEEDS_ROUNDS_MAX):
            loaded = {(read.stream, read.view.name): self._read(read) for read in reads}
            try:
                return decider.decide(command, state, States(loaded), asked)
            except Needs as needs:
                reads.extend(needs.reads)
        message = f"decide still needs more after {NEEDS_ROUNDS_MAX} rounds: {reads}"
        raise AssertionError(message)

    def _read(self, read: Read[Any]) -> Any:
        return self._state(read.stream, read.view)

    def _state(self, stream: str, view: View[Any]) -> Any:
        state = view.initial
        for fact in self.facts.get(stream, ()):
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
    rows: dict[tuple[Any, ...], R] = {}
    for fact in facts:
        if not isinstance(fact.event, model.events):
            continue
        for key in model.keys(fact):
            row = model.fold(key, rows.get(key), fact)
            if row is None:
                rows.pop(key, None)
                continue
            assert tuple(getattr(row, column) for column in model.key) == key
            rows[key] = row
    return rows
