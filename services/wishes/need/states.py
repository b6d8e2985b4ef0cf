"""The states of a need, and of what it came from (W3)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from shared.contracts.wishes.needs import DeclineReason, NeedExit, PriorityReason
from shared.decider import State


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a need takes from its recording through all states; `sources` counts them."""

    category: str
    grid: str
    area: str
    texts: str
    recorded_at: datetime
    sources: int = 0


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How the need ended; what is not known, or does not belong to this exit, is empty."""

    exit: NeedExit
    cost_fen: int | None = None
    reference: UUID | None = None
    reason: DeclineReason | None = None


class NotRecorded(State):
    """There is no such need."""


class Collected(State):
    """Somebody said so."""

    about: About


class Clustered(State):
    """It has sources; nobody has looked at it yet."""

    about: About


class Confirmed(State):
    """It is so."""

    about: About


class Prioritised(State):
    """It has its place in the order."""

    about: About
    score: int
    reason: PriorityReason


class Ended(State):
    """It took its one exit."""

    about: About
    exit: Exit


class Retired(State):
    """It is off the list."""

    about: About
    exit: Exit


Unconfirmed = Collected | Clustered
Open = Unconfirmed | Confirmed | Prioritised
Over = Ended | Retired
Need = NotRecorded | Open | Over


class Membership(State):
    """The need that a source is part of, empty for none, and the community it was seen in."""

    need: str = ""
    scope: str = ""


class Presence(State):
    """The community that a request or an offer was made in; empty: there is none."""

    scope: str = ""
