"""HTTP of a community's layout: areas, premises and cadres, from a day on."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.deliberation.layout.changes import NAME_CHARACTERS_MAX
from services.deliberation.layout.commands import (
    AddAreas,
    AreaDraft,
    AssignCadre,
    AssignPremises,
    EndArea,
    MergeAreas,
    MoveAreas,
    NameStandIn,
    ReplaceCadre,
    SplitArea,
    SplitDraft,
)
from services.deliberation.layout.domain import AREAS_PER_COMMAND_MAX
from services.deliberation.layout.read_model import AreaRow, areas_on, living_on, tree_on
from services.deliberation.layout.tree import Tree
from shared.contracts.deliberation import PLACE_PATTERN
from shared.contracts.deliberation.layout import HIERARCHY, AreaKind, Hierarchy
from shared.effective import DISTRICT_ZONE
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms

AreaId = Annotated[str, Field(pattern=PLACE_PATTERN)]
AreaName = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
AreaIds = Annotated[tuple[AreaId, ...], Field(min_length=1, max_length=AREAS_PER_COMMAND_MAX)]


class NewArea(BaseModel):
    """An area; without a parent it stands directly below the community."""

    area: AreaId
    kind: AreaKind
    name: AreaName
    parent: AreaId | None = None
    property_firm: bool | None = None


class AreasBody(CommandBody):
    """Areas that exist from a day on, a parent before what stands below it."""

    starts_on: date
    areas: Annotated[tuple[NewArea, ...], Field(min_length=1, max_length=AREAS_PER_COMMAND_MAX)]


class MovesBody(CommandBody):
    """Which areas stand below which other one; without it directly below the community."""

    starts_on: date
    areas: AreaIds
    parent: AreaId | None = None


class Part(BaseModel):
    """An area that comes out of a split, and what it takes."""

    area: AreaId
    name: AreaName
    takes: AreaIds


class SplitBody(CommandBody):
    """Into which areas one is divided."""

    starts_on: date
    into: Annotated[tuple[Part, ...], Field(min_length=1, max_length=50)]


class MergerBody(CommandBody):
    """Which areas become one; `cadre` is needed where theirs differ."""

    starts_on: date
    areas: AreaIds
    into: AreaId
    name: AreaName
    cadre: UUID | None = None


class EndBody(CommandBody):
    """The first day without the area."""

    ends_on: date


class PremisesBody(CommandBody):
    """Which premises belong to the area."""

    starts_on: date
    premises: AreaIds


class CadreBody(CommandBody):
    """Which areas a cadre answers for."""

    starts_on: date
    areas: AreaIds
    cadre: UUID


class SuccessorBody(CommandBody):
    """Who answers instead; without a successor the stand-in does, or nobody."""

    starts_on: date
    successor: UUID | None = None


class StandInBody(CommandBody):
    """Who answers for what has no cadre of its own."""

    starts_on: date
    cadre: UUID


class AreaAnswer(BaseModel):
    """An area on a day, with the households and residents of all that is below or belongs to it.

    `cadre` answers for an area of the grid; null: nobody does, or it is of another hierarchy.
    """

    area: str
    kind: AreaKind
    name: str
    parent: str | None
    property_firm: bool | None
    cadre: UUID | None
    households: int
    residents: int


class TreeAnswer(BaseModel):
    """A community on a day; `kinds` counts its areas by kind."""

    on: date
    kinds: dict[str, int]
    households: int
    residents: int
    areas: list[AreaAnswer]


class CoverAnswer(BaseModel):
    """For how many households a cadre answers."""

    cadre: UUID
    households: int


class CoverageAnswer(BaseModel):
    """Who answers for the households of a community on a day; each has one cadre, or none."""

    on: date
    households: int
    uncovered: int
    cadres: list[CoverAnswer]


def routes(rooms: Rooms) -> Routes:
    """Give the routes of the layout."""
    found = Routes("deliberation", rooms.edge)
    _add_areas(found)
    _add_cadres(found)
    _add_queries(found, rooms)
    return found


def _add_queries(found: Routes, rooms: Rooms) -> None:
    tables = rooms.tables

    def day_of(on: date | None) -> date:
        return on or rooms.edge.clock.now().astimezone(DISTRICT_ZONE).date()

    async def get_areas(reader: Reading, on: date | None = None) -> TreeAnswer:
        """Show a community's areas on a day (default: today), by id."""
        day = day_of(on)
        rows = await areas_on(tables, reader.scope, day)
        tree = await tree_on(tables, reader.scope, day, rows)
        living = await living_on(tables, reader.scope, day)
        counts = tree.counts(living)
        return TreeAnswer(
            on=day,
            kinds=dict(Counter(row.kind.value for row in rows)),
            households=sum(homes for homes, _ in living.values()),
            residents=sum(people for _, people in living.values()),
            areas=[_area(tree, row, counts[row.area]) for row in rows],
        )

    async def get_coverage(reader: Reading, on: date | None = None) -> CoverageAnswer:
        """Show who answers for how many households on a day (default: today)."""
        day = day_of(on)
        rows = await areas_on(tables, reader.scope, day)
        tree = await tree_on(tables, reader.scope, day, rows)
        covered = tree.covered(await living_on(tables, reader.scope, day))
        return CoverageAnswer(
            on=day,
            households=sum(covered.values()),
            uncovered=covered.pop("", 0),
            cadres=[
                CoverAnswer(cadre=UUID(cadre), households=homes)
                for cadre, homes in sorted(covered.items())
            ],
        )

    found.query(
        "/communities/{scope}/areas", get_areas, action="read_layout", summary="Show the areas"
    )
    found.query(
        "/communities/{scope}/coverage",
        get_coverage,
        action="read_layout",
        summary="Show who answers for the households",
    )


def _area(tree: Tree, row: AreaRow, counts: tuple[int, int]) -> AreaAnswer:
    gridded = HIERARCHY[row.kind] is Hierarchy.GRID
    cadre = tree.cadre_of(row.area) if gridded else ""
    households, residents = counts
    return AreaAnswer(
        area=row.area,
        kind=row.kind,
        name=row.name,
        parent=row.parent or None,
        property_firm=row.property_firm,
        cadre=UUID(cadre) if cadre else None,
        households=households,
        residents=residents,
    )


def _add_areas(found: Routes) -> None:
    areas = "/communities/{scope}/areas"
    one = f"{areas}/{{area}}"
    found.command(
        areas, AreasBody, _add, action=AddAreas, status=201, summary="Add areas of a community"
    )
    found.command(f"{areas}/moves", MovesBody, _move, action=MoveAreas, summary="Move areas")
    found.command(
        f"{areas}/mergers", MergerBody, _merge, action=MergeAreas, summary="Make areas one"
    )
    found.command(f"{one}/split", SplitBody, _split, action=SplitArea, summary="Divide an area")
    found.command(f"{one}/end", EndBody, _end, action=EndArea, summary="End an area")
    found.command(
        f"{one}/premises",
        PremisesBody,
        _assign_premises,
        action=AssignPremises,
        summary="Assign premises to an area",
    )


def _add_cadres(found: Routes) -> None:
    cadres = "/communities/{scope}/cadres"
    found.command(
        cadres, CadreBody, _assign_cadre, action=AssignCadre, summary="Assign areas to a cadre"
    )
    found.command(
        f"{cadres}/{{cadre}}/replacement",
        SuccessorBody,
        _replace,
        action=ReplaceCadre,
        summary="Replace a cadre everywhere",
    )
    found.command(
        f"{cadres}/stand-in", StandInBody, _stand_in, action=NameStandIn, summary="Name a stand-in"
    )


def _add(call: Call[AreasBody]) -> Draft:
    areas = tuple(
        AreaDraft(
            area=one.area,
            kind=one.kind,
            name=one.name,
            parent=one.parent or "",
            property_firm=one.property_firm,
        )
        for one in call.body.areas
    )
    return Draft(AddAreas(community=call.scope, starts_on=call.body.starts_on, areas=areas))


def _move(call: Call[MovesBody]) -> Draft:
    body = call.body
    return Draft(
        MoveAreas(
            community=call.scope,
            starts_on=body.starts_on,
            areas=body.areas,
            parent=body.parent or "",
        )
    )


def _split(call: Call[SplitBody]) -> Draft:
    into = tuple(
        SplitDraft(area=part.area, name=part.name, takes=part.takes) for part in call.body.into
    )
    return Draft(
        SplitArea(
            community=call.scope,
            starts_on=call.body.starts_on,
            area=call.path["area"],
            into=into,
        )
    )


def _merge(call: Call[MergerBody]) -> Draft:
    body = call.body
    return Draft(
        MergeAreas(
            community=call.scope,
            starts_on=body.starts_on,
            areas=body.areas,
            into=body.into,
            name=body.name,
            cadre=str(body.cadre or ""),
        )
    )


def _end(call: Call[EndBody]) -> Draft:
    return Draft(EndArea(community=call.scope, ends_on=call.body.ends_on, area=call.path["area"]))


def _assign_premises(call: Call[PremisesBody]) -> Draft:
    return Draft(
        AssignPremises(
            community=call.scope,
            starts_on=call.body.starts_on,
            premises=call.body.premises,
            area=call.path["area"],
        )
    )


def _assign_cadre(call: Call[CadreBody]) -> Draft:
    body = call.body
    return Draft(
        AssignCadre(
            community=call.scope,
            starts_on=body.starts_on,
            areas=body.areas,
            cadre=str(body.cadre),
        )
    )


def _replace(call: Call[SuccessorBody]) -> Draft:
    body = call.body
    return Draft(
        ReplaceCadre(
            community=call.scope,
            starts_on=body.starts_on,
            cadre=str(call.id("cadre")),
            successor=str(body.successor or ""),
        )
    )


def _stand_in(call: Call[StandInBody]) -> Draft:
    body = call.body
    return Draft(NameStandIn(community=call.scope, starts_on=body.starts_on, cadre=str(body.cadre)))
