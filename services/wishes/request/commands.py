"""What can be asked of a request's rules (W2); ids are text, `texts` are ids of vault records.

A step whose texts are the requester's names that person too: the edge has sealed them under that
person's key, so another's would keep them from being erased.
"""

from __future__ import annotations

from shared.contracts.wishes import (
    CloseReason,
    PauseReason,
    RequestKind,
    ReturnReason,
    ReviewFinding,
    TransferReason,
)
from shared.contracts.wishes.deadlines import Priority
from shared.decider import Command


class ReceiveRequest(Command):
    """Take a request in; `district` names whose category policy applies, empty when there is none.

    `category_policy` is the version that the category was taken from, 0 when there is no policy.
    """

    request: str
    kind: RequestKind
    district: str
    category: str
    category_policy: int
    area: str
    requester: str
    texts: str


class AcceptRequest(Command):
    """Take a received request on; `district` names whose deadline policy applies, or none."""

    request: str
    priority: Priority = Priority.NORMAL
    district: str = ""


class ReturnRequest(Command):
    """Send a received request back to the requester."""

    request: str
    reason: ReturnReason


class DispatchRequest(Command):
    """Give an accepted request to its first unit."""

    request: str
    unit: str


class TransferRequest(Command):
    """Hand a request on to another unit."""

    request: str
    to_unit: str
    reason: TransferReason


class AskForInfo(Command):
    """Ask the requester for more."""

    request: str
    requester: str
    texts: str


class GiveInfo(Command):
    """Enter what the requester gave."""

    request: str
    requester: str
    texts: str


class AnswerRequest(Command):
    """Answer; `unit` may be left empty where a unit handles the request.

    `dated` is false when the day of an answer entered late is not known.
    """

    request: str
    requester: str
    texts: str
    unit: str = ""
    dated: bool = True


class CloseRequest(Command):
    """End a request."""

    request: str
    reason: CloseReason


class PauseClock(Command):
    """Let the clock stand still."""

    request: str
    reason: PauseReason


class ResumeClock(Command):
    """Let the clock run again."""

    request: str


class EscalateRequest(Command):
    """Bring a request before a level of the ladder, because a person says so."""

    request: str
    level: int


class DeescalateRequest(Command):
    """Give a request back to a lower level; 0 is the unit alone."""

    request: str
    level: int


class RemindRequest(Command):
    """The reminder's time has come."""

    request: str


class EscalateOverdue(Command):
    """The deadline of a level has passed."""

    request: str
    level: int


class ResumeByLimit(Command):
    """The clock has stood still as long as it may."""

    request: str


class ScheduleCallback(Command):
    """The time to call the requester back has come."""

    request: str


class RecordCallback(Command):
    """Enter what the requester said, or that nobody was reached."""

    request: str
    requester: str
    contacted: bool
    solved: bool | None = None
    satisfied: int | None = None


class CloseUnconfirmed(Command):
    """The time to confirm the answer is over."""

    request: str


class ConcludeReview(Command):
    """Say what the review of an answer found."""

    request: str
    finding: ReviewFinding


class ReopenRequest(Command):
    """Take an answered request up again, because the requester says so.

    `district` names whose deadline policy applies.
    """

    request: str
    requester: str
    texts: str
    district: str = ""


class HandOnRequests(Command):
    """Hand on what a reorganised unit has, of these requests."""

    requests: tuple[str, ...]
    from_unit: str
    to_unit: str


HandlingCommand = (
    ReceiveRequest
    | AcceptRequest
    | ReturnRequest
    | DispatchRequest
    | TransferRequest
    | AskForInfo
    | GiveInfo
    | AnswerRequest
    | CloseRequest
)
ClockCommand = (
    PauseClock
    | ResumeClock
    | EscalateRequest
    | DeescalateRequest
    | RemindRequest
    | EscalateOverdue
    | ResumeByLimit
)
ConfirmationCommand = (
    ScheduleCallback | RecordCallback | CloseUnconfirmed | ConcludeReview | ReopenRequest
)
RequestStep = HandlingCommand | ClockCommand | ConfirmationCommand
RequestCommand = RequestStep | HandOnRequests

# What timers and runs ask for; no caller may.
INTERNAL = (
    RemindRequest,
    EscalateOverdue,
    ResumeByLimit,
    ScheduleCallback,
    CloseUnconfirmed,
    HandOnRequests,
)
