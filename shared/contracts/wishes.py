"""Events of `services/wishes` that others hear: requests (W2) and the category policy.

Streams: `wishes/request/<request>` and `wishes/evidence/<request>` (scope: the community),
`wishes/category_policy/<district>` (scope: the district). All are public. `texts` names a vault
record: no text is in an event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event

SERVICE = "wishes"


class RequestKind(StrEnum):
    """The kinds of W2; an enquiry may be answered on the spot."""

    ENQUIRY = "enquiry"
    OPINION = "opinion"
    COMPLAINT = "complaint"
    PROBLEM = "problem"


class ReturnReason(StrEnum):
    """Why the desk does not take a request on."""

    NOT_OURS = "not_ours"
    UNCLEAR = "unclear"
    DUPLICATE = "duplicate"
    UNLAWFUL = "unlawful"


class TransferReason(StrEnum):
    """Why a unit hands a request on."""

    NOT_COMPETENT = "not_competent"
    OVERLOADED = "overloaded"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    REORGANISED = "reorganised"


class CloseReason(StrEnum):
    """How a request came to its end."""

    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"


class EvidencePurpose(StrEnum):
    """What a file is for; how long it is kept follows from it (X10)."""

    EVIDENCE = "evidence"
    PHOTO = "photo"
    SCAN = "scan"


class WishesEvent(Event):
    """Any event of this service."""

    service: ClassVar[str] = SERVICE


class RequestReceived(WishesEvent):
    """A resident's request reached the community; the category is the rule's or the desk's."""

    request: UUID
    kind: RequestKind
    category: str
    category_policy: int
    area: str
    requester: UUID
    texts: UUID


class RequestAccepted(WishesEvent):
    """The desk took the request on."""

    request: UUID


class RequestReturned(WishesEvent):
    """The desk sent the request back to the requester, with a reason."""

    request: UUID
    reason: ReturnReason


class RequestDispatched(WishesEvent):
    """The request went to its first receiver, who stays accountable to the end."""

    request: UUID
    unit: str


class RequestTransferred(WishesEvent):
    """A unit handed the request on; `accountable` stays the first receiver, `hop` counts from 1."""

    request: UUID
    from_unit: str
    to_unit: str
    accountable: str
    reason: TransferReason
    hop: int


class InfoAsked(WishesEvent):
    """The handling unit asked the requester for more."""

    request: UUID
    unit: str
    texts: UUID


class InfoGiven(WishesEvent):
    """The requester gave what was asked for."""

    request: UUID
    texts: UUID


class RequestAnswered(WishesEvent):
    """The handling unit answered; `dated` is false when the day of a late entry is unknown."""

    request: UUID
    unit: str
    texts: UUID
    dated: bool = True


class RequestClosed(WishesEvent):
    """The request is closed; closed is not the same as solved."""

    request: UUID
    reason: CloseReason


class EvidenceAttached(WishesEvent):
    """A file belongs to the request; `sha256` is the hash of its sealed bytes in the store.

    It is sealed under the key of `subject` and erased with that person; `size` is in bytes.
    """

    request: UUID
    sha256: str
    media_type: str
    size: int
    purpose: EvidencePurpose
    subject: UUID


class Category(BaseModel):
    """A category, the unit that its requests go to first, and the keywords that assign it."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=200)

    name: str
    unit: str
    keywords: tuple[str, ...]


class CategoryPolicyAdopted(WishesEvent):
    """A version of the category tree and its keyword rule came into force."""

    version: int
    rule: str
    categories: tuple[Category, ...]


EVENTS: tuple[type[Event], ...] = (
    RequestReceived,
    RequestAccepted,
    RequestReturned,
    RequestDispatched,
    RequestTransferred,
    InfoAsked,
    InfoGiven,
    RequestAnswered,
    RequestClosed,
    EvidenceAttached,
    CategoryPolicyAdopted,
)


def request_stream(request: UUID | str) -> str:
    """Name the stream of a request."""
    return f"{SERVICE}/request/{request}"


def evidence_stream(request: UUID | str) -> str:
    """Name the stream of a request's files."""
    return f"{SERVICE}/evidence/{request}"


def category_policy_stream(district: str) -> str:
    """Name the stream of a district's category policy."""
    return f"{SERVICE}/category_policy/{district}"
