"""Who held which role on which place, on any day, over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.deliberation.directory.terms_model import TermRow, list_holders
from shared.kit.http.commands import Routes
from shared.kit.http.days import Day, end_of
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms

Filter = Annotated[str | None, Query(min_length=1, max_length=63)]


class HolderAnswer(BaseModel):
    """A role as it was held; `until` is exclusive, null where no end is known."""

    resident: UUID
    grant: UUID
    role: str
    node: str
    since: AwareDatetime
    until: AwareDatetime | None


def add_terms(found: Routes, rooms: Rooms) -> None:
    """Add the GET of who held a role on a day."""

    async def get_role_holders(
        on: Day, paging: Paging, reader: Reading, *, node: Filter = None, role: Filter = None
    ) -> Page[HolderAnswer]:
        """List who held which role when a day ended, by resident and grant."""
        rows = await list_holders(
            rooms.tables,
            reader.scope,
            end_of(on),
            node=node,
            role=role,
            after=paging.after(tuple[UUID, UUID]),
            limit=paging.fetch,
        )
        return paging.page(
            rows, key=lambda row: (str(row.resident), str(row.grant_id)), item=_holder
        )

    found.query(
        "/districts/{scope}/role-holders",
        get_role_holders,
        action="read_grants",
        summary="List who held a role on a day",
    )


def _holder(row: TermRow) -> HolderAnswer:
    return HolderAnswer(
        resident=row.resident,
        grant=row.grant_id,
        role=row.role,
        node=row.node,
        since=row.valid_from,
        until=row.valid_to,
    )
