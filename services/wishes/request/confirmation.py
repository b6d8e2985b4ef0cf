"""What follows on an answer: the call-back, its rating, the review, the reopening (W2, W15).

The rules:

- After an answer the requester is called back, if the district has a deadline policy. Three things
  are asked: contacted? solved? satisfied, 1 to 5? An answer that was entered so late that its time
  to be confirmed is over is not asked about.
- The requester confirms, or somebody who asked the requester; who answered does not. One rating a
  round: said again it changes nothing, said otherwise it is refused.
- What the requester said closes the request. A low rating, or that it is not solved, opens a
  review, which somebody else than who answered concludes.
- An answer that nobody confirms closes the request as unconfirmed, which is counted apart; the
  requester can still be asked about it, and it can be reopened.
- An answered request is reopened on the same stream, within a window once it is closed, and a
  limited number of times. It goes back to its unit with a new deadline; its age goes on. From a
  number of times on it goes up at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from services.wishes.in_force import time_of
from services.wishes.request import refusals
from services.wishes.request.commands import (
    CloseUnconfirmed,
    ConcludeReview,
    ConfirmationCommand,
    RecordCallback,
    ReopenRequest,
    ScheduleCallback,
)
from services.wishes.request.states import (
    Answer,
    Answered,
    Closed,
    File,
    NotReceived,
    Open,
    Request,
    Returned,
    Said,
)
from shared.contracts.wishes import (
    CallbackDue,
    CallbackRecorded,
    CloseReason,
    ConfirmationAwaited,
    RequestClosed,
    RequestReopened,
    ReviewConcluded,
    ReviewOpened,
    ReviewReason,
    WishesEvent,
)
from shared.decider import Asked, States

CALLS_MAX: Final = 10  # calls without an answer: whoever cannot be reached is left alone
SATISFIED: Final = range(1, 6)


def decide_confirmation(
    command: ConfirmationCommand, state: Request, states: States, asked: Asked
) -> WishesEvent | None:
    """Give what follows from a command after the answer; None when it is already so."""
    if isinstance(state, NotReceived):
        raise refusals.RequestNotFound
    match command, state:
        case ReopenRequest(), _:
            return _reopened(command, state, states, asked)
        case ScheduleCallback(), Answered(confirmation=confirmation):
            if confirmation is None or confirmation.call_back_at is None:
                return None
            return CallbackDue(request=UUID(command.request), round=state.file.round)
        case CloseUnconfirmed(), Answered(confirmation=confirmation):
            if confirmation is None:
                return None
            return closed(command.request, state.file, CloseReason.ANSWERED, unconfirmed=True)
        case ScheduleCallback() | CloseUnconfirmed(), _:
            return None
        case RecordCallback(), Answered(answer=answer) | Closed(answer=Answer() as answer):
            return _called_back(command, state.file, answer, asked)
        case RecordCallback(), _:
            raise refusals.RequestNotAnswered
        case ConcludeReview(), Closed(under_review=True, answer=Answer() as answer):
            if by_who_answered(asked, answer):
                raise refusals.OwnReviewRefused
            request, number = UUID(command.request), state.file.round
            return ReviewConcluded(request=request, round=number, finding=command.finding)
        case ConcludeReview(), _:
            raise refusals.NoReviewOpen


def confirmation_awaited(
    request: str, file: File, states: States, asked: Asked
) -> ConfirmationAwaited | None:
    """Say when the requester is called back; None without a policy, or when it is too late."""
    terms, working_days = time_of(file.district, states)
    if not terms.version:
        return None
    calendar, wait = working_days.calendar, timedelta(days=terms.auto_close_days)
    if calendar.after(asked.occurred_at, terms.call_back_days) + wait <= asked.at:
        return None
    call_back_at = calendar.after(asked.at, terms.call_back_days)
    return ConfirmationAwaited(
        request=UUID(request),
        round=file.round,
        policy=terms.version,
        call_back_at=call_back_at,
        close_at=call_back_at + wait,
    )


def review_opened(request: str, file: File, said: Said, states: States) -> ReviewOpened | None:
    """Open the review of an answer that did not solve the matter, or was rated low."""
    terms, _ = time_of(file.district, states)
    if not said.solved:
        reason = ReviewReason.NOT_SOLVED
    elif said.satisfied <= terms.low_rating_max:
        reason = ReviewReason.LOW_RATING
    else:
        return None
    return ReviewOpened(request=UUID(request), round=file.round, reason=reason)


def closed(
    request: str, file: File, reason: CloseReason, *, unconfirmed: bool = False
) -> RequestClosed:
    """Close a request."""
    return RequestClosed(
        request=UUID(request), reason=reason, unconfirmed=unconfirmed, round=file.round
    )


def by_who_answered(asked: Asked, answer: Answer) -> bool:
    """Tell whether the person who acts is the one who answered."""
    return bool(asked.resident) and asked.resident == answer.by


def _called_back(
    command: RecordCallback, file: File, answer: Answer, asked: Asked
) -> CallbackRecorded | None:
    if by_who_answered(asked, answer):
        raise refusals.SelfClosingRefused
    said = _said(command)
    if answer.said is not None:
        if said != answer.said:
            raise refusals.AlreadyRated
        return None
    if answer.calls >= CALLS_MAX:
        raise refusals.CallbackLimitReached(calls_max=CALLS_MAX)
    return CallbackRecorded(
        request=UUID(command.request),
        round=file.round,
        contacted=command.contacted,
        solved=command.solved,
        satisfied=command.satisfied,
    )


def _said(command: RecordCallback) -> Said | None:
    """Give what the requester said; None: nobody was reached."""
    solved, satisfied = command.solved, command.satisfied
    if not command.contacted and solved is None and satisfied is None:
        return None
    if not command.contacted or solved is None or satisfied is None or satisfied not in SATISFIED:
        raise refusals.CallbackIncomplete
    return Said(solved=solved, satisfied=satisfied)


def _reopened(
    command: ReopenRequest, state: Open | Returned | Closed, states: States, asked: Asked
) -> RequestReopened | None:
    file = state.file
    if command.texts == file.reopened:
        return None
    if not isinstance(state, Answered | Closed) or state.answer is None:
        raise refusals.NothingToReopen
    terms, _ = time_of(command.district or file.district, states)
    if isinstance(state, Closed):
        window = timedelta(days=terms.reopen_window_days)
        if asked.occurred_at > state.at + window:
            raise refusals.ReopenWindowOver(days=terms.reopen_window_days)
    if file.round >= terms.reopens_max:
        raise refusals.ReopenLimitReached(reopens_max=terms.reopens_max)
    return RequestReopened(
        request=UUID(command.request),
        round=file.round + 1,
        unit=state.answer.handling.unit,
        texts=UUID(command.texts),
    )
