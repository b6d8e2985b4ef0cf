"""The queries of resources and services over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.wishes.resource.queries import (
    Idle,
    count_idle,
    find_resource,
    list_resources,
    list_uses,
)
from services.wishes.resource.read_model import ResourceRow, ResourceUseRow
from services.wishes.resource.refusals import ResourceNotFound
from shared.contracts.wishes.resources import ResourceKind
from shared.kit.http.commands import Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms
from shared.kit.vault import Access, Purpose

Filter = Annotated[str | None, Query(min_length=1, max_length=200)]
_PATH = "/communities/{scope}/resources"


class ResourceAnswer(BaseModel):
    """An offer; `free` is what can be reserved of it, nothing unless it is available.

    `quantity` holds what is free, reserved and in use; `consumed` is no part of it any more.
    """

    resource: str
    kind: str
    area: str
    provider: UUID
    state: str
    quantity: int
    free: int
    reserved: int
    in_use: int
    consumed: int
    price_fen: int
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    offered_at: AwareDatetime
    verified_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    version: int


class ReservationAnswer(BaseModel):
    """A reservation of an offer, and how far it has come."""

    reservation: UUID
    need: UUID
    quantity: int
    stage: str
    reserved_at: AwareDatetime
    taken_at: AwareDatetime | None
    ended_at: AwareDatetime | None


class ResourceTextsAnswer(BaseModel):
    """An offer's texts by field; an erased field is absent. Every reading of them is logged."""

    resource: str
    texts: dict[str, str]


class IdleAnswer(BaseModel):
    """Of the days on which offers of a kind stood, those on which nothing was in use.

    `permille` is rounded half up.
    """

    kind: str
    offers: int
    days_offered: int
    days_idle: int
    permille: int


class IdleListAnswer(BaseModel):
    """Idle days by kind; a kind of which nothing was offered is not in the list."""

    items: list[IdleAnswer]


def add_queries(found: Routes, rooms: Rooms) -> None:
    """Add the GETs of resources."""
    # Before the offers: `idle-days` stands where their ids do.
    _add_idle(found, rooms)
    _add_lists(found, rooms)
    _add_one(found, rooms)
    _add_texts(found, rooms)


def _add_idle(found: Routes, rooms: Rooms) -> None:
    async def get_idle_days(reader: Reading, *, provider: UUID | None = None) -> IdleListAnswer:
        """Count the days on which what was offered stood idle."""
        now = rooms.edge.clock.now()
        rows = await count_idle(rooms.tables, reader.scope, now=now, provider=provider)
        return IdleListAnswer(items=[_idle(row) for row in rows])

    found.query(
        f"{_PATH}/idle-days", get_idle_days, action="read_resources", summary="Count idle days"
    )


def _add_lists(found: Routes, rooms: Rooms) -> None:
    async def page_of(
        paging: Paging,
        reader: Reading,
        *,
        standing: bool,
        kind: ResourceKind | None = None,
        area: Filter = None,
        provider: UUID | None = None,
    ) -> Page[ResourceAnswer]:
        (after,) = paging.after(tuple[str]) or ("",)
        rows = await list_resources(
            rooms.tables,
            reader.scope,
            now=rooms.edge.clock.now(),
            standing=standing,
            kind=None if kind is None else kind.value,
            area=area,
            provider=provider,
            after=after,
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.resource,), item=_resource)

    async def get_resources(
        paging: Paging,
        reader: Reading,
        *,
        kind: ResourceKind | None = None,
        area: Filter = None,
        provider: UUID | None = None,
    ) -> Page[ResourceAnswer]:
        """List what is offered now, with what is free of it."""
        return await page_of(paging, reader, standing=True, kind=kind, area=area, provider=provider)

    async def get_provider_resources(
        provider: UUID, paging: Paging, reader: Reading
    ) -> Page[ResourceAnswer]:
        """List all that a provider ever offered, the first offer first."""
        return await page_of(paging, reader, standing=False, provider=provider)

    found.query(_PATH, get_resources, action="read_resources", summary="List what is offered")
    found.query(
        "/communities/{scope}/providers/{provider}/resources",
        get_provider_resources,
        action="read_resources",
        summary="List a provider's offers",
    )


def _add_one(found: Routes, rooms: Rooms) -> None:
    async def get_resource(resource: UUID, reader: Reading) -> ResourceAnswer:
        """Show an offer."""
        return _resource(await _found(rooms, reader.scope, resource))

    async def get_reservations(
        resource: UUID, paging: Paging, reader: Reading
    ) -> Page[ReservationAnswer]:
        """List an offer's reservations."""
        await _found(rooms, reader.scope, resource)
        (after,) = paging.after(tuple[UUID]) or (None,)
        rows = await list_uses(
            rooms.tables, reader.scope, str(resource), after=after, limit=paging.fetch
        )
        return paging.page(rows, key=lambda row: (row.reservation,), item=_reservation)

    found.query(
        f"{_PATH}/{{resource}}",
        get_resource,
        action="read_resources",
        summary="Show an offer",
        versioned=True,
    )
    found.query(
        f"{_PATH}/{{resource}}/reservations",
        get_reservations,
        action="read_resources",
        summary="List an offer's reservations",
    )


def _add_texts(found: Routes, rooms: Rooms) -> None:
    async def get_resource_texts(resource: UUID, reader: Reading) -> ResourceTextsAnswer:
        """Reveal an offer's title and text, for handling it."""
        row = await _found(rooms, reader.scope, resource)
        access = Access(Purpose.HANDLING, reader.caller, reader.scope)
        revealed = await rooms.vault.reveal([row.texts], access)
        return ResourceTextsAnswer(resource=row.resource, texts=revealed[row.texts])

    found.query(
        f"{_PATH}/{{resource}}/texts",
        get_resource_texts,
        action="read_resource_texts",
        summary="Reveal an offer's texts",
        reveals=True,
    )


async def _found(rooms: Rooms, scope: str, resource: UUID) -> ResourceRow:
    row = await find_resource(rooms.tables, scope, str(resource))
    if row is None:
        raise ResourceNotFound
    return row


def _resource(row: ResourceRow) -> ResourceAnswer:
    free = row.quantity - row.reserved - row.in_use if row.state == "available" else 0
    return ResourceAnswer(**_columns(ResourceAnswer, row, but="free"), free=free)


def _reservation(row: ResourceUseRow) -> ReservationAnswer:
    return ReservationAnswer(**_columns(ReservationAnswer, row))


def _idle(row: Idle) -> IdleAnswer:
    of = row.days_offered
    permille = (2000 * row.days_idle + of) // (2 * of)
    return IdleAnswer(**_columns(IdleAnswer, row, but="permille"), permille=permille)


def _columns(answer: type[BaseModel], row: object, but: str = "") -> dict[str, Any]:
    names: Sequence[str] = [name for name in answer.model_fields if name != but]
    return {name: getattr(row, name) for name in names}
