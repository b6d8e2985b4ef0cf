"""Events of `services/wishes` that others hear: requests (W2) and the category policy.

Streams: `wishes/request/<request>` and `wishes/evidence/<request>` (scope: the community),
`wishes/category_policy/<district>` (scope: the district); how time is counted says
`deadlines.py`. All are public. `texts` names a vault record: no text is in an event.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event
from shared.contracts.wishes.deadlines import Priority

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


class PauseReason(StrEnum):
    """Why a request's clock stands still."""

    REQUESTER_ASKED = "requester_asked"
    THIRD_PARTY = "third_party"
    PROCEEDINGS = "proceedings"
    FORCE_MAJEURE = "force_majeure"


class EscalatedBy(StrEnum):
    """What brought a request to a level: a deadline that passed, a person, or a reopening."""

    DEADLINE = "deadline"
    PERSON = "person"
    REOPENING = "reopening"


class ReviewReason(StrEnum):
    """Why an answer is reviewed."""

    LOW_RATING = "low_rating"
    NOT_SOLVED = "not_solved"


class ReviewFinding(StrEnum):
    """What a review found of the answer."""

    SUFFICIENT = "sufficient"
    INSUFFICIENT = "insufficient"


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
    """The desk took the request on, and said how soon it must be answered."""

    request: UUID
    priority: Priority = Priority.NORMAL


class Rung(BaseModel):
    """When a request that is still open goes up to a level."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=200)

    level: int
    to: str
    at: datetime


class DeadlineSet(WishesEvent):
    """An answer is due; `round` counts the reopenings, 0 before the first.

    `due_at` counts from when the request was accepted or reopened. `remind_at` and the ladder are
    when somebody is told: they count from when that was entered, so that nothing that is entered
    late escalates at once. `working_days` were given by a version of the deadline policy, and
    counted with the working days of `calendar`, the last version adopted; `provisional` when they
    reach into a year that had not been adopted.
    """

    request: UUID
    district: str
    round: int
    policy: int
    calendar: int
    working_days: int
    due_at: datetime
    remind_at: datetime
    ladder: tuple[Rung, ...]
    provisional: bool = False
    priority: Priority = Priority.NORMAL


class ClockPaused(WishesEvent):
    """The request's clock stands still, at the latest until `runs_at`."""

    request: UUID
    reason: PauseReason
    runs_at: datetime


class ClockResumed(WishesEvent):
    """The clock runs again: everything moved by the working days that it stood still.

    `remind_at` is null when half of the time was over before. `by_limit`: it had stood still as
    long as the policy allows.
    """

    request: UUID
    working_days: int
    due_at: datetime
    remind_at: datetime | None
    ladder: tuple[Rung, ...]
    by_limit: bool = False


class RequestReminded(WishesEvent):
    """Half of the time is over: whoever has the request (nobody: the desk) was reminded."""

    request: UUID
    unit: str
    due_at: datetime


class RequestEscalated(WishesEvent):
    """The request went up to a level, which watches over it; its unit goes on handling it.

    `due_at` is when the level's deadline had passed (none: a person or a reopening did it).
    """

    request: UUID
    level: int
    to: str
    by: EscalatedBy
    accountable: str
    due_at: datetime | None = None


class RequestDeescalated(WishesEvent):
    """A level gave the request back to a lower one; 0 is the unit alone."""

    request: UUID
    level: int


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
    round: int = 0


class RequestClosed(WishesEvent):
    """The request is closed; closed is not the same as solved.

    `unconfirmed`: the time to confirm the answer was over, and nobody had.
    """

    request: UUID
    reason: CloseReason
    unconfirmed: bool = False
    round: int = 0


class ConfirmationAwaited(WishesEvent):
    """The requester is to be called back; without a confirmation the answer ends it by itself."""

    request: UUID
    round: int
    policy: int
    call_back_at: datetime
    close_at: datetime


class CallbackDue(WishesEvent):
    """It is time to call the requester back."""

    request: UUID
    round: int


class CallbackRecorded(WishesEvent):
    """The requester was called back: was contacted, says it is solved, is satisfied (1 to 5).

    Not contacted: nothing was answered. One rating per round.
    """

    request: UUID
    round: int
    contacted: bool
    solved: bool | None = None
    satisfied: int | None = None


class ReviewOpened(WishesEvent):
    """What the requester said of the answer is reviewed by somebody else than who gave it."""

    request: UUID
    round: int
    reason: ReviewReason


class ReviewConcluded(WishesEvent):
    """The review of the answer has come to its end."""

    request: UUID
    round: int
    finding: ReviewFinding


class RequestReopened(WishesEvent):
    """The same request goes on, with its unit and its age; `round` counts the reopenings."""

    request: UUID
    round: int
    unit: str
    texts: UUID


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
    DeadlineSet,
    ClockPaused,
    ClockResumed,
    RequestReminded,
    RequestEscalated,
    RequestDeescalated,
    ConfirmationAwaited,
    CallbackDue,
    CallbackRecorded,
    ReviewOpened,
    ReviewConcluded,
    RequestReopened,
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
