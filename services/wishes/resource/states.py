"""The states of an offer, and of what is kept of it (W4)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.decider import State


class Stage(StrEnum):
    """How far a reservation has come."""

    RESERVED = "reserved"
    IN_USE = "in_use"
    RELEASED = "released"
    RETURNED = "returned"
    CONSUMED = "consumed"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation: of how much, for which need."""

    need: str
    quantity: int
    stage: Stage = Stage.RESERVED


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What is offered, until when, and every reservation that was ever made of it."""

    texts: str
    quantity: int
    offered_at: datetime
    valid_from: datetime
    valid_until: datetime
    held: dict[str, Held] = {}

    @property
    def kept(self) -> int:
        """Give how much is reserved or in use."""
        kept = (Stage.RESERVED, Stage.IN_USE)
        return sum(one.quantity for one in self.held.values() if one.stage in kept)


class NotOffered(State):
    """There is no such offer."""


class Offered(State):
    """Nobody has verified it yet."""

    offer: Offer


class Available(State):
    """It can be reserved, as far as it is free."""

    offer: Offer


class Withdrawn(State):
    """The provider took it back; what is in use may still come back."""

    offer: Offer


class Expired(State):
    """Its time is over; what is in use may still come back."""

    offer: Offer


On = Offered | Available
Over = Withdrawn | Expired
Resource = NotOffered | On | Over


class NeedPlace(State):
    """The community of a need, empty where there is none, and whether it has ended."""

    scope: str = ""
    ended: bool = False
