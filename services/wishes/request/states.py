"""The states of a request, and the parts they are made of (W2).

A field that exists only in some states cannot be read in another.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.contracts.wishes import CloseReason, PauseReason, RequestKind, ReturnReason
from shared.contracts.wishes.deadlines import Priority
from shared.decider import State


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What a request takes from its receipt through all states.

    `texts` is the request's own record, `reopened` that of its last reopening; `round` counts the
    reopenings. `district` is whose deadline policy it is under, empty for none.
    """

    kind: RequestKind
    received_at: datetime
    requester: str
    texts: str
    category: str
    priority: Priority = Priority.NORMAL
    district: str = ""
    round: int = 0
    reopened: str = ""


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """Who has the request, who is accountable for it, and how often it was handed on.

    `refused` counts the hops that a unit wanted; a reorganisation is nobody's wish.
    """

    unit: str
    accountable: str
    hops: int
    refused: int = 0


class RungAt(msgspec.Struct, frozen=True, kw_only=True):
    """When the request goes up to a level."""

    level: int
    to: str
    at: datetime


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Since when the clock stands still: when that happened, and when it was entered."""

    reason: PauseReason
    since: datetime
    entered_at: datetime
    runs_at: datetime


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """A request's clock in this round.

    `due_at` counts from what happened, `remind_at` (none: it was) and the ladder from when it was
    entered. `level` is where the request is, `reached` the highest level it has been at.
    """

    due_at: datetime
    remind_at: datetime | None
    ladder: tuple[RungAt, ...]
    level: int = 0
    reached: int = 0
    pauses: int = 0
    paused_days: int = 0
    pause: Pause | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the requester said when called back."""

    solved: bool
    satisfied: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer's record, the person who gave it, the unit's turn, and what was said of it."""

    texts: str
    by: str
    handling: Handling
    calls: int = 0
    said: Said | None = None


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """When the requester is called back (none: it is due), and when nobody waits any longer."""

    call_back_at: datetime | None
    close_at: datetime


class NotReceived(State):
    """There is no such request."""


class Received(State):
    """It is at the desk, not yet taken on."""

    file: File


class Accepted(State):
    """The desk took it on; no unit has it."""

    file: File
    deadline: Deadline | None = None


class Returned(State):
    """It went back to the requester, for good."""

    file: File
    reason: ReturnReason


class Dispatched(State):
    """A unit handles it; `info` is the record of what the requester gave last."""

    file: File
    handling: Handling
    deadline: Deadline | None = None
    info: str = ""


class AwaitingInfo(State):
    """Its unit waits for what it asked the requester in the record `asked`."""

    file: File
    handling: Handling
    asked: str
    deadline: Deadline | None = None


class Answered(State):
    """Its unit answered; without a policy nobody waits for a confirmation."""

    file: File
    answer: Answer
    confirmation: Confirmation | None = None


class Closed(State):
    """It is closed, with an answer or withdrawn; what was answered may be reopened."""

    file: File
    reason: CloseReason
    at: datetime
    answer: Answer | None = None
    under_review: bool = False


Timed = Accepted | Dispatched | AwaitingInfo
Open = Received | Timed | Answered
Request = NotReceived | Open | Returned | Closed
