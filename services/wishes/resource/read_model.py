"""Offers as tables: a row for each offer, and one for each reservation of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from shared.contracts.wishes.resources import (
    AvailabilitySet,
    OfferWithdrawn,
    ReservationReleased,
    ResourceConsumed,
    ResourceExpired,
    ResourceOffered,
    ResourceReserved,
    ResourceReturned,
    ResourceTaken,
    ResourceVerified,
)
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row


class ResourceRow(Row):
    """An offer; `reserved` and `in_use` are parts of `quantity`, `consumed` is gone from it."""

    scope: str
    resource: str
    kind: str
    area: str
    provider: UUID
    quantity: int
    price_fen: int
    valid_from: datetime
    valid_until: datetime
    texts: UUID
    state: str
    version: int
    offered_at: datetime
    reserved: int = 0
    in_use: int = 0
    consumed: int = 0
    verified_at: datetime | None = None
    ended_at: datetime | None = None


class ResourceUseRow(Row):
    """A reservation; `ended_at` is when it was released, returned or used up."""

    scope: str
    resource: str
    reservation: UUID
    need: UUID
    quantity: int
    stage: str
    reserved_at: datetime
    taken_at: datetime | None = None
    ended_at: datetime | None = None


HOLDING_EVENTS = (
    ResourceReserved,
    ReservationReleased,
    ResourceTaken,
    ResourceReturned,
    ResourceConsumed,
)


def _resource_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    return ((fact.scope, fact.id),)


def fold_resource(_key: tuple[Any, ...], row: ResourceRow | None, fact: Fact) -> ResourceRow | None:
    """Follow one fact; one that the row has already seen changes nothing."""
    if row is None:
        return _offered(fact) if isinstance(fact.event, ResourceOffered) else None
    if fact.version <= row.version:
        return row
    return replace(_kept(_moved(row, fact), fact), version=fact.version)


def _offered(fact: Fact) -> ResourceRow:
    event = fact.event
    assert isinstance(event, ResourceOffered)
    return ResourceRow(
        scope=fact.scope,
        resource=fact.id,
        kind=event.kind.value,
        area=event.area,
        provider=event.provider,
        quantity=event.quantity,
        price_fen=event.price_fen,
        valid_from=event.valid_from,
        valid_until=event.valid_until,
        texts=event.texts,
        state="offered",
        version=fact.version,
        offered_at=fact.occurred_at,
    )


def _moved(row: ResourceRow, fact: Fact) -> ResourceRow:
    at = fact.occurred_at
    match fact.event:
        case ResourceVerified():
            return replace(row, state="available", verified_at=at)
        case AvailabilitySet(quantity=quantity):
            return replace(row, quantity=quantity)
        case OfferWithdrawn():
            return replace(row, state="withdrawn", ended_at=at)
        case ResourceExpired():
            # Its timer may be late; its time was not.
            return replace(row, state="expired", ended_at=row.valid_until)
        case _:
            return row


def _kept(row: ResourceRow, fact: Fact) -> ResourceRow:
    match fact.event:
        case ResourceReserved(quantity=some):
            return replace(row, reserved=row.reserved + some)
        case ReservationReleased(quantity=some):
            return replace(row, reserved=row.reserved - some)
        case ResourceTaken(quantity=some):
            return replace(row, reserved=row.reserved - some, in_use=row.in_use + some)
        case ResourceReturned(quantity=some):
            return replace(row, in_use=row.in_use - some)
        case ResourceConsumed(quantity=some):
            return replace(
                row,
                in_use=row.in_use - some,
                quantity=row.quantity - some,
                consumed=row.consumed + some,
            )
        case _:
            return row


def _use_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    event = fact.event
    if isinstance(event, HOLDING_EVENTS):
        return ((fact.scope, fact.id, event.reservation),)
    return ()


def fold_use(
    _key: tuple[Any, ...], row: ResourceUseRow | None, fact: Fact
) -> ResourceUseRow | None:
    """Follow a reservation."""
    at = fact.occurred_at
    match fact.event, row:
        case ResourceReserved() as event, _:
            return ResourceUseRow(
                scope=fact.scope,
                resource=fact.id,
                reservation=event.reservation,
                need=event.need,
                quantity=event.quantity,
                stage="reserved",
                reserved_at=at,
            )
        case ResourceTaken(), ResourceUseRow():
            return replace(row, stage="in_use", taken_at=at)
        case ReservationReleased(), ResourceUseRow():
            return replace(row, stage="released", ended_at=at)
        case ResourceReturned(), ResourceUseRow():
            return replace(row, stage="returned", ended_at=at)
        case ResourceConsumed(), ResourceUseRow():
            return replace(row, stage="consumed", ended_at=at)
        case _:
            return row


RESOURCES = ReadModel(
    name="resources",
    revision=1,
    row=ResourceRow,
    key=("scope", "resource"),
    keys=_resource_keys,
    fold=fold_resource,
    events=(
        ResourceOffered,
        ResourceVerified,
        AvailabilitySet,
        *HOLDING_EVENTS,
        OfferWithdrawn,
        ResourceExpired,
    ),
    indexes=(("scope", "provider", "resource"), ("scope", "kind", "resource")),
)
RESOURCE_USES = ReadModel(
    name="resource_uses",
    revision=1,
    row=ResourceUseRow,
    key=("scope", "resource", "reservation"),
    keys=_use_keys,
    fold=fold_use,
    events=HOLDING_EVENTS,
    indexes=(("scope", "need", "resource", "reservation"),),
)
