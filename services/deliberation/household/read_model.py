"""Households and residences as tables of periods; ids alone, no door and no name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from shared.contracts.deliberation import ResidentKind
from shared.contracts.deliberation.households import (
    HouseholdEnded,
    HouseholdMoved,
    HouseholdRegistered,
    ResidenceLeft,
    ResidenceTaken,
)
from shared.decider import Fact
from shared.effective import begin, clear, end
from shared.kit.read_models.model import Effective, ReadModel, Row
from shared.kit.read_models.tables import Tables


class PlaceRow(Row):
    """A household lives in premises; `texts` is the vault record with its door, if there is one."""

    scope: str
    household: UUID
    valid_from: date
    premises: str
    valid_to: date | None = None
    texts: UUID | None = None


class ResidenceRow(Row):
    """A resident lives in a household of a community; `scope` is the district."""

    scope: str
    resident: UUID
    valid_from: date
    community: str
    household: UUID
    kind: ResidentKind
    valid_to: date | None = None


def _place_keys(fact: Fact) -> Sequence[tuple[Any, ...]]:
    match fact.event:
        case (
            HouseholdRegistered(household=household)
            | HouseholdMoved(household=household)
            | HouseholdEnded(household=household)
        ):
            return ((fact.scope, household),)
        case _:
            return ()


def _over_place(
    _subject: tuple[Any, ...], periods: tuple[PlaceRow, ...], fact: Fact
) -> tuple[PlaceRow, ...]:
    match fact.event:
        case HouseholdRegistered() as event:
            row = PlaceRow(
                scope=fact.scope,
                household=event.household,
                valid_from=event.starts_on,
                premises=event.premises,
                texts=event.texts,
            )
            return begin(periods, row)
        case HouseholdMoved(premises=premises, starts_on=day):
            return begin(periods, replace(periods[0], valid_from=day, premises=premises))
        case HouseholdEnded(ends_on=day):
            return clear(periods, day)
        case _:
            return periods


def _residence_keys(fact: Fact) -> Sequence[tuple[Any, ...]]:
    match fact.event:
        case ResidenceTaken(resident=resident) | ResidenceLeft(resident=resident):
            return ((fact.scope, resident),)
        case _:
            return ()


def _over_residence(
    _subject: tuple[Any, ...], periods: tuple[ResidenceRow, ...], fact: Fact
) -> tuple[ResidenceRow, ...]:
    match fact.event:
        case ResidenceTaken() as event:
            row = ResidenceRow(
                scope=fact.scope,
                resident=event.resident,
                valid_from=event.starts_on,
                community=event.community,
                household=event.household,
                kind=event.kind,
            )
            return begin(periods, row)
        case ResidenceLeft(ends_on=day):
            return end(periods, day)
        case _:
            return periods


PLACES = ReadModel(
    name="household_places",
    revision=1,
    row=PlaceRow,
    key=("scope", "household", "valid_from"),
    keys=_place_keys,
    fold=Effective(_over_place),
    events=(HouseholdRegistered, HouseholdMoved, HouseholdEnded),
    indexes=(("scope", "premises", "household"),),
)
RESIDENCES = ReadModel(
    name="residences",
    revision=1,
    row=ResidenceRow,
    key=("scope", "resident", "valid_from"),
    keys=_residence_keys,
    fold=Effective(_over_residence),
    events=(ResidenceTaken, ResidenceLeft),
    indexes=(("community", "household"),),
)


async def places_on(
    tables: Tables, scope: str, day: date, premises: str, *, after: UUID, limit: int
) -> list[PlaceRow]:
    """Give up to `limit` households past an id, by id; of these premises alone unless empty."""
    rows = await tables.fetch(
        """
        SELECT p.scope, p.household, p.valid_from, p.valid_to, p.premises, p.texts
        FROM {household_places} AS p
        WHERE p.scope = $1 AND p.valid_from <= $2 AND (p.valid_to IS NULL OR $2 < p.valid_to)
          AND ($3 = '' OR p.premises = $3) AND p.household > $4
        ORDER BY p.household
        LIMIT $5
        """,
        scope,
        day,
        premises,
        after,
        limit,
    )
    return [PlaceRow(**dict(row)) for row in rows]


async def residents_on(
    tables: Tables, community: str, day: date, households: Sequence[UUID]
) -> list[ResidenceRow]:
    """Give who lives in these households on a day, by resident."""
    rows = await tables.fetch(
        """
        SELECT r.scope, r.resident, r.valid_from, r.valid_to, r.community, r.household, r.kind
        FROM {residences} AS r
        WHERE r.community = $1 AND r.household = ANY ($3::uuid[])
          AND r.valid_from <= $2 AND (r.valid_to IS NULL OR $2 < r.valid_to)
        ORDER BY r.resident
        """,
        community,
        day,
        list(households),
    )
    return [msgspec.convert(dict(row), ResidenceRow) for row in rows]
