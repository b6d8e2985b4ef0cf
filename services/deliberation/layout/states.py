"""The layout as it is known: every area with its whole past, and what follows from an event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec
from msgspec.structs import replace

from services.deliberation.timeline import Timeline, changed, on
from shared.contracts.deliberation.layout import (
    HIERARCHY,
    AreaAdded,
    AreaEnded,
    AreaKind,
    AreaMoved,
    AreaUncovered,
    CadreAssigned,
    Hierarchy,
    PremisesAssigned,
    StandInNamed,
)
from shared.contracts.envelope import Event
from shared.decider import Fact, State, View


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """An area from its first day until before `ends_on`; parents, cells and cadres by day.

    `cells` are, for premises, the areas of each other hierarchy that they belong to.
    """

    kind: AreaKind
    name: str
    starts_on: date
    ends_on: date | None = None
    parents: Timeline = ()
    cells: dict[Hierarchy, Timeline] = msgspec.field(default_factory=dict[Hierarchy, Timeline])
    cadres: Timeline = ()

    @property
    def hierarchy(self) -> Hierarchy:
        """Give the hierarchy that the area stands in."""
        return HIERARCHY[self.kind]

    def exists(self, day: date) -> bool:
        """Tell whether there is such an area on a day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


class Layout(State):
    """A community's areas by id, its stand-ins by day, and the gaps that were told."""

    areas: dict[str, Area] = msgspec.field(default_factory=dict[str, Area])
    stand_ins: Timeline = ()
    told: tuple[tuple[str, date], ...] = ()

    def chain(self, area: str, day: date) -> Iterator[str]:
        """Give an area and what it stands below on a day, upwards."""
        while area in self.areas:
            yield area
            area = on(self.areas[area].parents, day)

    def below(self, area: str, day: date) -> list[str]:
        """Give what stands directly below an area, or belongs to it, on a day."""
        return [
            name
            for name, one in self.areas.items()
            if one.exists(day)
            and area in (on(one.parents, day), *(on(cell, day) for cell in one.cells.values()))
        ]

    def cell_of(self, premises: str, hierarchy: Hierarchy, day: date) -> str:
        """Give the area of a hierarchy that premises belong to: their own, or of those above."""
        for name in self.chain(premises, day):
            cell = on(self.areas[name].cells.get(hierarchy, ()), day)
            if cell:
                return cell
        return ""

    def cadre_of(self, area: str, day: date) -> str:
        """Give who answers for an area: its own cadre, that of one above, or the stand-in."""
        for name in self.chain(area, day):
            cadre = on(self.areas[name].cadres, day)
            if cadre:
                return cadre
        return on(self.stand_ins, day)


def evolve(state: Layout, fact: Fact) -> Layout:
    """Follow a community's stream."""
    return after(state, fact.event)


def after(state: Layout, event: Event) -> Layout:
    """Give the layout after an event."""
    match event:
        case AreaAdded(area=name, starts_on=day):
            area = Area(
                kind=event.kind,
                name=event.name,
                starts_on=day,
                parents=((day, event.parent),),
            )
        case AreaMoved(area=name, parent=parent, starts_on=day):
            area = state.areas[name]
            area = replace(area, parents=changed(area.parents, day, parent))
        case AreaEnded(area=name, ends_on=day):
            area = replace(state.areas[name], ends_on=day)
        case PremisesAssigned(premises=name, hierarchy=hierarchy, starts_on=day):
            area = state.areas[name]
            cell = changed(area.cells.get(hierarchy, ()), day, event.area)
            area = replace(area, cells={**area.cells, hierarchy: cell})
        case CadreAssigned(area=name, cadre=cadre, starts_on=day):
            area = state.areas[name]
            area = replace(area, cadres=changed(area.cadres, day, str(cadre or "")))
        case StandInNamed(cadre=cadre, starts_on=day):
            return replace(state, stand_ins=changed(state.stand_ins, day, str(cadre or "")))
        case AreaUncovered(area=name, starts_on=day):
            return replace(state, told=(*state.told, (name, day)))
        case _:
            return state
    return replace(state, areas={**state.areas, name: area})


LAYOUT = View("deliberation.layout", 1, Layout, Layout(), evolve)
