"""How a community is laid out: the rules of its areas and of who answers for whom.

The rules (X1, W6, B3, B4):

- Three hierarchies stand below a community: compound, building, unit; grid, neighbourhood; party
  branch, party group. Every level has its own kind, so nothing can stand below itself.
- Everything holds from a day until the next change. A change may be entered late: it then holds
  until the next change that is known already, and what held before it ends on its day.
- An area has a parent on each of its days, and the parent exists on all of them. It ends when
  nothing stands below it, or belongs to it, on that day or later.
- Areas that are divided or become one are new areas; the old one ends, and each names the other.
  What happened before keeps its place: reports of a day go by the tree of that day.
- Premises belong to one grid or neighbourhood and to one party branch on each day: what is said of
  a building holds for its units, unless something is said of a unit itself.
- For each area of the grid one cadre answers on each day (包户): its own, else the one of the
  grid above, else the community's stand-in. Who holds the role of a cadre for a term answers until
  before the term ends. An area for which nobody answers any more is told, once for each gap.
- A step taken again changes nothing: it is already so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final

from services.deliberation.language import value_on
from services.deliberation.layout import refusals
from services.deliberation.layout.changes import Changes, gaps
from services.deliberation.layout.commands import (
    AddAreas,
    AreaDraft,
    AssignCadre,
    AssignPremises,
    EndArea,
    LayoutCommand,
    MergeAreas,
    MoveAreas,
    NameStandIn,
    RaiseUncovered,
    ReplaceCadre,
    SplitArea,
)
from services.deliberation.layout.states import LAYOUT, Layout
from shared.authority import GRANTS, NODE, Allow, Grants
from shared.contracts.deliberation import NodeKind, grants_stream, node_stream
from shared.contracts.deliberation.layout import AreaUncovered, LayoutEvent, layout_stream
from shared.decider import Asked, Decider, Due, Read, States, Timers, To
from shared.effective import DISTRICT_ZONE

CADRE: Final = "cadre"
AREAS_PER_COMMAND_MAX: Final = 500
_UNCOVERED: Final = "uncovered:"


def decide(command: LayoutCommand, state: Layout, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    if isinstance(command, RaiseUncovered):
        return _told(command, state)
    place = states.get(node_stream(command.community), NODE)
    if command.community != asked.scope or place.kind != NodeKind.COMMUNITY.value:
        raise refusals.NotACommunity
    changes = Changes(state)
    match command:
        case AddAreas(areas=drafts, starts_on=day):
            for draft in _named([draft.area for draft in drafts], drafts):
                changes.add(draft, day)
        case MoveAreas(areas=areas, parent=parent, starts_on=day):
            for area in _named(areas, areas):
                changes.move(area, parent, day)
        case SplitArea():
            _split(command, changes)
        case MergeAreas():
            _merge(command, changes)
        case EndArea(area=area, ends_on=day):
            changes.end(area, day)
        case AssignPremises(premises=premises, area=area, starts_on=day):
            for name in _named(premises, premises):
                changes.assign(name, area, day)
        case AssignCadre(areas=areas, cadre=cadre, starts_on=day):
            until = _term(cadre, command, states)
            for area in _named(areas, areas):
                changes.answer(area, cadre, day, until)
        case ReplaceCadre():
            _replace(command, changes, states)
        case NameStandIn(cadre=cadre, starts_on=day):
            changes.stand_in(cadre, day, _term(cadre, command, states))
    return _to(command, changes.events)


def _named(names: Sequence[str], given: Sequence[Any]) -> Sequence[Any]:
    """Give what is named, if it is something and nothing twice, and not too much."""
    if not names or len(set(names)) < len(names):
        raise refusals.NothingNamed
    if len(names) > AREAS_PER_COMMAND_MAX:
        raise refusals.TooManyAreas(areas_max=AREAS_PER_COMMAND_MAX)
    return given


def _split(command: SplitArea, changes: Changes) -> None:
    day, old = command.starts_on, command.area
    area = changes.area(old, day)
    cadre, parent = value_on(area.cadres, day), value_on(area.parents, day)
    for part in _named([part.area for part in command.into], command.into):
        draft = AreaDraft(area=part.area, kind=area.kind, name=part.name, parent=parent)
        if part.area in changes.layout.areas:
            raise refusals.AreaTaken(area=part.area)
        changes.add(draft, day, predecessors=(old,))
        if cadre:
            changes.answer(part.area, cadre, day)
        for name in _named(part.takes, part.takes):
            changes.take(name, old, part.area, day)
    if not changes.layout.on(day).below(old):
        changes.end(old, day, successors=[part.area for part in command.into])


def _merge(command: MergeAreas, changes: Changes) -> None:
    day = command.starts_on
    names = _named(command.areas, command.areas)
    areas = [changes.area(name, day) for name in names]
    if len({(area.kind, value_on(area.parents, day)) for area in areas}) > 1:
        raise refusals.KindsDiffer
    if command.into in changes.layout.areas:
        raise refusals.AreaTaken(area=command.into)
    cadres = {value_on(area.cadres, day) for area in areas}
    if len(cadres) > 1 and not command.cadre:
        raise refusals.CadresDiffer
    parent = value_on(areas[0].parents, day)
    draft = AreaDraft(area=command.into, kind=areas[0].kind, name=command.name, parent=parent)
    changes.add(draft, day, predecessors=names)
    cadre = command.cadre or cadres.pop()
    if cadre:
        changes.answer(command.into, cadre, day)
    for name in names:
        for below in changes.layout.on(day).below(name):
            changes.take(below, name, command.into, day)
        changes.end(name, day, successors=(command.into,))


def _replace(command: ReplaceCadre, changes: Changes, states: States) -> None:
    day = command.starts_on
    until = _term(command.successor, command, states) if command.successor else None
    for name, area in changes.layout.areas.items():
        if area.exists(day) and value_on(area.cadres, day) == command.cadre:
            changes.answer(name, command.successor, day, until)
    if value_on(changes.layout.stand_ins, day) == command.cadre:
        changes.stand_in(command.successor, day, until)


def _term(
    cadre: str, command: AssignCadre | ReplaceCadre | NameStandIn, states: States
) -> date | None:
    """Give the day before which the cadre's term ends, if it does; raise NotACadre."""
    path = states.get(node_stream(command.community), NODE).path
    held = states.get(grants_stream(cadre), GRANTS)
    ends = [ends_on for starts_on, ends_on in _terms(held, path) if starts_on <= command.starts_on]
    in_office = [end for end in ends if end is None or command.starts_on < end]
    if not in_office:
        raise refusals.NotACadre
    return None if None in in_office else max(end for end in in_office if end is not None)


def _terms(held: Grants, path: Sequence[str]) -> list[tuple[date, date | None]]:
    return [
        (_day(grant.starts_at), None if grant.ends_at is None else _day(grant.ends_at))
        for grant in held.held
        if grant.role == CADRE and grant.node in path
    ]


def _day(moment: datetime) -> date:
    return moment.astimezone(DISTRICT_ZONE).date()


def _told(command: RaiseUncovered, state: Layout) -> Sequence[To]:
    return _to(
        command,
        [
            AreaUncovered(area=name, starts_on=day, ends_on=until)
            for name, day, until in gaps(state)
            if (name, day) == (command.area, command.starts_on) and (name, day) not in state.told
        ],
    )


def _to(command: LayoutCommand, events: Sequence[LayoutEvent]) -> Sequence[To]:
    return [To(layout_stream(command.community), event) for event in events]


def due(state: Layout) -> Mapping[str, datetime]:
    """Give the midnights at which an area is left without anybody who answers for it."""
    return {
        f"{_UNCOVERED}{name}:{day.isoformat()}": datetime.combine(day, time(), DISTRICT_ZONE)
        for name, day, _ in gaps(state)
        if (name, day) not in state.told
    }


def fire(ended: Due) -> LayoutCommand:
    """Give the command that the end of a timer is."""
    area, day = ended.name.removeprefix(_UNCOVERED).split(":")
    return RaiseUncovered(community=ended.id, area=area, starts_on=date.fromisoformat(day))


def _reads(command: LayoutCommand) -> Sequence[Read[Any]]:
    place = Read(node_stream(command.community), NODE)
    match command:
        case AssignCadre(cadre=cadre) | NameStandIn(cadre=cadre) | ReplaceCadre(successor=cadre):
            return (place, Read(grants_stream(cadre), GRANTS)) if cadre else (place,)
        case _:
            return (place,)


COMMUNITY_LAYOUT: Decider[LayoutCommand, Layout] = Decider(
    name="layout",
    view=LAYOUT,
    commands=(
        AddAreas,
        MoveAreas,
        SplitArea,
        MergeAreas,
        EndArea,
        AssignPremises,
        AssignCadre,
        ReplaceCadre,
        NameStandIn,
        RaiseUncovered,
    ),
    target=lambda command: layout_stream(command.community),
    decide=decide,
    reads=_reads,
    timers=Timers(due, fire),
)

INTERNAL = (RaiseUncovered,)
ACCESS = (
    *(
        Allow(role, action)
        for role in ("district_admin", "secretary")
        for action in (
            AddAreas,
            MoveAreas,
            SplitArea,
            MergeAreas,
            EndArea,
            AssignPremises,
            AssignCadre,
            ReplaceCadre,
            NameStandIn,
        )
    ),
    *(
        Allow(role, "read_layout")
        for role in (
            "district_admin",
            "secretary",
            "desk",
            "department",
            "integration",
            "cadre",
            "resident",
        )
    ),
)
