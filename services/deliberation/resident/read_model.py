"""The roll as a table: pseudonyms and kinds, no names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from shared.contracts.deliberation import (
    AccountLinked,
    ResidentRegistered,
    SubjectErasureRequested,
)
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.read_models.tables import Tables


class ResidentRow(Row):
    """A resident who is not erased.

    `texts` is the vault record with the name, sealed under `subject`'s key.
    """

    scope: str
    resident: UUID
    kind: str
    texts: UUID
    subject: UUID
    registered_at: datetime
    accounts: int = 0


def resident_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the one row of a resident."""
    match fact.event:
        case (
            ResidentRegistered(resident=resident)
            | AccountLinked(resident=resident)
            | SubjectErasureRequested(resident=resident)
        ):
            return ((fact.scope, resident),)
        case _:
            return ()


def fold_resident(_key: tuple[Any, ...], row: ResidentRow | None, fact: Fact) -> ResidentRow | None:
    """Follow one fact."""
    match fact.event, row:
        case ResidentRegistered() as event, _:
            return ResidentRow(
                scope=fact.scope,
                resident=event.resident,
                kind=event.kind.value,
                texts=event.texts,
                subject=event.subject,
                registered_at=fact.occurred_at,
            )
        case SubjectErasureRequested(), _:
            return None
        case AccountLinked(), ResidentRow(accounts=accounts):
            return replace(row, accounts=accounts + 1)
        case _:
            return row


RESIDENTS = ReadModel(
    name="residents",
    revision=2,
    row=ResidentRow,
    key=("scope", "resident"),
    keys=resident_keys,
    fold=fold_resident,
    events=(ResidentRegistered, AccountLinked, SubjectErasureRequested),
    indexes=(("scope", "texts"),),
)


async def find_residents(
    tables: Tables, scope: str, residents: Sequence[UUID]
) -> list[ResidentRow]:
    """Give those of these residents that are on the roll."""
    rows = await tables.fetch(
        """
        SELECT r.scope, r.resident, r.kind, r.texts, r.subject, r.registered_at, r.accounts
        FROM {residents} AS r
        WHERE r.scope = $1 AND r.resident = ANY ($2::uuid[])
        """,
        scope,
        list(residents),
    )
    return [ResidentRow(**dict(row)) for row in rows]


async def find_by_texts(tables: Tables, scope: str, records: Sequence[UUID]) -> list[ResidentRow]:
    """Give the residents whose texts these vault records are, by id."""
    rows = await tables.fetch(
        """
        SELECT r.scope, r.resident, r.kind, r.texts, r.subject, r.registered_at, r.accounts
        FROM {residents} AS r
        WHERE r.scope = $1 AND r.texts = ANY ($2::uuid[])
        ORDER BY r.resident
        """,
        scope,
        list(records),
    )
    return [ResidentRow(**dict(row)) for row in rows]
