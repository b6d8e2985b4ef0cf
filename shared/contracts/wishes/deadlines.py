"""Events of `services/wishes` that say how time is counted in a district (W2).

Streams: `wishes/working_days/<district>` and `wishes/deadline_policy/<district>` (scope: the
district), both public. Days are local dates of Asia/Shanghai; "working days" are those that
`WorkingDaysAdopted` leaves, "days" without more are 24 hours.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event


class Priority(StrEnum):
    """How soon a request must be answered; the desk says so when it accepts it."""

    NORMAL = "normal"
    URGENT = "urgent"
    EMERGENCY = "emergency"


class TimeEvent(Event):
    """Any event of this file."""

    service: ClassVar[str] = "wishes"


class Term(BaseModel):
    """Within how many working days requests of a category and priority are answered."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=200)

    category: str
    priority: Priority
    working_days: int


class Step(BaseModel):
    """A rung of the ladder: who is told that a request is overdue.

    `working_days` after the step before; the first step counts from the deadline (0: at once).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=200)

    to: str
    working_days: int


class WorkingDaysAdopted(TimeEvent):
    """How one year differs from plain weeks; a later version of the same year replaces it.

    `days_off` are the weekdays (weekends may be listed, too) that are free, `working_weekends` the
    Saturdays and Sundays that are worked instead. `source` names what says so.
    """

    version: int
    year: int
    days_off: tuple[date, ...]
    working_weekends: tuple[date, ...]
    source: str


class DeadlinePolicyAdopted(TimeEvent):
    """A version of the terms, pauses, call-backs and limits of requests came into force.

    `terms` are looked up by category and priority; what is not listed has the `default_terms` of
    its priority. A request's clock may be paused `pauses_max` times, for `paused_days_max` working
    days in all. After an answer the requester is called back after `call_back_days` working days
    (from 1); an answer that nobody confirms within `auto_close_days` from then closes the request.
    A rating up to `low_rating_max` is reviewed. What was closed may be reopened within
    `reopen_window_days`, `reopens_max` times, and from the `reopens_escalated_from`-th on goes up
    at once. A unit has at most `open_max` requests at a time (0: no limit).
    """

    version: int
    terms: tuple[Term, ...]
    default_terms: tuple[Term, ...]
    ladder: tuple[Step, ...]
    pauses_max: int
    paused_days_max: int
    call_back_days: int
    auto_close_days: int
    low_rating_max: int
    reopen_window_days: int
    reopens_max: int
    reopens_escalated_from: int
    open_max: int


EVENTS: tuple[type[Event], ...] = (WorkingDaysAdopted, DeadlinePolicyAdopted)


def working_days_stream(district: str) -> str:
    """Name the stream of a district's working days."""
    return f"wishes/working_days/{district}"


def deadline_policy_stream(district: str) -> str:
    """Name the stream of a district's deadline policy."""
    return f"wishes/deadline_policy/{district}"
