"""The files of requests as a table."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.wishes import EvidenceAttached
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.read_models.tables import Tables


class EvidenceRow(Row):
    """A file of a request; `sha256` names it in the store, `subject` is whose it is."""

    scope: str
    request: str
    sha256: str
    media_type: str
    size: int
    purpose: str
    subject: UUID
    attached_at: datetime


def evidence_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the row of a file."""
    match fact.event:
        case EvidenceAttached(sha256=sha256):
            return ((fact.scope, fact.id, sha256),)
        case _:
            return ()


def fold_evidence(_key: tuple[Any, ...], row: EvidenceRow | None, fact: Fact) -> EvidenceRow | None:
    """Add the file."""
    match fact.event:
        case EvidenceAttached() as event:
            return EvidenceRow(
                scope=fact.scope,
                request=fact.id,
                sha256=event.sha256,
                media_type=event.media_type,
                size=event.size,
                purpose=event.purpose.value,
                subject=event.subject,
                attached_at=fact.occurred_at,
            )
        case _:
            return row


EVIDENCE_FILES = ReadModel(
    name="request_evidence",
    revision=1,
    row=EvidenceRow,
    key=("scope", "request", "sha256"),
    keys=evidence_keys,
    fold=fold_evidence,
    events=(EvidenceAttached,),
)


async def list_evidence(tables: Tables, scope: str, request: str) -> list[EvidenceRow]:
    """Give a request's files in the order in which they were attached."""
    rows = await tables.fetch(
        """
        SELECT e.scope, e.request, e.sha256, e.media_type, e.size, e.purpose, e.subject,
               e.attached_at
        FROM {request_evidence} AS e
        WHERE e.scope = $1 AND e.request = $2
        ORDER BY e.attached_at, e.sha256
        """,
        scope,
        request,
    )
    return [EvidenceRow(**dict(row)) for row in rows]
