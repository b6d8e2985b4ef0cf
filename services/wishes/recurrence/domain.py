"""Matters that recur, and what each of their requests is told (W3, D1).

The rules:

- A matter is what a community's requests of one area and one category are about. Requests without
  a category or without a known area are no matter.
- When as many of them were received within as many days, counted back from now, as the policy in
  force says (`adopting.py`), the matter recurs and is brought before the council. What is entered
  late counts by the day it happened, so an old file brings nothing up.
- While it is with the council it is not brought up again; its requests go on being counted. When
  it comes back, whatever its fate, counting begins anew.
- Every request that was part of it is told its fate, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from services.wishes.recurrence.adopting import Threshold, threshold_of
from shared.contracts.envelope import Event
from shared.contracts.wishes.recurrence import Fate, FateTold, fate_stream
from shared.decider import Asked, Command, Decider, Fact, State, States, To, View

REQUESTS_MAX: Final = 200  # of one matter: the latest; each is told its fate by a command


class MatterEvent(Event):
    """Any private event of a matter."""

    service: ClassVar[str] = "wishes"


class OccurrenceNoted(MatterEvent):
    """A request was received about the matter."""

    matter: UUID
    request: UUID


class MatterRecurred(MatterEvent):
    """It came up often enough to be brought before the council.

    `policy` is the version that said so, of the node `policy_of`; 0: none, it was the default.
    """

    matter: UUID
    recurrence: UUID
    area: str
    category: str
    requests: tuple[UUID, ...]
    since: datetime
    policy: int = 0
    policy_of: str = ""


class MatterFreed(MatterEvent):
    """The council is done with it; counting begins anew."""

    matter: UUID


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """A request about the matter, and when it was received."""

    request: str
    at: datetime


class Matter(State):
    """What was counted since the matter last came back; `recurrence` while the council has it."""

    occurrences: tuple[Occurrence, ...] = ()
    recurrence: str = ""


class NoteOccurrence(Command):
    """Count a request."""

    matter: str
    area: str
    category: str
    request: str
    received_at: datetime


class FreeMatter(Command):
    """Begin counting anew."""

    matter: str
    recurrence: str


def matter_id(scope: str, area: str, category: str) -> str:
    """Give the id of a community's matter."""
    return str(
        uuid5(NAMESPACE_URL, f"cogov:matter:{len(scope)}:{scope}:{len(area)}:{area}:{category}")
    )


def matter_stream(matter: str) -> str:
    """Name the stream of a matter."""
    return f"wishes/matter/{matter}"


def evolve_matter(state: Matter, fact: Fact) -> Matter:
    """Follow one fact."""
    match fact.event:
        case OccurrenceNoted(request=request):
            noted = Occurrence(request=str(request), at=fact.occurred_at)
            kept = (*state.occurrences, noted)[-REQUESTS_MAX:]
            return Matter(occurrences=kept, recurrence=state.recurrence)
        case MatterRecurred(recurrence=recurrence):
            return Matter(occurrences=(), recurrence=str(recurrence))
        case MatterFreed():
            return Matter(occurrences=state.occurrences)
        case _:
            return state


def decide_matter(
    command: NoteOccurrence | FreeMatter, state: Matter, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    stream = matter_stream(command.matter)
    match command:
        case FreeMatter(matter=matter, recurrence=recurrence):
            if state.recurrence != recurrence:
                return []
            return [To(stream, MatterFreed(matter=UUID(matter)))]
        case NoteOccurrence():
            enough = threshold_of(asked.scope, states, asked.at)
            return [To(stream, event) for event in _counted(command, state, asked, enough)]


def _counted(
    command: NoteOccurrence, state: Matter, asked: Asked, enough: Threshold
) -> Sequence[MatterEvent]:
    begin = asked.at - timedelta(days=enough.window_days)
    known = any(one.request == command.request for one in state.occurrences)
    if known or command.received_at <= begin:
        return []
    noted = OccurrenceNoted(matter=UUID(command.matter), request=UUID(command.request))
    recent = [one for one in state.occurrences if one.at > begin]
    requests = [UUID(one.request) for one in recent] + [UUID(command.request)]
    if state.recurrence or len(requests) < enough.times:
        return [noted]
    recurred = MatterRecurred(
        matter=UUID(command.matter),
        recurrence=uuid5(UUID(command.matter), command.request),
        area=command.area,
        category=command.category,
        requests=tuple(requests),
        since=min([one.at for one in recent], default=command.received_at),
        policy=enough.version,
        policy_of=enough.node,
    )
    return [noted, recurred]


class Told(State):
    """The recurrences that the request was told of."""

    recurrences: tuple[str, ...] = ()


class TellFate(Command):
    """Tell a request what became of the matter that it was part of."""

    request: str
    recurrence: str
    fate: Fate


def evolve_fate(state: Told, fact: Fact) -> Told:
    """Follow one fact."""
    match fact.event:
        case FateTold(recurrence=recurrence):
            return Told(recurrences=(*state.recurrences, str(recurrence)))
        case _:
            return state


def decide_fate(command: TellFate, state: Told, states: States, asked: Asked) -> Sequence[To]:
    """Tell it once."""
    del states, asked
    if command.recurrence in state.recurrences:
        return []
    event = FateTold(
        request=UUID(command.request), recurrence=UUID(command.recurrence), fate=command.fate
    )
    return [To(fate_stream(command.request), event)]


MATTER: Decider[NoteOccurrence | FreeMatter, Matter] = Decider(
    name="matter",
    view=View("wishes.matter", 1, Matter, Matter(), evolve_matter),
    commands=(NoteOccurrence, FreeMatter),
    target=lambda command: matter_stream(command.matter),
    decide=decide_matter,
)
FATE: Decider[TellFate, Told] = Decider(
    name="fate",
    view=View("wishes.fate", 1, Told, Told(), evolve_fate),
    commands=(TellFate,),
    target=lambda command: fate_stream(command.request),
    decide=decide_fate,
)
