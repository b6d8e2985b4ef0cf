"""A request's clock: how it is set, paused, and what happens while it runs (W2).

The rules:

- The clock is set when the desk accepts a request, and again when it is reopened, if the district
  has a deadline policy. What is due counts from when that happened; whoever is told is told by
  times that count from when it was entered, so nothing entered late escalates backwards (X3).
- It stands still only for a reason: because the requester is asked, until the reply, or because a
  person says why. It does so a limited number of times and of working days in all; then it runs,
  whatever the reason. Everything moves by the working days that it stood still.
- When half of the time is over, whoever has the request is reminded, once. When a level's deadline
  passes, the request goes up to it, once for each level and round, one after the other.
- A person may bring it up earlier, or give it back to a lower level; both are recorded, neither
  changes who is accountable, nor the clock.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.wishes.calendar import Calendar
from services.wishes.in_force import Terms, time_of
from services.wishes.request import refusals
from services.wishes.request.commands import (
    ClockCommand,
    DeescalateRequest,
    EscalateOverdue,
    EscalateRequest,
    PauseClock,
    RemindRequest,
    ResumeByLimit,
    ResumeClock,
)
from services.wishes.request.states import (
    Accepted,
    Deadline,
    File,
    Handling,
    NotReceived,
    Request,
    RungAt,
    Timed,
)
from shared.contracts.wishes import (
    ClockPaused,
    ClockResumed,
    DeadlineSet,
    EscalatedBy,
    PauseReason,
    RequestDeescalated,
    RequestEscalated,
    RequestReminded,
    Rung,
    WishesEvent,
)
from shared.decider import Asked, States


def decide_clock(
    command: ClockCommand, state: Request, states: States, asked: Asked
) -> WishesEvent | None:
    """Give what follows from a command about the clock; None when it is already so."""
    if isinstance(state, NotReceived):
        raise refusals.RequestNotFound
    deadline = state.deadline if isinstance(state, Timed) else None
    if not isinstance(state, Timed) or deadline is None:
        # A timer that comes too late finds nothing to do; a person is told.
        if isinstance(command, RemindRequest | EscalateOverdue | ResumeByLimit):
            return None
        raise refusals.NoDeadline
    match command:
        case PauseClock():
            return _paused_by_a_person(command, deadline, state, states, asked)
        case ResumeClock():
            if deadline.pause is None:
                raise refusals.ClockRuns
            return resumed(command.request, state, states, asked)
        case ResumeByLimit():
            return resumed(command.request, state, states, asked, by_limit=True)
        case RemindRequest():
            return _reminded(command, deadline, state)
        case EscalateOverdue():
            return _overdue(command, deadline, state)
        case EscalateRequest():
            return _escalated(command, deadline, state)
        case DeescalateRequest():
            return _deescalated(command, deadline)


def deadline_set(
    request: str, file: File, district: str, states: States, asked: Asked
) -> DeadlineSet | None:
    """Set the clock of the file's round; None without a policy in the district."""
    terms, working_days = time_of(district, states)
    if not terms.version:
        return None
    calendar = working_days.calendar
    days = terms.working_days(file.category, file.priority)
    due_at = calendar.after(asked.occurred_at, days)
    ladder = _ladder(terms, calendar, asked.at, days)
    return DeadlineSet(
        request=UUID(request),
        district=district,
        round=file.round,
        policy=terms.version,
        calendar=working_days.version,
        working_days=days,
        due_at=due_at,
        remind_at=calendar.half_after(asked.at, days),
        ladder=ladder,
        provisional=not calendar.covers(asked.occurred_at, max(due_at, ladder[-1].at)),
        priority=file.priority,
    )


def paused(
    request: str, state: Timed, reason: PauseReason, states: States, asked: Asked
) -> ClockPaused | None:
    """Let the clock stand still; None when there is none, or when it may not any more."""
    deadline = state.deadline
    if deadline is None:
        return None
    terms, working_days = time_of(state.file.district, states)
    left = terms.paused_days_max - deadline.paused_days
    if deadline.pauses >= terms.pauses_max or left < 1:
        return None
    runs_at = working_days.calendar.after(asked.at, left)
    return ClockPaused(request=UUID(request), reason=reason, runs_at=runs_at)


def resumed(
    request: str, state: Timed, states: States, asked: Asked, *, by_limit: bool = False
) -> ClockResumed | None:
    """Let the clock run again, moved by what it stood still, up to the limit; None: it runs."""
    deadline = state.deadline
    if deadline is None or deadline.pause is None:
        return None
    pause = deadline.pause
    terms, working_days = time_of(state.file.district, states)
    calendar = working_days.calendar
    left = max(terms.paused_days_max - deadline.paused_days, 0)
    stood = min(calendar.between(pause.since, asked.occurred_at), left)
    told = min(calendar.between(pause.entered_at, asked.at), left)
    remind_at = deadline.remind_at
    return ClockResumed(
        request=UUID(request),
        working_days=stood,
        due_at=_moved(deadline.due_at, stood, calendar),
        remind_at=None if remind_at is None else _moved(remind_at, told, calendar),
        ladder=tuple(
            Rung(level=rung.level, to=rung.to, at=_moved(rung.at, told, calendar))
            for rung in deadline.ladder
        ),
        by_limit=by_limit,
    )


def reopened_too_often(
    request: str, deadline: DeadlineSet, unit: str, terms: Terms
) -> RequestEscalated | None:
    """Bring a request up that was reopened as often as the policy names."""
    if deadline.round < terms.reopens_escalated_from:
        return None
    rung = deadline.ladder[0]
    return RequestEscalated(
        request=UUID(request),
        level=rung.level,
        to=rung.to,
        by=EscalatedBy.REOPENING,
        accountable=unit,
    )


def _ladder(terms: Terms, calendar: Calendar, at: datetime, days: int) -> tuple[Rung, ...]:
    rungs: list[Rung] = []
    for level, step in enumerate(terms.ladder, 1):
        days += step.working_days
        rungs.append(Rung(level=level, to=step.to, at=calendar.after(at, days)))
    return tuple(rungs)


def _moved(moment: datetime, working_days: int, calendar: Calendar) -> datetime:
    return calendar.after(moment, working_days) if working_days else moment


def _paused_by_a_person(
    command: PauseClock, deadline: Deadline, state: Timed, states: States, asked: Asked
) -> ClockPaused | None:
    if deadline.pause is not None:
        if deadline.pause.reason is not command.reason:
            raise refusals.ClockIsPaused(reason=deadline.pause.reason.value)
        return None
    event = paused(command.request, state, command.reason, states, asked)
    if event is None:
        raise refusals.PauseLimitReached(pauses=deadline.pauses, days=deadline.paused_days)
    return event


def _reminded(command: RemindRequest, deadline: Deadline, state: Timed) -> RequestReminded | None:
    if deadline.remind_at is None or deadline.pause is not None:
        return None
    turn = _handling(state)
    unit = "" if turn is None else turn.unit
    return RequestReminded(request=UUID(command.request), unit=unit, due_at=deadline.due_at)


def _overdue(command: EscalateOverdue, deadline: Deadline, state: Timed) -> RequestEscalated | None:
    if deadline.pause is not None or command.level != deadline.reached + 1:
        return None
    rung = _rung(deadline, command.level)
    return _escalation(command.request, rung, EscalatedBy.DEADLINE, state, rung.at)


def _escalated(
    command: EscalateRequest, deadline: Deadline, state: Timed
) -> RequestEscalated | None:
    rung = _rung(deadline, command.level)
    if rung.level == deadline.level:
        return None
    if rung.level < deadline.level:
        raise refusals.LevelReached(level=deadline.level)
    return _escalation(command.request, rung, EscalatedBy.PERSON, state, None)


def _deescalated(command: DeescalateRequest, deadline: Deadline) -> RequestDeescalated | None:
    if command.level < 0:
        raise refusals.LevelUnknown(level=command.level)
    if command.level == deadline.level:
        return None
    if command.level > deadline.level:
        raise refusals.LevelNotReached(level=deadline.level)
    return RequestDeescalated(request=UUID(command.request), level=command.level)


def _escalation(
    request: str, rung: RungAt, by: EscalatedBy, state: Timed, due_at: datetime | None
) -> RequestEscalated:
    turn = _handling(state)
    return RequestEscalated(
        request=UUID(request),
        level=rung.level,
        to=rung.to,
        by=by,
        accountable="" if turn is None else turn.accountable,
        due_at=due_at,
    )


def _rung(deadline: Deadline, level: int) -> RungAt:
    if not 1 <= level <= len(deadline.ladder):
        raise refusals.LevelUnknown(level=level)
    return deadline.ladder[level - 1]


def _handling(state: Timed) -> Handling | None:
    return None if isinstance(state, Accepted) else state.handling
