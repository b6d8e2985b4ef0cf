"""Why a change of households is refused."""

from __future__ import annotations

from shared.decider import RefusalKind, Refused


class HouseholdNotFound(Refused):
    """There is no such household in this community."""

    kind = RefusalKind.NOT_FOUND


class HouseholdTaken(Refused):
    """There is another household with this id."""


class HouseholdOver(Refused):
    """There is no such household on that day."""


class PremisesUnknown(Refused):
    """There are no such premises on that day."""

    kind = RefusalKind.INVALID


class ResidentUnknown(Refused):
    """There is no such resident on the roll."""

    kind = RefusalKind.INVALID


class ResidentForgotten(Refused):
    """The resident was erased."""


class LivesElsewhere(Refused):
    """The resident does not live in this household on that day."""


class BatchOutOfBounds(Refused):
    """A command names some, but not more than this, and nothing twice."""

    kind = RefusalKind.INVALID
