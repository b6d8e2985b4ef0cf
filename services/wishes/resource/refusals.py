"""How the rules of offers say no (W4); a refusal's docstring is its public text."""

from __future__ import annotations

from shared.decider import RefusalKind, Refused


class ResourceNotFound(Refused):
    """There is no such offer."""

    kind = RefusalKind.NOT_FOUND


class ResourceTakenByAnother(Refused):
    """Another offer has this id."""


class BeforeOffered(Refused):
    """Nothing can happen to an offer before it was made."""

    kind = RefusalKind.INVALID


class ValidityInvalid(Refused):
    """An offer ends after it begins, within the longest time."""

    kind = RefusalKind.INVALID


class QuantityOutOfBounds(Refused):
    """A quantity is a number from the lowest to the highest."""

    kind = RefusalKind.INVALID


class PriceOutOfBounds(Refused):
    """A price is a number of fen from 0 to the highest."""

    kind = RefusalKind.INVALID


class ResourceNotVerified(Refused):
    """Nobody has verified the offer yet."""


class OfferNotValidNow(Refused):
    """The offer has not begun yet, or its time is over."""


class OfferWasWithdrawn(Refused):
    """The provider has taken the offer back."""


class OfferHasExpired(Refused):
    """The offer's time is over."""


class NotEnoughFree(Refused):
    """So much of it is not free."""


class QuantityInUse(Refused):
    """More than that is reserved or in use."""


class NeedNotFound(Refused):
    """There is no such need here."""

    kind = RefusalKind.INVALID


class NeedIsOver(Refused):
    """The need has taken its exit already."""


class ReservationTaken(Refused):
    """Another reservation has this id."""


class ReservationNotFound(Refused):
    """There is no such reservation of the offer."""

    kind = RefusalKind.NOT_FOUND


class ReservationNotSo(Refused):
    """The reservation has come to another stage, where this cannot be done."""


class ReservationLimitReached(Refused):
    """The offer has had as many reservations as it may have."""
