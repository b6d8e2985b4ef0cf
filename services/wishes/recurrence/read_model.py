"""What requests were told of their matters, one row for each recurrence of a request."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.contracts.wishes.recurrence import FateTold
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.read_models.tables import Tables


class FateRow(Row):
    """What became of a matter that a request was part of."""

    scope: str
    request: str
    recurrence: str
    fate: str
    told_at: datetime


def _keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    match fact.event:
        case FateTold(request=request, recurrence=recurrence):
            return ((fact.scope, str(request), str(recurrence)),)
        case _:
            return ()


def _fold(key: tuple[Any, ...], row: FateRow | None, fact: Fact) -> FateRow | None:
    match fact.event:
        case FateTold(fate=fate):
            scope, request, recurrence = key
            return FateRow(
                scope=scope,
                request=request,
                recurrence=recurrence,
                fate=fate.value,
                told_at=fact.occurred_at,
            )
        case _:
            return row


FATES = ReadModel(
    name="request_fates",
    revision=1,
    row=FateRow,
    key=("scope", "request", "recurrence"),
    keys=_keys,
    fold=_fold,
    events=(FateTold,),
)


async def list_fates(tables: Tables, scope: str, request: str) -> list[FateRow]:
    """Give what a request was told, the latest first."""
    rows = await tables.fetch(
        """
        SELECT f.scope, f.request, f.recurrence, f.fate, f.told_at
        FROM {request_fates} AS f
        WHERE f.scope = $1 AND f.request = $2
        ORDER BY f.told_at DESC, f.recurrence
        LIMIT 100
        """,
        scope,
        request,
    )
    return [FateRow(**dict(row)) for row in rows]
