"""How the request's rules say no (W2); a refusal's docstring is its public text."""

from __future__ import annotations

from shared.decider import RefusalKind, Refused


class RequestNotFound(Refused):
    """There is no such request."""

    kind = RefusalKind.NOT_FOUND


class RequestTaken(Refused):
    """Another request has this id."""


class CategoryUnknown(Refused):
    """This version of the category policy has no such category."""

    kind = RefusalKind.INVALID


class CategoryPolicyUnknown(Refused):
    """There is no such version of the category policy yet."""

    kind = RefusalKind.INVALID


class BeforeReceived(Refused):
    """Nothing can happen to a request before it was received."""

    kind = RefusalKind.INVALID


class NotTheRequester(Refused):
    """The account is not the one that made the request."""

    kind = RefusalKind.INVALID


class RequestNotAccepted(Refused):
    """The desk has not accepted the request yet."""


class RequestAlreadyAccepted(Refused):
    """The desk has accepted the request already."""


class RequestWasReturned(Refused):
    """The request went back to the requester."""


class RequestNotDispatched(Refused):
    """No unit has the request yet."""


class RequestAlreadyDispatched(Refused):
    """A unit has the request already: transfer it instead."""


class TransferLimitReached(Refused):
    """The request was handed on too often: a unit above must decide who handles it."""


class InfoAwaited(Refused):
    """The requester has been asked and has not replied yet."""


class NoInfoAwaited(Refused):
    """Nothing was asked of the requester."""


class UnitMissing(Refused):
    """An answer on the spot must name the unit that gives it."""

    kind = RefusalKind.INVALID


class NotHandlingUnit(Refused):
    """Another unit handles the request."""


class RequestNotAnswered(Refused):
    """The request has no answer: it can be closed as withdrawn only."""


class RequestAlreadyAnswered(Refused):
    """The request has been answered."""


class RequestIsClosed(Refused):
    """The request is closed."""


class UnitOverloaded(Refused):
    """The unit has as many open requests as it may have."""


class NoDeadline(Refused):
    """The request has no running deadline."""


class ClockIsPaused(Refused):
    """The clock stands still for another reason."""


class ClockRuns(Refused):
    """The clock does not stand still."""


class PauseLimitReached(Refused):
    """The clock has stood still as often, or as long, as the policy allows."""


class LevelUnknown(Refused):
    """The ladder has no such level."""

    kind = RefusalKind.INVALID


class LevelReached(Refused):
    """The request is at a higher level already."""


class LevelNotReached(Refused):
    """The request is not at that level or above it."""


class SelfClosingRefused(Refused):
    """Who answered does not confirm the answer: the requester does, or somebody else who asks."""

    kind = RefusalKind.FORBIDDEN


class OwnReviewRefused(Refused):
    """Who answered does not review the answer."""

    kind = RefusalKind.FORBIDDEN


class CallbackIncomplete(Refused):
    """A requester who was contacted says whether it is solved, and how satisfied from 1 to 5."""

    kind = RefusalKind.INVALID


class CallbackLimitReached(Refused):
    """The requester was called back too often without an answer."""


class AlreadyRated(Refused):
    """The requester has said something else of this answer already."""


class NoReviewOpen(Refused):
    """Nothing of this request is under review."""


class NothingToReopen(Refused):
    """Only what was answered can be reopened."""


class ReopenWindowOver(Refused):
    """The time in which the request could be reopened is over."""


class ReopenLimitReached(Refused):
    """The request was reopened as often as it may be."""
