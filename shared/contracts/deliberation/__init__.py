"""Events of `services/deliberation` that others hear: the directory's places and persons.

Streams: `deliberation/node/<node>` (scope: the district), `deliberation/identity/<identity>`,
`deliberation/grants/<resident>`, `deliberation/resident/<resident>` and
`deliberation/erasure/<resident>` (persons' streams; scope: the district). All are public.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event

SERVICE = "deliberation"
PLACE_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"  # of the id of a node or an area


class NodeKind(StrEnum):
    """The administrative tree of the directory (X1), from the root down."""

    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"


class ResidentKind(StrEnum):
    """How a resident lives here (W16)."""

    REGISTERED = "registered"  # 户籍
    PERMANENT = "permanent"  # 常住
    FLOATING = "floating"  # 流动
    TENANT = "tenant"  # 租住


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


class ResidentRegistered(DeliberationEvent):
    """A resident is on the directory's roll; `texts` names the vault record with the name.

    `subject` is the pseudonym under whose key it is sealed.
    """

    resident: UUID
    kind: ResidentKind
    texts: UUID
    subject: UUID


class AccountLinked(DeliberationEvent):
    """Texts of this account, a pseudonym of the other services, are this resident's."""

    resident: UUID
    account: UUID


class SubjectErasureRequested(DeliberationEvent):
    """Whoever keeps texts of one of these pseudonyms erases them, and answers.

    `subjects` are all that stand for the resident; `services` are those that must answer.
    """

    resident: UUID
    subjects: tuple[UUID, ...]
    services: tuple[str, ...]


class SubjectErasureAnswered(DeliberationEvent):
    """A service has nothing of the resident any more."""

    resident: UUID
    by: str


class ErasureAnswerMissing(DeliberationEvent):
    """These services did not answer in time: an operator must look."""

    resident: UUID
    services: tuple[str, ...]


class SubjectErased(DeliberationEvent):
    """Every service has answered."""

    resident: UUID


EVENTS: tuple[type[Event], ...] = (
    NodeAdded,
    IdentityLinked,
    RoleGranted,
    RoleRevoked,
    ResidentRegistered,
    AccountLinked,
    SubjectErasureRequested,
    SubjectErasureAnswered,
    ErasureAnswerMissing,
    SubjectErased,
)


def node_stream(node: str) -> str:
    """Name the stream of a node."""
    return f"{SERVICE}/node/{node}"


def identity_stream(identity: UUID | str) -> str:
    """Name the stream of a login identity."""
    return f"{SERVICE}/identity/{identity}"


def grants_stream(resident: UUID | str) -> str:
    """Name the stream of a resident's grants."""
    return f"{SERVICE}/grants/{resident}"


def resident_stream(resident: UUID | str) -> str:
    """Name the stream of a resident on the roll."""
    return f"{SERVICE}/resident/{resident}"


def erasure_stream(resident: UUID | str) -> str:
    """Name the stream of a resident's erasure."""
    return f"{SERVICE}/erasure/{resident}"
