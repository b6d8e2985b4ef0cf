"""Why a change of a community's layout is refused."""

from __future__ import annotations

from shared.decider import RefusalKind, Refused


class NotACommunity(Refused):
    """Only a community of this district is laid out."""

    kind = RefusalKind.INVALID


class AreaIdInvalid(Refused):
    """An area's id has 1 to 63 lower-case letters, digits and hyphens."""

    kind = RefusalKind.INVALID


class AreaTaken(Refused):
    """There is another area with this id."""


class AreaUnknown(Refused):
    """There is no such area on that day."""

    kind = RefusalKind.NOT_FOUND


class AreaOver(Refused):
    """The area ends before that day."""


class ParentUnknown(Refused):
    """There is no such parent for the whole time."""

    kind = RefusalKind.INVALID


class ParentUnfit(Refused):
    """An area of this kind does not stand below such a parent."""

    kind = RefusalKind.INVALID


class AreaNotEmpty(Refused):
    """Something still stands below the area on that day or later."""


class NotBelow(Refused):
    """The area does not stand below the one that is divided on that day."""

    kind = RefusalKind.INVALID


class KindsDiffer(Refused):
    """Only areas of one kind, below one parent, become one."""

    kind = RefusalKind.INVALID


class CadresDiffer(Refused):
    """The areas have different cadres: name the one for what they become."""


class NotPremises(Refused):
    """Only compounds, buildings and units belong to an area of another hierarchy."""

    kind = RefusalKind.INVALID


class CadreUnfit(Refused):
    """A cadre answers for a grid or a neighbourhood."""

    kind = RefusalKind.INVALID


class NotACadre(Refused):
    """This resident does not hold the role of a cadre here on that day."""


class NothingNamed(Refused):
    """The command names no area, or one of them twice."""

    kind = RefusalKind.INVALID


class TooManyAreas(Refused):
    """A community has no more areas than this."""
