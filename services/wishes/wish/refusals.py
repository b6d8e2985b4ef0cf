"""How the rules of wishes say no (W1); a refusal's docstring is its public text."""

from __future__ import annotations

from shared.decider import RefusalKind, Refused


class WishNotFound(Refused):
    """There is no such wish."""

    kind = RefusalKind.NOT_FOUND


class WishTaken(Refused):
    """Another wish has this id."""


class BeforeSubmitted(Refused):
    """Nothing can happen to a wish before it was submitted."""

    kind = RefusalKind.INVALID


class PersonalDataInText(Refused):
    """The public text holds a long number: mask it."""

    kind = RefusalKind.INVALID


class NotTheWisher(Refused):
    """Only whoever made the wish may do that."""

    kind = RefusalKind.FORBIDDEN


class NotTheWishersAccount(Refused):
    """The account is not the one that the wish was made for."""

    kind = RefusalKind.INVALID


class ProxyUnconfirmed(Refused):
    """The person for whom the wish was submitted has not been asked yet."""


class ProxyUnknown(Refused):
    """Nobody submitted the wish for somebody else."""


class WishNotScreened(Refused):
    """The wish is not on the wall yet."""


class WishAlreadyScreened(Refused):
    """The wish has been on the wall already."""


class WishAlreadyClaimed(Refused):
    """Somebody was faster."""


class ClaimerMissing(Refused):
    """A unit or an organisation is named; the community claims by naming a handler."""

    kind = RefusalKind.INVALID


class ReleasedTooOften(Refused):
    """This claimer let too many claims go lately."""


class WishNotClaimed(Refused):
    """Nobody has the wish."""


class NotTheClaimer(Refused):
    """Somebody else has the wish."""

    kind = RefusalKind.FORBIDDEN


class NotTheHandler(Refused):
    """Only the handler tells how it goes."""

    kind = RefusalKind.FORBIDDEN


class WishNotFulfilled(Refused):
    """Nobody has said yet that the wish is fulfilled."""


class WishHasEnded(Refused):
    """The wish has come to its end."""


class WishIsMerged(Refused):
    """Another wish goes on for this one."""


class OthersWishForIt(Refused):
    """Others wish for the same: let them stand for themselves first."""


class WishNotMerged(Refused):
    """The wish stands for itself."""


class MergeCycle(Refused):
    """A wish cannot be merged into itself, nor into what was merged into it."""


class MergeTooDeep(Refused):
    """Too many merges follow one another."""


class TooManyDuplicates(Refused):
    """As many wishes were merged as may be."""


class WishSelfClosing(Refused):
    """Who fulfilled the wish does not close it: the requester does, or somebody else who asks."""

    kind = RefusalKind.FORBIDDEN

    @classmethod
    def code(cls) -> str:
        """Give the code that the rule is known by."""
        return "self_closing"


class NothingToReopenHere(Refused):
    """Only what was fulfilled can be put on the wall again."""


class WishReopenWindowOver(Refused):
    """The time in which the wish could be reopened is over."""


class WishReopenLimitReached(Refused):
    """The wish was reopened as often as it may be."""


class WishNotClosed(Refused):
    """Only what is closed is rated."""


class RatingOutOfBounds(Refused):
    """A rating is between 1 and 5."""

    kind = RefusalKind.INVALID


class RatingFrozen(Refused):
    """The time in which a rating could change is over."""


class NoWishReviewOpen(Refused):
    """Nothing of this wish is under review."""
