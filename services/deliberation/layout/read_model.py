"""The layout as tables of periods: where areas stand, what premises belong to, who answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from services.deliberation.layout.changes import AREAS_PER_COMMUNITY_MAX
from services.deliberation.layout.tree import Tree
from shared.contracts.deliberation.layout import (
    AreaAdded,
    AreaEnded,
    AreaKind,
    AreaMoved,
    CadreAssigned,
    Hierarchy,
    PremisesAssigned,
    StandInNamed,
)
from shared.decider import Fact
from shared.effective import begin, clear, end
from shared.kit.read_models.effective import as_of
from shared.kit.read_models.model import Effective, ReadModel, Row
from shared.kit.read_models.tables import Tables

STAND_IN = ""  # the area under which the stand-in's periods are kept


class AreaRow(Row):
    """An area below `parent` (empty: the community) from `valid_from` to before `valid_to`."""

    scope: str
    area: str
    valid_from: date
    kind: AreaKind
    name: str
    parent: str
    valid_to: date | None = None
    property_firm: bool | None = None


class CellRow(Row):
    """Premises belong to an area of another hierarchy, with all that is below them."""

    scope: str
    premises: str
    hierarchy: Hierarchy
    valid_from: date
    area: str
    valid_to: date | None = None


class CadreRow(Row):
    """A cadre answers for an area; for the one without a name: the community's stand-in."""

    scope: str
    area: str
    valid_from: date
    cadre: UUID
    valid_to: date | None = None


def _area_keys(fact: Fact) -> Sequence[tuple[Any, ...]]:
    match fact.event:
        case AreaAdded(area=area) | AreaMoved(area=area) | AreaEnded(area=area):
            return ((fact.scope, area),)
        case _:
            return ()


def _over_area(
    _subject: tuple[Any, ...], periods: tuple[AreaRow, ...], fact: Fact
) -> tuple[AreaRow, ...]:
    match fact.event:
        case AreaAdded() as event:
            row = AreaRow(
                scope=fact.scope,
                area=event.area,
                valid_from=event.starts_on,
                kind=event.kind,
                name=event.name,
                parent=event.parent,
                property_firm=event.property_firm,
            )
            return begin(periods, row)
        case AreaMoved(parent=parent, starts_on=day):
            return begin(periods, replace(periods[0], valid_from=day, parent=parent))
        case AreaEnded(ends_on=day):
            return clear(periods, day)
        case _:
            return periods


def _cell_keys(fact: Fact) -> Sequence[tuple[Any, ...]]:
    match fact.event:
        case PremisesAssigned(premises=premises, hierarchy=hierarchy):
            return ((fact.scope, premises, hierarchy.value),)
        case _:
            return ()


def _over_cell(
    _subject: tuple[Any, ...], periods: tuple[CellRow, ...], fact: Fact
) -> tuple[CellRow, ...]:
    match fact.event:
        case PremisesAssigned() as event:
            row = CellRow(
                scope=fact.scope,
                premises=event.premises,
                hierarchy=event.hierarchy,
                valid_from=event.starts_on,
                area=event.area,
            )
            return begin(periods, row)
        case _:
            return periods


def _cadre_keys(fact: Fact) -> Sequence[tuple[Any, ...]]:
    match fact.event:
        case CadreAssigned(area=area):
            return ((fact.scope, area),)
        case StandInNamed():
            return ((fact.scope, STAND_IN),)
        case _:
            return ()


def _over_cadre(
    subject: tuple[Any, ...], periods: tuple[CadreRow, ...], fact: Fact
) -> tuple[CadreRow, ...]:
    match fact.event:
        case CadreAssigned(cadre=None, starts_on=day) | StandInNamed(cadre=None, starts_on=day):
            return end(periods, day)
        case (
            CadreAssigned(cadre=UUID() as cadre, starts_on=day)
            | StandInNamed(cadre=UUID() as cadre, starts_on=day)
        ):
            _, area = subject
            return begin(
                periods, CadreRow(scope=fact.scope, area=area, valid_from=day, cadre=cadre)
            )
        case _:
            return periods


AREAS = ReadModel(
    name="areas",
    revision=1,
    row=AreaRow,
    key=("scope", "area", "valid_from"),
    keys=_area_keys,
    fold=Effective(_over_area),
    events=(AreaAdded, AreaMoved, AreaEnded),
)
CELLS = ReadModel(
    name="premises_cells",
    revision=1,
    row=CellRow,
    key=("scope", "premises", "hierarchy", "valid_from"),
    keys=_cell_keys,
    fold=Effective(_over_cell),
    events=(PremisesAssigned,),
)
CADRES = ReadModel(
    name="area_cadres",
    revision=1,
    row=CadreRow,
    key=("scope", "area", "valid_from"),
    keys=_cadre_keys,
    fold=Effective(_over_cadre),
    events=(CadreAssigned, StandInNamed),
)


async def areas_on(tables: Tables, scope: str, day: date) -> list[AreaRow]:
    """Give a community's areas on a day, by id."""
    return await as_of(tables, AREAS, scope, day, after=None, limit=AREAS_PER_COMMUNITY_MAX)


async def tree_on(tables: Tables, scope: str, day: date, areas: Sequence[AreaRow]) -> Tree:
    """Give how these areas of a community stand on a day."""
    most = len(Hierarchy) * AREAS_PER_COMMUNITY_MAX
    cells: dict[Hierarchy, dict[str, str]] = {}
    for cell in await as_of(tables, CELLS, scope, day, after=None, limit=most):
        cells.setdefault(cell.hierarchy, {})[cell.premises] = cell.area
    cadres = {
        row.area: str(row.cadre)
        for row in await as_of(tables, CADRES, scope, day, after=None, limit=most)
    }
    return Tree(
        parents={row.area: row.parent for row in areas},
        cells=cells,
        cadres=cadres,
        stand_in=cadres.get(STAND_IN, ""),
    )


async def living_on(tables: Tables, scope: str, day: date) -> dict[str, tuple[int, int]]:
    """Give, by premises, how many households and residents live right there on a day."""
    rows = await tables.fetch(
        """
        SELECT p.premises, count(DISTINCT p.household) AS households,
               count(r.resident) AS residents
        FROM {household_places} AS p
        LEFT JOIN {residences} AS r
          ON r.community = p.scope AND r.household = p.household
         AND r.valid_from <= $2 AND (r.valid_to IS NULL OR $2 < r.valid_to)
        WHERE p.scope = $1 AND p.valid_from <= $2 AND (p.valid_to IS NULL OR $2 < p.valid_to)
        GROUP BY p.premises
        """,
        scope,
        day,
    )
    return {row["premises"]: (row["households"], row["residents"]) for row in rows}
