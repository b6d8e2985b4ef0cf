"""The layout as it is known: every area with its whole past, and what follows from an event."""

from __future__ import annotations

from datetime import date

import msgspec
from msgspec.structs import replace

from services.deliberation.language import Held, said, value_on
from services.deliberation.layout.tree import Tree
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
from shared.effective import begin


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """An area from its first day until before `ends_on`; parents, cells and cadres by day.

    `cells` are, for premises, the areas of each other hierarchy that they belong to.
    """

    kind: AreaKind
    name: str
    starts_on: date
    ends_on: date | None = None
    parents: tuple[Held, ...] = ()
    cells: dict[Hierarchy, tuple[Held, ...]] = msgspec.field(
        default_factory=dict[Hierarchy, tuple[Held, ...]]
    )
    cadres: tuple[Held, ...] = ()

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
    stand_ins: tuple[Held, ...] = ()
    told: tuple[tuple[str, date], ...] = ()

    def on(self, day: date) -> Tree:
        """Give the areas as they stand on a day."""
        there = {name: area for name, area in self.areas.items() if area.exists(day)}
        cells: dict[Hierarchy, dict[str, str]] = {}
        for name, area in there.items():
            for hierarchy, held in area.cells.items():
                cells.setdefault(hierarchy, {})[name] = value_on(held, day)
        return Tree(
            parents={name: value_on(area.parents, day) for name, area in there.items()},
            cells=cells,
            cadres={name: value_on(area.cadres, day) for name, area in there.items()},
            stand_in=value_on(self.stand_ins, day),
        )


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
                parents=(Held(value=event.parent, valid_from=day),),
            )
        case AreaMoved(area=name, parent=parent, starts_on=day):
            area = state.areas[name]
            area = replace(area, parents=begin(area.parents, Held(value=parent, valid_from=day)))
        case AreaEnded(area=name, ends_on=day):
            area = replace(state.areas[name], ends_on=day)
        case PremisesAssigned(premises=name, hierarchy=hierarchy, starts_on=day):
            area = state.areas[name]
            cell = said(area.cells.get(hierarchy, ()), day, event.area)
            area = replace(area, cells={**area.cells, hierarchy: cell})
        case CadreAssigned(area=name, cadre=cadre, starts_on=day):
            area = state.areas[name]
            area = replace(area, cadres=said(area.cadres, day, str(cadre or "")))
        case StandInNamed(cadre=cadre, starts_on=day):
            return replace(state, stand_ins=said(state.stand_ins, day, str(cadre or "")))
        case AreaUncovered(area=name, starts_on=day):
            return replace(state, told=(*state.told, (name, day)))
        case _:
            return state
    return replace(state, areas={**state.areas, name: area})


LAYOUT = View("deliberation.layout", 2, Layout, Layout(), evolve)
