"""The access log over HTTP: the same route in every service that has a vault."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from shared.kit.http.commands import Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms
from shared.kit.vault.access_log import AccessEntry

ACTION = "read_access_log"


class AccessAnswer(BaseModel):
    """A field that was revealed: to which login, when, where and what for.

    `item` is a vault record's id or an attachment's hash; `subject` is the person it belongs to.
    """

    id: int
    at: AwareDatetime
    scope: str
    purpose: str
    identity: UUID
    item: str
    field: str
    subject: UUID
    sensitive: bool


def access_log_routes(service: str, rooms: Rooms, sensitive: Collection[str]) -> Routes:
    """Give the route; `sensitive` names the fields whose reading deserves a second look."""
    found = Routes(service, rooms.edge)

    async def get_access_log(
        paging: Paging,
        reader: Reading,
        subject: UUID | None = None,
        item: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    ) -> Page[AccessAnswer]:
        """List reveals, the latest first: of the district all, of another place its own."""
        after = paging.after(tuple[int])
        entries = await rooms.vault.access_log.entries(
            scope=None if reader.scope == rooms.district else reader.scope,
            subject=subject,
            item=item,
            before=after[0] if after else None,
            limit=paging.fetch,
        )
        return paging.page(
            entries, key=lambda entry: (entry.id,), item=lambda entry: _answer(entry, sensitive)
        )

    found.query(
        "/districts/{scope}/access-log",
        get_access_log,
        action=ACTION,
        summary="List who revealed what",
    )
    return found


def _answer(entry: AccessEntry, sensitive: Collection[str]) -> AccessAnswer:
    return AccessAnswer(
        id=entry.id,
        at=entry.at,
        scope=entry.scope,
        purpose=entry.purpose,
        identity=entry.identity,
        item=entry.item,
        field=entry.field,
        subject=entry.subject,
        sensitive=entry.field in sensitive,
    )
