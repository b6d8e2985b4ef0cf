"""Erasures as a table: who was asked, who has not answered, since when."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from shared.contracts.deliberation import (
    ErasureAnswerMissing,
    SubjectErased,
    SubjectErasureAnswered,
    SubjectErasureRequested,
)
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.read_models.tables import Tables


class ErasureRow(Row):
    """One resident's erasure; `alarmed_at`: not every service had answered in time."""

    scope: str
    resident: UUID
    requested_at: datetime
    silent: tuple[str, ...]
    alarmed_at: datetime | None = None
    erased_at: datetime | None = None


def erasure_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the one row of an erasure."""
    return ((fact.scope, UUID(fact.id)),)


def fold_erasure(_key: tuple[Any, ...], row: ErasureRow | None, fact: Fact) -> ErasureRow | None:
    """Follow one fact."""
    match fact.event, row:
        case SubjectErasureRequested(resident=resident, services=services), _:
            return ErasureRow(
                scope=fact.scope,
                resident=resident,
                requested_at=fact.occurred_at,
                silent=services,
            )
        case SubjectErasureAnswered(by=by), ErasureRow(silent=silent):
            return replace(row, silent=tuple(one for one in silent if one != by))
        case ErasureAnswerMissing(), ErasureRow():
            return replace(row, alarmed_at=fact.occurred_at)
        case SubjectErased(), ErasureRow():
            return replace(row, erased_at=fact.occurred_at)
        case _:
            return row


ERASURES = ReadModel(
    name="erasures",
    revision=1,
    row=ErasureRow,
    key=("scope", "resident"),
    keys=erasure_keys,
    fold=fold_erasure,
    events=(
        SubjectErasureRequested,
        SubjectErasureAnswered,
        ErasureAnswerMissing,
        SubjectErased,
    ),
)


async def list_erasures(
    tables: Tables, scope: str, after: UUID, limit: int, *, open_only: bool
) -> list[ErasureRow]:
    """Give up to `limit` erasures past a resident's id, by id."""
    rows = await tables.fetch(
        """
        SELECT e.scope, e.resident, e.requested_at, e.silent, e.alarmed_at, e.erased_at
        FROM {erasures} AS e
        WHERE e.scope = $1 AND e.resident > $2 AND (NOT $4 OR e.erased_at IS NULL)
        ORDER BY e.resident
        LIMIT $3
        """,
        scope,
        after,
        limit,
        open_only,
    )
    return [
        ErasureRow(
            scope=row["scope"],
            resident=row["resident"],
            requested_at=row["requested_at"],
            silent=tuple(row["silent"]),
            alarmed_at=row["alarmed_at"],
            erased_at=row["erased_at"],
        )
        for row in rows
    ]
