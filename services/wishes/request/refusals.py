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
