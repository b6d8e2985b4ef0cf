"""Which unit was responsible for a request, and since when, until when.

A unit is responsible from the dispatch or a transfer until the next transfer, the answer or the
end; after a reopening it is again. What is entered last counts from its own day on, since the log's
order is the order in which the request went from hand to hand. The case file counts every hop; here
only what held on a day is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared import effective
from shared.contracts.wishes import (
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestReopened,
    RequestTransferred,
)
from shared.decider import Fact
from shared.kit.read_models.effective import as_of, history
from shared.kit.read_models.model import Effective, ReadModel, Row
from shared.kit.read_models.tables import Tables


class ResponsibilityRow(Row):
    """A unit that had a request for a time; `accountable` is the first receiver."""

    scope: str
    request: str
    unit: str
    accountable: str
    valid_from: datetime
    valid_to: datetime | None = None


def responsibility_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the request."""
    return ((fact.scope, fact.id),)


def fold_responsibility(
    _subject: tuple[Any, ...], periods: tuple[ResponsibilityRow, ...], fact: Fact
) -> tuple[ResponsibilityRow, ...]:
    """Begin a unit's time, or end it."""
    match fact.event:
        case RequestDispatched(unit=unit):
            return effective.put(periods, _from_now_on(fact, unit, unit))
        case RequestTransferred(to_unit=unit, accountable=accountable):
            return effective.put(periods, _from_now_on(fact, unit, accountable))
        case RequestReopened(unit=unit):
            first = periods[0].accountable if periods else unit
            return effective.put(periods, _from_now_on(fact, unit, first))
        case RequestAnswered() | RequestClosed():
            return effective.clear(periods, fact.occurred_at)
        case _:
            return periods


def _from_now_on(fact: Fact, unit: str, accountable: str) -> ResponsibilityRow:
    return ResponsibilityRow(
        scope=fact.scope,
        request=fact.id,
        unit=unit,
        accountable=accountable,
        valid_from=fact.occurred_at,
    )


RESPONSIBILITIES = ReadModel(
    name="responsibilities",
    revision=1,
    row=ResponsibilityRow,
    key=("scope", "request", "valid_from"),
    keys=responsibility_keys,
    fold=Effective(fold_responsibility),
    events=(
        RequestDispatched,
        RequestTransferred,
        RequestAnswered,
        RequestClosed,
        RequestReopened,
    ),
    indexes=(("scope", "unit", "request", "valid_from"),),
)


async def list_responsible(
    tables: Tables,
    scope: str,
    at: datetime,
    *,
    unit: str | None,
    after: tuple[str] | None,
    limit: int,
) -> list[ResponsibilityRow]:
    """Give up to `limit` requests past one that a unit had at an instant, by request."""
    of = {} if unit is None else {"unit": unit}
    return await as_of(tables, RESPONSIBILITIES, scope, at, of=of, after=after, limit=limit)


async def list_periods(
    tables: Tables, scope: str, request: str, *, after: datetime | None, limit: int
) -> list[ResponsibilityRow]:
    """Give up to `limit` times of units with a request that begin past one, the earliest first."""
    subject = {"request": request}
    return await history(tables, RESPONSIBILITIES, scope, subject, after=after, limit=limit)
