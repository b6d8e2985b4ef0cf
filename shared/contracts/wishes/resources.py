"""Events of `services/wishes` about resources and services that are offered (W4).

Streams: `wishes/resource/<resource>` (scope: the community), all public. A price is in fen for one
of the quantity, `texts` names a vault record.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event


class ResourceKind(StrEnum):
    """What is offered; a service is what an organisation does, its quantity the capacity."""

    TALENT = "talent"
    SKILL = "skill"
    GOODS = "goods"
    VENUE = "venue"
    FACILITY = "facility"
    SERVICE = "service"


class ResourceEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "wishes"


class ResourceOffered(ResourceEvent):
    """A resource is offered from `valid_from` until before `valid_until`."""

    resource: UUID
    kind: ResourceKind
    area: str
    provider: UUID
    quantity: int
    price_fen: int
    valid_from: datetime
    valid_until: datetime
    texts: UUID


class ResourceVerified(ResourceEvent):
    """The offer is what it says; it can be reserved."""

    resource: UUID


class AvailabilitySet(ResourceEvent):
    """So much is offered from now on, what is reserved or in use included."""

    resource: UUID
    quantity: int


class ResourceReserved(ResourceEvent):
    """A part of the quantity is kept for a need."""

    resource: UUID
    reservation: UUID
    need: UUID
    quantity: int


class ReservationReleased(ResourceEvent):
    """What was kept is free again."""

    resource: UUID
    reservation: UUID
    quantity: int


class ResourceTaken(ResourceEvent):
    """What was kept is in use."""

    resource: UUID
    reservation: UUID
    quantity: int


class ResourceReturned(ResourceEvent):
    """What was in use is back, and free."""

    resource: UUID
    reservation: UUID
    quantity: int


class ResourceConsumed(ResourceEvent):
    """What was in use is used up: the offer has so much less."""

    resource: UUID
    reservation: UUID
    quantity: int


class OfferWithdrawn(ResourceEvent):
    """The provider offers it no longer."""

    resource: UUID


class ResourceExpired(ResourceEvent):
    """The offer's time is over."""

    resource: UUID


EVENTS: tuple[type[Event], ...] = (
    ResourceOffered,
    ResourceVerified,
    AvailabilitySet,
    ResourceReserved,
    ReservationReleased,
    ResourceTaken,
    ResourceReturned,
    ResourceConsumed,
    OfferWithdrawn,
    ResourceExpired,
)


def resource_stream(resource: UUID | str) -> str:
    """Name the stream of an offer."""
    return f"wishes/resource/{resource}"
