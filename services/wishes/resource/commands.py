"""What can be asked of an offer's rules (W4); ids are text, `texts` is the id of a vault record."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.wishes.resources import ResourceKind
from shared.decider import Command


class OfferResource(Command):
    """Offer a quantity from `valid_from` until before `valid_until`, at a price for one in fen."""

    resource: str
    kind: ResourceKind
    area: str
    provider: str
    quantity: int
    price_fen: int
    valid_from: datetime
    valid_until: datetime
    texts: str


class VerifyResource(Command):
    """Say that the offer is what it says."""

    resource: str


class SetAvailability(Command):
    """Say how much is offered from now on, what is reserved or in use included."""

    resource: str
    quantity: int


class ReserveResource(Command):
    """Keep a part of the quantity for a need."""

    resource: str
    reservation: str
    need: str
    quantity: int


class ReleaseReservation(Command):
    """Let what was kept be free again."""

    resource: str
    reservation: str


class TakeIntoUse(Command):
    """Take what was kept into use."""

    resource: str
    reservation: str


class ReturnResource(Command):
    """Bring back what was in use."""

    resource: str
    reservation: str


class ConsumeResource(Command):
    """Say that what was in use is used up."""

    resource: str
    reservation: str


class WithdrawOffer(Command):
    """Take the offer back."""

    resource: str


class ExpireResource(Command):
    """The offer's time is over."""

    resource: str


HoldingCommand = ReleaseReservation | TakeIntoUse | ReturnResource | ConsumeResource
ResourceCommand = (
    OfferResource
    | VerifyResource
    | SetAvailability
    | ReserveResource
    | HoldingCommand
    | WithdrawOffer
    | ExpireResource
)
# What the timer asks for; no caller may.
INTERNAL = (ExpireResource,)
