"""The states of a wish, and the parts they are made of (W1)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.contracts.wishes.wishes import ClaimerClass, RejectReason
from shared.decider import State


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that was merged into this one, `level` merges away."""

    wish: str
    requester: str
    submitted_by: str
    level: int
    due_at: datetime | None


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What a wish takes from its submission through all states.

    `own_due_at` is its own deadline, whatever is merged into it. `proxied`: somebody else submitted
    it, and the person was not asked yet. `round` counts the reopenings.
    """

    scope: str
    submitted_at: datetime
    submitted_by: str
    requester: str
    texts: str
    category: str
    district: str = ""
    by_proxy: bool = False
    proxied: bool = False
    public_texts: str = ""
    own_due_at: datetime | None = None
    duplicates: tuple[Duplicate, ...] = ()
    round: int = 0
    reopened: str = ""

    @property
    def due_at(self) -> datetime | None:
        """Give the earliest deadline of the wish and of what was merged into it."""
        return min((at for at in self._deadlines() if at is not None), default=None)

    def _deadlines(self) -> tuple[datetime | None, ...]:
        return (self.own_due_at, *(one.due_at for one in self.duplicates))


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who has the wish, until when, and who carries it out (empty: nobody was named).

    `by` is the person who claimed it, for a unit or organisation, too.
    """

    claimer_class: ClaimerClass
    claimer: str
    remind_at: datetime | None
    until: datetime | None
    by: str = ""
    handler: str = ""
    begun: bool = False


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """What the requester of a wish said of a closing."""

    by_wish: str
    rating: int


class NoWish(State):
    """There is no such wish."""


class Submitted(State):
    """Nobody but the screeners sees it."""

    file: File


class Rejected(State):
    """It does not go on the wall."""

    file: File
    reason: RejectReason


class OnTheWall(State):
    """Whoever wants may claim it; if nobody does, the community does at `community_claims_at`."""

    file: File
    community_claims_at: datetime | None = None


class Claimed(State):
    """Somebody took it on."""

    file: File
    claim: Claim


class Fulfilled(State):
    """It is done, says `by`; the requesters are asked until `close_at`."""

    file: File
    claim: Claim
    by: str
    close_at: datetime | None


class Closed(State):
    """A requester confirmed it, or nobody said anything."""

    file: File
    claim: Claim
    by: str
    at: datetime
    confirmed: bool
    ratings: tuple[Rating, ...] = ()
    reviewed: bool = False
    under_review: bool = False


class Withdrawn(State):
    """The requester took it back."""

    file: File


class Merged(State):
    """Another wish goes on for it; it was on the wall before if `screened`."""

    file: File
    parent: str
    screened: bool


Going = Submitted | OnTheWall | Claimed
Known = Going | Rejected | Fulfilled | Closed | Withdrawn | Merged
Wish = NoWish | Known
