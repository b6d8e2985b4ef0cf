"""HTTP of resources and services: each step a POST; what is read of them is in `reading.py`."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from services.wishes.resource.commands import (
    ConsumeResource,
    OfferResource,
    ReleaseReservation,
    ReserveResource,
    ReturnResource,
    SetAvailability,
    TakeIntoUse,
    VerifyResource,
    WithdrawOffer,
)
from services.wishes.resource.domain import PRICE_FEN_MAX, QUANTITY_MAX
from services.wishes.resource.reading import add_queries
from shared.contracts.wishes.resources import ResourceKind
from shared.kit.http.bodies import Moment, TimedBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.service import Rooms

Quantity = Annotated[int, Field(ge=1, le=QUANTITY_MAX, strict=True)]


class OfferBody(TimedBody):
    """An offer of an organisation, named by `provider`, or of a resident, named by `account`.

    What a resident offers is sealed as that person's and erased with the person.
    """

    kind: ResourceKind
    title: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    area: Annotated[str, Field(min_length=1, max_length=64)]
    provider: UUID | None = None
    account: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    quantity: Quantity
    price_fen: Annotated[int, Field(ge=0, le=PRICE_FEN_MAX, strict=True)] = 0
    valid_from: Moment
    valid_until: Moment

    @model_validator(mode="after")
    def _one_provider(self) -> Self:
        if (self.provider is None) == (self.account is None):
            raise ValueError("name the provider or the account, one of them")
        return self


class AvailabilityBody(TimedBody):
    """How much is offered from now on, what is reserved or in use included."""

    quantity: Annotated[int, Field(ge=0, le=QUANTITY_MAX, strict=True)]


class ReservationBody(TimedBody):
    """An id of the caller's for it, for which need it is, and how much."""

    reservation: UUID
    need: UUID
    quantity: Quantity


def routes(rooms: Rooms) -> Routes:
    """Give the routes of resources."""
    found = Routes("wishes", rooms.edge)
    path = "/communities/{scope}/resources"
    one = f"{path}/{{resource}}"
    found.command(
        path, OfferBody, _offer, action=OfferResource, status=201, summary="Offer a resource"
    )
    found.command(
        f"{one}/verification", TimedBody, _verify, action=VerifyResource, summary="Verify it"
    )
    found.command(
        f"{one}/availability",
        AvailabilityBody,
        _set_availability,
        action=SetAvailability,
        summary="Say how much there is",
    )
    found.command(
        f"{one}/withdrawal", TimedBody, _withdraw, action=WithdrawOffer, summary="Take it back"
    )
    _add_reservations(found, f"{one}/reservations")
    add_queries(found, rooms)
    return found


def _add_reservations(found: Routes, path: str) -> None:
    one = f"{path}/{{reservation}}"
    found.command(
        path, ReservationBody, _reserve, action=ReserveResource, summary="Keep some for a need"
    )
    found.command(
        f"{one}/release",
        TimedBody,
        lambda call: Draft(ReleaseReservation(**_held(call))),
        action=ReleaseReservation,
        summary="Let it be free again",
    )
    found.command(
        f"{one}/use",
        TimedBody,
        lambda call: Draft(TakeIntoUse(**_held(call))),
        action=TakeIntoUse,
        summary="Take it into use",
    )
    found.command(
        f"{one}/return",
        TimedBody,
        lambda call: Draft(ReturnResource(**_held(call))),
        action=ReturnResource,
        summary="Bring it back",
    )
    found.command(
        f"{one}/consumption",
        TimedBody,
        lambda call: Draft(ConsumeResource(**_held(call))),
        action=ConsumeResource,
        summary="Say that it is used up",
    )


async def _offer(call: Call[OfferBody]) -> Draft:
    body, resource, texts = call.body, call.new_id(), call.new_id()
    provider = body.provider
    if body.account is not None:
        provider = call.vault.subject_id("account", body.account)
    assert provider is not None
    secrets = await call.vault.seal(provider, texts, {"title": body.title, "text": body.text})
    command = OfferResource(
        resource=str(resource),
        kind=body.kind,
        area=body.area,
        provider=str(provider),
        quantity=body.quantity,
        price_fen=body.price_fen,
        valid_from=body.valid_from.astimezone(UTC),
        valid_until=body.valid_until.astimezone(UTC),
        texts=str(texts),
    )
    return Draft(command, secrets=secrets, created=str(resource))


def _verify(call: Call[TimedBody]) -> Draft:
    return Draft(VerifyResource(resource=str(call.id("resource"))))


def _set_availability(call: Call[AvailabilityBody]) -> Draft:
    resource = str(call.id("resource"))
    return Draft(SetAvailability(resource=resource, quantity=call.body.quantity))


def _withdraw(call: Call[TimedBody]) -> Draft:
    return Draft(WithdrawOffer(resource=str(call.id("resource"))))


def _reserve(call: Call[ReservationBody]) -> Draft:
    body = call.body
    return Draft(
        ReserveResource(
            resource=str(call.id("resource")),
            reservation=str(body.reservation),
            need=str(body.need),
            quantity=body.quantity,
        )
    )


def _held(call: Call[TimedBody]) -> dict[str, str]:
    return {
        "resource": str(call.id("resource")),
        "reservation": str(call.id("reservation")),
    }
