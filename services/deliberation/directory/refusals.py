"""How the directory's rules say no; a refusal's docstring is its public text."""

from __future__ import annotations

from shared.decider import RefusalKind, Refused


class NodeIdInvalid(Refused):
    """A node's id is made of small letters, digits and hyphens, at most 63 of them."""

    kind = RefusalKind.INVALID


class NodeTaken(Refused):
    """Another place has this id."""


class ParentUnknown(Refused):
    """There is no such parent."""

    kind = RefusalKind.INVALID


class ParentUnfit(Refused):
    """A place of this kind cannot stand below that one."""

    kind = RefusalKind.INVALID


class IdentityTaken(Refused):
    """This login stands for another resident already."""


class RoleUnknown(Refused):
    """There is no such role."""

    kind = RefusalKind.INVALID


class NodeUnknown(Refused):
    """There is no such place."""

    kind = RefusalKind.INVALID


class TermInvalid(Refused):
    """A term ends after it starts."""

    kind = RefusalKind.INVALID


class GrantTaken(Refused):
    """Another grant of this resident has, or had, this id."""


class GrantUnknown(Refused):
    """The resident holds no such grant."""

    kind = RefusalKind.NOT_FOUND


class TooManyGrants(Refused):
    """The directory keeps no more grants for one resident."""


class NotTheDistrict(Refused):
    """Persons and places belong to the district as a whole."""

    kind = RefusalKind.INVALID


class AlreadyBootstrapped(Refused):
    """The directory has begun already."""
