"""Which unit was responsible for a request on a day, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.wishes.request.queries import find_request
from services.wishes.request.refusals import RequestNotFound
from services.wishes.request.responsibility_model import (
    ResponsibilityRow,
    list_periods,
    list_responsible,
)
from shared.kit.http.commands import Routes
from shared.kit.http.days import Day, end_of
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms


class ResponsibilityAnswer(BaseModel):
    """A unit that had a request; `until` is exclusive, null where no end is known."""

    request: str
    unit: str
    accountable: str
    since: AwareDatetime
    until: AwareDatetime | None


def add_responsibility(found: Routes, rooms: Rooms) -> None:
    """Add the GETs of who was responsible."""
    tables = rooms.tables

    async def get_responsible_units(
        on: Day,
        paging: Paging,
        reader: Reading,
        *,
        unit: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    ) -> Page[ResponsibilityAnswer]:
        """List which unit had which request when a day ended, by request."""
        after = paging.after(tuple[str])
        rows = await list_responsible(
            tables, reader.scope, end_of(on), unit=unit, after=after, limit=paging.fetch
        )
        return paging.page(rows, key=lambda row: (row.request,), item=_answer)

    async def get_request_responsibilities(
        request: UUID, paging: Paging, reader: Reading
    ) -> Page[ResponsibilityAnswer]:
        """List the units that had a request, one time after the other."""
        if await find_request(tables, reader.scope, str(request)) is None:
            raise RequestNotFound
        after = paging.after(tuple[datetime])
        rows = await list_periods(
            tables,
            reader.scope,
            str(request),
            after=after[0] if after else None,
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.valid_from,), item=_answer)

    found.query(
        "/communities/{scope}/requests/responsible-units",
        get_responsible_units,
        action="read_requests",
        summary="List which unit had which request on a day",
    )
    found.query(
        "/communities/{scope}/requests/{request}/responsible-units",
        get_request_responsibilities,
        action="read_requests",
        summary="List the units that had a request",
    )


def _answer(row: ResponsibilityRow) -> ResponsibilityAnswer:
    return ResponsibilityAnswer(
        request=row.request,
        unit=row.unit,
        accountable=row.accountable,
        since=row.valid_from,
        until=row.valid_to,
    )
