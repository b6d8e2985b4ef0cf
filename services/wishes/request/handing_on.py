"""The run that hands on what a reorganised unit has; candidates come from the case files."""

from __future__ import annotations

from collections.abc import Sequence

from services.wishes.language import UnitReorganised
from services.wishes.request.commands import HandOnRequests
from services.wishes.request.queries import list_held
from shared.decider import Fact
from shared.kit.read_models.tables import Tables
from shared.rules import Run

PAGE_MAX = 50  # three events a request, all in one append


async def candidates(tables: Tables, fact: Fact, after: str, limit: int) -> Sequence[str]:
    """Give the next requests that the unit has."""
    unit = _reorganised(fact).from_unit
    return await list_held(tables, fact.scope, unit, after=after, limit=limit)


def hand_on(fact: Fact, ids: Sequence[str]) -> HandOnRequests:
    """Give a page's command."""
    event = _reorganised(fact)
    return HandOnRequests(requests=tuple(ids), from_unit=event.from_unit, to_unit=event.to_unit)


def _reorganised(fact: Fact) -> UnitReorganised:
    assert isinstance(fact.event, UnitReorganised)
    return fact.event


HANDING_ON = Run(
    name="handing_on",
    events=(UnitReorganised,),
    candidates=candidates,
    command=hand_on,
    page_max=PAGE_MAX,
)
