"""How the rules of needs say no (W3); a refusal's docstring is its public text."""

from __future__ import annotations

from shared.decider import RefusalKind, Refused


class NeedNotFound(Refused):
    """There is no such need."""

    kind = RefusalKind.NOT_FOUND


class NeedTaken(Refused):
    """Another need has this id."""


class BeforeRecorded(Refused):
    """Nothing can happen to a need before it was recorded."""

    kind = RefusalKind.INVALID


class SourceNotFound(Refused):
    """There is no such source."""

    kind = RefusalKind.INVALID


class SourceInOtherNeed(Refused):
    """The source is part of another need."""


class SourceLimitReached(Refused):
    """The need has as many sources as it may have."""


class NeedNotConfirmed(Refused):
    """Nobody has confirmed the need yet."""


class NeedNotEnded(Refused):
    """The need is still open: let it take its exit first."""


class NeedHasEnded(Refused):
    """The need has taken its exit already."""


class ScoreOutOfBounds(Refused):
    """A score is a number from 1 to the highest."""

    kind = RefusalKind.INVALID


class CostOutOfBounds(Refused):
    """A cost is a number of fen from 0 to the highest."""

    kind = RefusalKind.INVALID


class ExitNeedsReference(Refused):
    """This exit names the resource, the project or the motion."""

    kind = RefusalKind.INVALID


class ExitReferenceNotFound(Refused):
    """There is no such resource or service here."""

    kind = RefusalKind.INVALID


class ExitNeedsReason(Refused):
    """A need is declined with a reason."""

    kind = RefusalKind.INVALID
