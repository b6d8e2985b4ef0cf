"""What can be asked of the directory; ids are text."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.deliberation import NodeKind
from shared.decider import Command


class AddNode(Command):
    """Add a place to the tree, below its parent."""

    node: str
    kind: NodeKind
    name: str
    parent: str


class LinkIdentity(Command):
    """Let a login identity stand for a resident."""

    identity: str
    resident: str


class GrantRole(Command):
    """Give a resident a role on a node for a term."""

    grant_id: str
    resident: str
    role: str
    node: str
    starts_at: datetime
    ends_at: datetime | None = None


class RevokeRole(Command):
    """End a grant before its term."""

    grant_id: str
    resident: str


class Bootstrap(Command):
    """Begin the directory: the district, and its first administrator."""

    district: str
    name: str
    identity: str
    resident: str
    grant_id: str
