"""What can be asked of a wish's rules (W1); ids are text, `texts` are ids of vault records.

A step whose texts are the requester's names that person too: the edge has sealed them under that
person's key, so another's would keep them from being erased.
"""

from __future__ import annotations

from shared.contracts.wishes.wishes import ClaimerClass, RejectReason, Relation
from shared.decider import Command


class SubmitWish(Command):
    """Submit a wish, one's own or, with the relation, somebody else's."""

    wish: str
    category: str
    area: str
    requester: str
    texts: str
    relation: Relation | None = None


class ConfirmProxy(Command):
    """Enter that the person for whom a wish was submitted said on the phone that it is so."""

    wish: str


class ScreenWish(Command):
    """Put a wish on the wall with a masked text; `district` is whose policy it is under."""

    wish: str
    requester: str
    public_texts: str
    district: str


class RejectWish(Command):
    """Keep a wish off the wall."""

    wish: str
    reason: RejectReason


class ClaimWish(Command):
    """Take a wish on: for oneself as a party member, or for the unit or organisation named."""

    wish: str
    claimer_class: ClaimerClass
    claimer: str


class ClaimForCommunity(Command):
    """Take a wish on for the community, and name who carries it out."""

    wish: str
    handler: str


class ClaimByDefault(Command):
    """Nobody claimed the wish in time: it is the community's."""

    wish: str


class AssignHandler(Command):
    """Name who carries a claimed wish out."""

    wish: str
    handler: str


class RecordProgress(Command):
    """Enter how it goes."""

    wish: str
    requester: str
    texts: str


class RemindClaimer(Command):
    """Half of a claim's time is over."""

    wish: str


class ExpireClaim(Command):
    """A claim's time is over."""

    wish: str


class ReleaseClaim(Command):
    """Let a claimed wish go."""

    wish: str


class FulfilWish(Command):
    """Say that the wish is fulfilled; only its handler does."""

    wish: str


class ConfirmWish(Command):
    """Confirm one's own wish, or one that was merged into it."""

    wish: str


class ConfirmByCallback(Command):
    """Enter that the requester confirmed the wish when asked."""

    wish: str
    requester: str


class CloseSilentWish(Command):
    """The time to confirm is over."""

    wish: str


class ReopenWish(Command):
    """Put a fulfilled or closed wish on the wall again, because a requester says so."""

    wish: str
    requester: str
    texts: str


class WithdrawWish(Command):
    """Take a wish back, because its requester says so."""

    wish: str
    requester: str


class MergeWishes(Command):
    """Let one wish go on for another that says the same."""

    wish: str
    parent: str


class UnmergeWish(Command):
    """Let a merged wish stand for itself again."""

    wish: str


class RateWish(Command):
    """Enter how the requester rates a closing, from 1 to 5."""

    wish: str
    requester: str
    rating: int


class ConcludeWishReview(Command):
    """Say that a closing that was rated low was looked at."""

    wish: str


ClaimCommand = (
    ClaimWish
    | ClaimForCommunity
    | ClaimByDefault
    | AssignHandler
    | RecordProgress
    | RemindClaimer
    | ExpireClaim
    | ReleaseClaim
)
MergeCommand = MergeWishes | UnmergeWish
ClosingCommand = (
    FulfilWish
    | ConfirmWish
    | ConfirmByCallback
    | CloseSilentWish
    | ReopenWish
    | RateWish
    | ConcludeWishReview
)
ScreeningCommand = SubmitWish | ConfirmProxy | ScreenWish | RejectWish | WithdrawWish
WishCommand = ScreeningCommand | ClaimCommand | MergeCommand | ClosingCommand

# What timers ask for; no caller may.
INTERNAL = (ClaimByDefault, RemindClaimer, ExpireClaim, CloseSilentWish)
