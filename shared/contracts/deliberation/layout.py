"""Events of `services/deliberation` about how a community is laid out: its areas and its cadres.

Stream: `deliberation/layout/<community>` (scope: the community). All are public.

Three hierarchies stand side by side below a community (X1): the premises (compound, building,
unit), the grid (grid, neighbourhood) and the party (branch, group). Days are the district's; what
is said to hold from `starts_on` on holds until before the day of the next change of the same thing,
whether that one is entered earlier or later.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event


class AreaKind(StrEnum):
    """What an area is; each stands below the one before it in its hierarchy."""

    COMPOUND = "compound"  # 小区
    BUILDING = "building"  # 楼栋
    UNIT = "unit"  # 单元
    GRID = "grid"  # 网格
    NEIGHBOURHOOD = "neighbourhood"  # 小邻里
    PARTY_BRANCH = "party_branch"  # 党支部
    PARTY_GROUP = "party_group"  # 党小组


class Hierarchy(StrEnum):
    """One way of dividing a community."""

    PREMISES = "premises"
    GRID = "grid"
    PARTY = "party"


HIERARCHY: dict[AreaKind, Hierarchy] = {
    AreaKind.COMPOUND: Hierarchy.PREMISES,
    AreaKind.BUILDING: Hierarchy.PREMISES,
    AreaKind.UNIT: Hierarchy.PREMISES,
    AreaKind.GRID: Hierarchy.GRID,
    AreaKind.NEIGHBOURHOOD: Hierarchy.GRID,
    AreaKind.PARTY_BRANCH: Hierarchy.PARTY,
    AreaKind.PARTY_GROUP: Hierarchy.PARTY,
}


class LayoutEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "deliberation"


class AreaAdded(LayoutEvent):
    """An area exists from this day; `parent` is empty for one directly below the community.

    `predecessors` are the areas that it came from, by a split or a merger; `property_firm` tells
    whether a firm looks after a compound, null where that is not known.
    """

    area: str
    kind: AreaKind
    name: str
    parent: str
    starts_on: date
    predecessors: tuple[str, ...] = ()
    property_firm: bool | None = None


class AreaMoved(LayoutEvent):
    """From a day an area stands below another one of the same hierarchy."""

    area: str
    parent: str
    starts_on: date


class AreaEnded(LayoutEvent):
    """An area is no more from this day; `successors` took what was below it."""

    area: str
    ends_on: date
    successors: tuple[str, ...] = ()


class PremisesAssigned(LayoutEvent):
    """From a day premises, and all below them, belong to a grid, a neighbourhood or a branch."""

    premises: str
    hierarchy: Hierarchy
    area: str
    starts_on: date


class CadreAssigned(LayoutEvent):
    """From a day a cadre answers for every household of an area (包户); null: nobody of its own."""

    area: str
    cadre: UUID | None
    starts_on: date


class StandInNamed(LayoutEvent):
    """From a day a cadre answers for whatever has no cadre of its own; null: nobody."""

    cadre: UUID | None
    starts_on: date


class AreaUncovered(LayoutEvent):
    """Nobody answers for an area from this day, until before `ends_on` where that is known."""

    area: str
    starts_on: date
    ends_on: date | None = None


EVENTS: tuple[type[Event], ...] = (
    AreaAdded,
    AreaMoved,
    AreaEnded,
    PremisesAssigned,
    CadreAssigned,
    StandInNamed,
    AreaUncovered,
)


def layout_stream(community: str) -> str:
    """Name the stream of how a community is laid out."""
    return f"deliberation/layout/{community}"
