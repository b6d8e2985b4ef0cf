"""How often a claimer let a claim go, on a private stream of each claimer in a community (W1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.contracts.envelope import Event
from shared.decider import Asked, Command, Decider, Fact, State, States, To, View

LAPSES_MAX: Final = 50  # what a policy may count at most


class ClaimerEvent(Event):
    """Any private event about a claimer."""

    service: ClassVar[str] = "wishes"


class ClaimLapsed(ClaimerEvent):
    """A claim was let go, or its time was over."""

    wish: UUID
    claimer: str


class LapsesForgiven(ClaimerEvent):
    """What was let go so far does not count any more."""

    claimer: str


class Lapses(State):
    """When claims were let go, the last ones."""

    lapses: tuple[datetime, ...] = ()


class ForgiveLapses(Command):
    """Let a claimer claim again."""

    claimer: str
    community: str


def claimer_stream(community: str, claimer: str) -> str:
    """Name the stream of a claimer in a community."""
    name = f"cogov:claimer:{len(community)}:{community}:{claimer}"
    return f"wishes/claimer/{uuid5(NAMESPACE_URL, name)}"


def evolve(state: Lapses, fact: Fact) -> Lapses:
    """Follow one fact."""
    match fact.event:
        case ClaimLapsed():
            return Lapses(lapses=(*state.lapses, fact.at)[-LAPSES_MAX:])
        case LapsesForgiven():
            return Lapses()
        case _:
            return state


def decide(command: ForgiveLapses, state: Lapses, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a pardon; nothing when there is nothing to forgive."""
    del states
    if not state.lapses:
        return []
    stream = claimer_stream(asked.scope, command.claimer)
    return [To(stream, LapsesForgiven(claimer=command.claimer))]


CLAIMER_VIEW = View("wishes.claimer", 1, Lapses, Lapses(), evolve)
CLAIMER: Decider[ForgiveLapses, Lapses] = Decider(
    name="claimer",
    view=CLAIMER_VIEW,
    commands=(ForgiveLapses,),
    target=lambda command: claimer_stream(command.community, command.claimer),
    decide=decide,
)
