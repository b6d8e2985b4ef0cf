"""Changes of a layout, one after the other: each is checked, becomes an event, and holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.deliberation.language import Held, value_on
from services.deliberation.layout import refusals
from services.deliberation.layout.commands import AreaDraft
from services.deliberation.layout.states import Area, Layout, after
from services.deliberation.layout.tree import Tree
from shared.contracts.deliberation import PLACE_PATTERN
from shared.contracts.deliberation.layout import (
    AreaAdded,
    AreaEnded,
    AreaKind,
    AreaMoved,
    CadreAssigned,
    Hierarchy,
    LayoutEvent,
    PremisesAssigned,
    StandInNamed,
)
from shared.effective import begin, on

AREAS_PER_COMMUNITY_MAX: Final = 3_000
NAME_CHARACTERS_MAX: Final = 100
_ID: Final = re.compile(PLACE_PATTERN)
_ABOVE: Final[dict[AreaKind, tuple[AreaKind | None, ...]]] = {
    AreaKind.COMPOUND: (None,),
    AreaKind.BUILDING: (AreaKind.COMPOUND, None),
    AreaKind.UNIT: (AreaKind.BUILDING,),
    AreaKind.GRID: (None,),
    AreaKind.NEIGHBOURHOOD: (AreaKind.GRID,),
    AreaKind.PARTY_BRANCH: (None,),
    AreaKind.PARTY_GROUP: (AreaKind.PARTY_BRANCH,),
}
_TAKES_PREMISES: Final = (AreaKind.GRID, AreaKind.NEIGHBOURHOOD, AreaKind.PARTY_BRANCH)


class Changes:
    """The changes of one command, on top of a layout; what is so already adds nothing."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.events: list[LayoutEvent] = []

    def area(self, name: str, day: date) -> Area:
        """Give an area that exists on a day; raise AreaUnknown, AreaOver."""
        area = self.layout.areas.get(name)
        if area is None or day < area.starts_on:
            raise refusals.AreaUnknown(area=name)
        if not area.exists(day):
            raise refusals.AreaOver(area=name)
        return area

    def add(self, draft: AreaDraft, day: date, predecessors: Iterable[str] = ()) -> None:
        """Add an area from a day on."""
        known = self.layout.areas.get(draft.area)
        if known is not None:
            if (known.kind, known.name, known.starts_on, value_on(known.parents, day)) != (
                draft.kind,
                draft.name,
                day,
                draft.parent,
            ):
                raise refusals.AreaTaken(area=draft.area)
            return
        if _ID.fullmatch(draft.area) is None or not 1 <= len(draft.name) <= NAME_CHARACTERS_MAX:
            raise refusals.AreaIdInvalid(area=draft.area[:100])
        if len(self.layout.areas) >= AREAS_PER_COMMUNITY_MAX:
            raise refusals.TooManyAreas(areas_max=AREAS_PER_COMMUNITY_MAX)
        self._check_parent(draft.kind, draft.parent, day, None)
        self._do(
            AreaAdded(
                area=draft.area,
                kind=draft.kind,
                name=draft.name,
                parent=draft.parent,
                starts_on=day,
                predecessors=tuple(predecessors),
                property_firm=draft.property_firm,
            )
        )

    def move(self, name: str, parent: str, day: date) -> None:
        """Let an area stand below another parent from a day on."""
        area = self.area(name, day)
        if value_on(area.parents, day) == parent:
            return
        until = _sooner(_until(area.parents, day), area.ends_on)
        self._check_parent(area.kind, parent, day, until)
        self._do(AreaMoved(area=name, parent=parent, starts_on=day))

    def end(self, name: str, day: date, successors: Iterable[str] = ()) -> None:
        """Let an area be no more from a day on; raise AreaNotEmpty."""
        area = self.layout.areas.get(name)
        if area is None or day < area.starts_on:
            raise refusals.AreaUnknown(area=name)
        if area.ends_on is not None:
            if area.ends_on != day:
                raise refusals.AreaOver(area=name)
            return
        if any(self._names_from(one, name, day) for one in self.layout.areas.values()):
            raise refusals.AreaNotEmpty(area=name)
        self._do(AreaEnded(area=name, ends_on=day, successors=tuple(successors)))

    def assign(self, premises: str, area: str, day: date) -> None:
        """Let premises belong to an area of another hierarchy from a day on."""
        known = self.area(premises, day)
        cell = self.area(area, day)
        if known.hierarchy is not Hierarchy.PREMISES or cell.kind not in _TAKES_PREMISES:
            raise refusals.NotPremises(premises=premises, area=area)
        held = known.cells.get(cell.hierarchy, ())
        if value_on(held, day) == area:
            return
        until = _sooner(_until(held, day), known.ends_on)
        if cell.ends_on is not None and (until is None or cell.ends_on < until):
            raise refusals.AreaOver(area=area)
        self._do(
            PremisesAssigned(premises=premises, hierarchy=cell.hierarchy, area=area, starts_on=day)
        )

    def take(self, name: str, old: str, new: str, day: date) -> None:
        """Let `new` have what stood below `old`, or belonged to it; raise NotBelow."""
        known = self.layout.areas.get(name)
        if known is None or name not in self.layout.on(day).below(old):
            raise refusals.NotBelow(area=name)
        if value_on(known.parents, day) == old:
            self.move(name, new, day)
        else:
            self.assign(name, new, day)

    def answer(self, name: str, cadre: str, day: date, until: date | None = None) -> None:
        """Let a cadre answer for an area from a day on, until before another one."""
        area = self.area(name, day)
        if area.hierarchy is not Hierarchy.GRID:
            raise refusals.CadreUnfit(area=name)
        if value_on(area.cadres, day) != cadre:
            self._do(_assigned(name, cadre, day))
        self._stop(name, cadre, day, until)

    def stand_in(self, cadre: str, day: date, until: date | None = None) -> None:
        """Let a cadre answer for what has none of its own."""
        if value_on(self.layout.stand_ins, day) != cadre:
            self._do(_named(cadre, day))
        later = _until(self.layout.stand_ins, day)
        if until is not None and (later is None or until < later):
            self._do(_named("", until))

    def _stop(self, name: str, cadre: str, day: date, until: date | None) -> None:
        later = _until(self.layout.areas[name].cadres, day)
        if cadre and until is not None and (later is None or until < later):
            self._do(_assigned(name, "", until))

    def _check_parent(self, kind: AreaKind, parent: str, day: date, until: date | None) -> None:
        if not parent:
            if None not in _ABOVE[kind]:
                raise refusals.ParentUnfit(kind=kind.value)
            return
        area = self.layout.areas.get(parent)
        if area is None or not area.exists(day) or _ends_before(area, until):
            raise refusals.ParentUnknown(parent=parent)
        if area.kind not in _ABOVE[kind]:
            raise refusals.ParentUnfit(kind=kind.value, parent=parent)

    def _names_from(self, one: Area, name: str, day: date) -> bool:
        """Tell whether an area names another one, as parent or cell, on a day or later."""
        if one.ends_on is not None and one.ends_on <= day:
            return False
        periods = (*one.parents, *(held for cell in one.cells.values() for held in cell))
        return any(
            each.value == name and (each.valid_to is None or day < each.valid_to)
            for each in periods
        )

    def _do(self, event: LayoutEvent) -> None:
        self.layout = after(self.layout, event)
        self.events.append(event)


def gaps(layout: Layout) -> list[tuple[str, date, date | None]]:
    """Give (area, first day, day of the next cadre) where an area that had a cadre has none."""
    trees: dict[date, Tree] = {}

    def cadre_of(area: str, day: date) -> str:
        if day not in trees:
            trees[day] = layout.on(day)
        return trees[day].cadre_of(area)

    found: list[tuple[str, date, date | None]] = []
    for name, area in layout.areas.items():
        if not area.cadres:
            continue
        days = _days_of(layout, area)
        for day in days:
            before = cadre_of(name, day - timedelta(days=1))
            if area.exists(day) and before and not cadre_of(name, day):
                later = (one for one in days if one > day and cadre_of(name, one))
                found.append((name, day, next(later, None)))
    return found


def _days_of(layout: Layout, area: Area) -> list[date]:
    """Give the days on which who answers for an area may change."""
    above = {held.value for held in area.parents if held.value}
    periods = [*layout.stand_ins, *area.parents, *area.cadres]
    for parent in above:
        periods.extend(layout.areas[parent].cadres)
    begun = {held.valid_from for held in periods}
    return sorted(begun | {held.valid_to for held in periods if held.valid_to is not None})


def _until(held: tuple[Held, ...], day: date) -> date | None:
    """Give the day before which something that is said from a day on holds, if there is one."""
    said = on(begin(held, Held(value="", valid_from=day)), day)
    assert said is not None
    return said.valid_to


def _assigned(name: str, cadre: str, day: date) -> CadreAssigned:
    return CadreAssigned(area=name, cadre=UUID(cadre) if cadre else None, starts_on=day)


def _named(cadre: str, day: date) -> StandInNamed:
    return StandInNamed(cadre=UUID(cadre) if cadre else None, starts_on=day)


def _sooner(one: date | None, other: date | None) -> date | None:
    return min((day for day in (one, other) if day is not None), default=None)


def _ends_before(area: Area, until: date | None) -> bool:
    return area.ends_on is not None and (until is None or area.ends_on < until)
