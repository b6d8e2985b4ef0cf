"""Events of `services/deliberation` that others hear: the directory's nodes, identities and grants.

Streams: `deliberation/node/<node>` (scope: the district), `deliberation/identity/<identity>` and
`deliberation/grants/<resident>` (persons' streams; scope: the district). All are public.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event

SERVICE = "deliberation"


class NodeKind(StrEnum):
    """The administrative tree of the directory (X1), from the root down."""

    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"


class DeliberationEvent(Event):
    """Any event of this service."""

    service: ClassVar[str] = SERVICE


class NodeAdded(DeliberationEvent):
    """A node joined the tree; `path` lists its ancestors and itself, the district first."""

    node: str
    kind: NodeKind
    name: str
    path: tuple[str, ...]


class IdentityLinked(DeliberationEvent):
    """A login identity, uuid5(issuer, subject), now stands for this resident."""

    identity: UUID
    resident: UUID


class RoleGranted(DeliberationEvent):
    """A resident holds a role on a node, from `starts_at` until `ends_at` (open when null)."""

    grant_id: UUID
    resident: UUID
    role: str
    node: str
    starts_at: datetime
    ends_at: datetime | None = None


class RoleRevoked(DeliberationEvent):
    """A grant ended before its term."""

    grant_id: UUID
    resident: UUID


EVENTS: tuple[type[Event], ...] = (NodeAdded, IdentityLinked, RoleGranted, RoleRevoked)


def node_stream(node: str) -> str:
    """Name the stream of a node."""
    return f"{SERVICE}/node/{node}"


def identity_stream(identity: UUID | str) -> str:
    """Name the stream of a login identity."""
    return f"{SERVICE}/identity/{identity}"


def grants_stream(resident: UUID | str) -> str:
    """Name the stream of a resident's grants."""
    return f"{SERVICE}/grants/{resident}"
