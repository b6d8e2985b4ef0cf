"""HTTP of recurrences: what a request was told of its matter. The rest happens by itself."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from services.wishes.recurrence.domain import FreeMatter, NoteOccurrence, TellFate
from services.wishes.recurrence.process import DECIDER
from services.wishes.recurrence.read_model import list_fates
from shared.authority import Allow
from shared.kit.http.commands import Routes
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms


class FateAnswer(BaseModel):
    """What became of a matter that the request was part of."""

    recurrence: UUID
    fate: str
    told_at: AwareDatetime


class FatesAnswer(BaseModel):
    """What the request was told, the latest first."""

    items: list[FateAnswer]


ACCESS = tuple(
    Allow(role, "read_fates")
    for role in ("desk", "department", "secretary", "district_admin", "integration", "resident")
)
# What rules ask for; no caller may.
INTERNAL = (NoteOccurrence, FreeMatter, TellFate, *DECIDER.commands)


def routes(rooms: Rooms) -> Routes:
    """Give the routes."""
    found = Routes("wishes", rooms.edge)

    async def get_fates(request: UUID, reader: Reading) -> FatesAnswer:
        """Show what a request was told of the matter that it was part of."""
        rows = await list_fates(rooms.tables, reader.scope, str(request))
        return FatesAnswer(
            items=[
                FateAnswer(recurrence=UUID(row.recurrence), fate=row.fate, told_at=row.told_at)
                for row in rows
            ]
        )

    found.query(
        "/communities/{scope}/requests/{request}/fates",
        get_fates,
        action="read_fates",
        summary="Show what became of a request's matter",
    )
    return found
