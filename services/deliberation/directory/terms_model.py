"""When each granted role was held: a grant's term, cut where the role was revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from shared import effective
from shared.contracts.deliberation import RoleGranted, RoleRevoked
from shared.decider import Fact
from shared.kit.read_models.effective import as_of
from shared.kit.read_models.model import Effective, ReadModel, Row
from shared.kit.read_models.tables import Tables


class TermRow(Row):
    """A role that a resident held on a node; the end of a term needs no event of its own."""

    scope: str
    resident: UUID
    grant_id: UUID
    role: str
    node: str
    valid_from: datetime
    valid_to: datetime | None = None


def term_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the grant."""
    match fact.event:
        case RoleGranted() | RoleRevoked() as event:
            return ((fact.scope, event.resident, event.grant_id),)
        case _:
            return ()


def fold_term(
    _subject: tuple[Any, ...], periods: tuple[TermRow, ...], fact: Fact
) -> tuple[TermRow, ...]:
    """Lay down the term, or end it; a grant revoked before it began was never held."""
    match fact.event:
        case RoleGranted() as event:
            term = TermRow(
                scope=fact.scope,
                resident=event.resident,
                grant_id=event.grant_id,
                role=event.role,
                node=event.node,
                valid_from=event.starts_at,
                valid_to=event.ends_at,
            )
            return effective.put(periods, term)
        case RoleRevoked():
            return effective.clear(periods, fact.occurred_at)
        case _:
            return periods


TERMS = ReadModel(
    name="role_terms",
    revision=1,
    row=TermRow,
    key=("scope", "resident", "grant_id", "valid_from"),
    keys=term_keys,
    fold=Effective(fold_term),
    events=(RoleGranted, RoleRevoked),
    indexes=(("scope", "node", "resident", "grant_id", "valid_from"),),
)


async def list_holders(
    tables: Tables,
    scope: str,
    at: datetime,
    *,
    node: str | None,
    role: str | None,
    after: tuple[UUID, UUID] | None,
    limit: int,
) -> list[TermRow]:
    """Give up to `limit` roles held at an instant, by resident and grant past `after`."""
    of = {name: value for name, value in (("node", node), ("role", role)) if value is not None}
    return await as_of(tables, TERMS, scope, at, of=of, after=after, limit=limit)
