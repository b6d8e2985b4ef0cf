"""Words that several features of wishes use: units, their work-load, their reorganisation.

Private streams, both of a community: `wishes/workload/<community>`, keyed by unit, and
`wishes/reorganisation/<community>`.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event
from shared.decider import Fact, State, View

UNCATEGORISED = "uncategorised"
UNIT_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"


class UnitEvent(Event):
    """Any private event about a unit."""

    service: ClassVar[str] = "wishes"


class LoadTaken(UnitEvent):
    """A unit has one open request more."""

    unit: str
    request: UUID


class LoadReleased(UnitEvent):
    """A unit has one open request less."""

    unit: str
    request: UUID


class LoadCorrected(UnitEvent):
    """A unit's open requests were counted anew."""

    unit: str
    open: int


class UnitReorganised(UnitEvent):
    """A unit's work goes to another one: every open request that it has is handed on."""

    from_unit: str
    to_unit: str


class Load(State):
    """How many open requests a unit has."""

    open: int = 0


def evolve_load(state: Load, fact: Fact) -> Load:
    """Follow a unit; what it had before it was counted may leave it, so it stops at none."""
    match fact.event:
        case LoadTaken():
            return Load(open=state.open + 1)
        case LoadReleased():
            return Load(open=max(state.open - 1, 0))
        case LoadCorrected(open=count):
            return Load(open=count)
        case _:
            return state


def unit_of(fact: Fact) -> str:
    """Name the unit whose load a fact changes."""
    match fact.event:
        case LoadTaken(unit=unit) | LoadReleased(unit=unit) | LoadCorrected(unit=unit):
            return unit
        case _:
            return ""


WORKLOAD = View("wishes.workload", 1, Load, Load(), evolve_load, key_of=unit_of)


def workload_stream(community: str) -> str:
    """Name the stream of the work-loads of a community's units."""
    return f"wishes/workload/{community}"


def reorganisation_stream(community: str) -> str:
    """Name the stream of a community's reorganisations."""
    return f"wishes/reorganisation/{community}"
