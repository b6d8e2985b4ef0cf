"""A unit is reorganised: its work goes to another one (W2).

The rules:

- A community says from which unit to which; the two differ.
- What the unit has at that moment is handed on by a run, page by page (`request/handing_on.py`).
- New requests go where the category policy sends them: adopt a version that names the new unit.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.wishes.language import UnitReorganised, reorganisation_stream
from shared.authority import Allow
from shared.decider import (
    Asked,
    Command,
    Decider,
    Fact,
    RefusalKind,
    Refused,
    State,
    States,
    To,
    View,
)


class Reorganised(State):
    """How many reorganisations there were."""

    count: int = 0


class ReorganiseUnit(Command):
    """Let a unit's work go to another one."""

    community: str
    from_unit: str
    to_unit: str


class SameUnit(Refused):
    """A unit's work goes to another unit."""

    kind = RefusalKind.INVALID


class NotThisCommunity(Refused):
    """A unit is reorganised by its community."""

    kind = RefusalKind.INVALID


def evolve(state: Reorganised, fact: Fact) -> Reorganised:
    """Follow one fact."""
    match fact.event:
        case UnitReorganised():
            return msgspec.structs.replace(state, count=state.count + 1)
        case _:
            return state


def decide(
    command: ReorganiseUnit, state: Reorganised, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows; it may be said again later, when the old unit has work once more."""
    del state, states
    if command.community != asked.scope:
        raise NotThisCommunity
    if command.from_unit == command.to_unit:
        raise SameUnit
    event = UnitReorganised(from_unit=command.from_unit, to_unit=command.to_unit)
    return [To(reorganisation_stream(command.community), event)]


REORGANISATION: Decider[ReorganiseUnit, Reorganised] = Decider(
    name="reorganisation",
    view=View("wishes.reorganisation", 1, Reorganised, Reorganised(), evolve),
    commands=(ReorganiseUnit,),
    target=lambda command: reorganisation_stream(command.community),
    decide=decide,
)

ACCESS = (Allow("secretary", ReorganiseUnit), Allow("district_admin", ReorganiseUnit))
