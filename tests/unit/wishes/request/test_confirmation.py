"""After the answer: call-back, rating, review, silent closing, reopening."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.wishes.request import refusals
from services.wishes.request.commands import (
    CloseRequest,
    CloseUnconfirmed,
    ConcludeReview,
    RecordCallback,
    ReopenRequest,
    RequestCommand,
    ScheduleCallback,
)
from services.wishes.request.confirmation import CALLS_MAX
from services.wishes.request.states import Answered, Closed, Dispatched
from shared.contracts.wishes import (
    CallbackDue,
    CallbackRecorded,
    CloseReason,
    ConfirmationAwaited,
    DeadlineSet,
    EscalatedBy,
    RequestAnswered,
    RequestClosed,
    RequestEscalated,
    RequestKind,
    RequestReopened,
    ReviewConcluded,
    ReviewFinding,
    ReviewOpened,
    ReviewReason,
)
from shared.decider import Refused, To
from tests.fixtures.requests import (
    ACCEPT,
    ANSWER,
    CALLER,
    DISPATCH,
    DISTRICT,
    HANDLER,
    ID,
    NO_POLICY,
    NORTH,
    RECEIVE,
    REQUESTER,
    STREAM,
    R,
    Requests,
    china,
    closing,
    done,
    fired,
)

ANSWERED_AT = china("2026-02-13")
SATISFIED = RecordCallback(request=R, requester=REQUESTER, contacted=True, solved=True, satisfied=5)
LOW = replace(SATISFIED, satisfied=2)
NOT_SOLVED = replace(SATISFIED, solved=False, satisfied=4)
NOBODY = RecordCallback(request=R, requester=REQUESTER, contacted=False)
CLOSE = CloseRequest(request=R, reason=CloseReason.ANSWERED)
CONCLUDE = ConcludeReview(request=R, finding=ReviewFinding.INSUFFICIENT)
ANSWERED = done(done(NORTH, RECEIVE, ACCEPT, DISPATCH), ANSWER, at=ANSWERED_AT, by=HANDLER)
CLOSED = done(ANSWERED, SATISFIED, at=china("2026-02-14"))


def reopening(number: int = 1) -> ReopenRequest:
    texts = str(UUID(int=100 + number))
    return ReopenRequest(request=R, requester=REQUESTER, texts=texts, district=DISTRICT)


def kinds(spec: Requests) -> list[str]:
    return [type(fact.event).__name__ for fact in spec.facts[STREAM]]


def recorded(command: RecordCallback, number: int = 0) -> CallbackRecorded:
    return CallbackRecorded(
        request=ID,
        round=number,
        contacted=command.contacted,
        solved=command.solved,
        satisfied=command.satisfied,
    )


def test_an_answer_awaits_its_confirmation() -> None:
    event = ANSWERED.facts[STREAM][-1].event

    assert event == ConfirmationAwaited(
        request=ID,
        round=0,
        policy=1,
        call_back_at=closing("2026-02-14"),
        close_at=closing("2026-02-24"),
    )
    assert ANSWERED.timers(STREAM) == {
        "call_back": closing("2026-02-14"),
        "auto_close": closing("2026-02-24"),
    }


def test_without_a_policy_nobody_waits_for_a_confirmation() -> None:
    answered = done(NO_POLICY, RECEIVE, ACCEPT, DISPATCH, ANSWER)

    assert answered.timers(STREAM) == {}
    answered.when(ScheduleCallback(request=R)).then_nothing()
    answered.when(CloseUnconfirmed(request=R)).then_nothing()
    assert kinds(done(answered, SATISFIED))[-2:] == ["CallbackRecorded", "RequestClosed"]


def test_the_call_back_is_due_once() -> None:
    ANSWERED.fired(STREAM, "call_back").then(To(STREAM, CallbackDue(request=ID, round=0)))
    called = fired(ANSWERED, "call_back")
    called.when(ScheduleCallback(request=R)).then_nothing()
    assert set(called.timers(STREAM)) == {"auto_close"}


def test_what_the_requester_says_closes_the_request() -> None:
    for spec in (ANSWERED, fired(ANSWERED, "call_back")):
        spec.when(SATISFIED, by=CALLER).then(
            To(STREAM, recorded(SATISFIED)),
            To(STREAM, RequestClosed(request=ID, reason=CloseReason.ANSWERED)),
        )
    assert CLOSED.timers(STREAM) == {}


@pytest.mark.parametrize(
    ("said", "reason"),
    [(LOW, ReviewReason.LOW_RATING), (NOT_SOLVED, ReviewReason.NOT_SOLVED)],
)
def test_a_low_rating_or_an_unsolved_matter_opens_a_review(
    said: RecordCallback, reason: ReviewReason
) -> None:
    outcome = ANSWERED.when(said)

    assert [to.event for to in outcome.events][2:] == [
        ReviewOpened(request=ID, round=0, reason=reason)
    ]
    reviewed = ANSWERED.after(*outcome.events)
    reviewed.when(CONCLUDE, by=HANDLER).then_refused(refusals.OwnReviewRefused)
    reviewed.when(CONCLUDE, by=CALLER).then(
        To(STREAM, ReviewConcluded(request=ID, round=0, finding=ReviewFinding.INSUFFICIENT))
    )
    done(reviewed, CONCLUDE).when(CONCLUDE).then_refused(refusals.NoReviewOpen)


def test_a_rating_just_above_the_low_ones_is_not_reviewed() -> None:
    CLOSED.when(CONCLUDE).then_refused(refusals.NoReviewOpen)
    outcome = ANSWERED.when(replace(SATISFIED, satisfied=3))
    assert [type(to.event) for to in outcome.events] == [CallbackRecorded, RequestClosed]


@pytest.mark.parametrize("command", [SATISFIED, NOBODY, CLOSE])
def test_who_answered_does_not_confirm(command: RequestCommand) -> None:
    ANSWERED.when(command, by=HANDLER).then_refused(refusals.SelfClosingRefused)
    assert ANSWERED.when(command, by=CALLER).refusal is None


def test_one_rating_a_round_and_the_same_again_changes_nothing() -> None:
    CLOSED.when(SATISFIED).then_nothing()
    CLOSED.when(LOW).then_refused(refusals.AlreadyRated)
    CLOSED.when(NOBODY).then_refused(refusals.AlreadyRated)


def test_a_requester_who_cannot_be_reached_is_called_a_limited_number_of_times() -> None:
    spec = ANSWERED
    for _ in range(CALLS_MAX):
        spec = done(spec, NOBODY)
    assert isinstance(spec.state(STREAM), Answered)

    spec.when(NOBODY).then_refused(refusals.CallbackLimitReached, calls_max=CALLS_MAX)


@pytest.mark.parametrize(
    "said",
    [
        replace(SATISFIED, contacted=False),
        replace(SATISFIED, solved=None),
        replace(SATISFIED, satisfied=None),
        replace(SATISFIED, satisfied=0),
        replace(SATISFIED, satisfied=6),
        replace(NOBODY, contacted=True),
        replace(NOBODY, satisfied=3),
    ],
)
def test_what_was_said_is_whole(said: RecordCallback) -> None:
    ANSWERED.when(said).then_refused(refusals.CallbackIncomplete)


def test_another_person_does_not_confirm_for_the_requester() -> None:
    other = replace(SATISFIED, requester=str(UUID(int=9)))
    ANSWERED.when(other).then_refused(refusals.NotTheRequester)
    CLOSED.when(replace(reopening(), requester=str(UUID(int=9)))).then_refused(
        refusals.NotTheRequester
    )


def test_silence_closes_the_request_as_unconfirmed_and_it_can_still_be_rated() -> None:
    ANSWERED.fired(STREAM, "auto_close").then(
        To(STREAM, RequestClosed(request=ID, reason=CloseReason.ANSWERED, unconfirmed=True))
    )
    silent = fired(ANSWERED, "auto_close")
    silent.when(CloseUnconfirmed(request=R)).then_nothing()
    silent.when(LOW).then(
        To(STREAM, recorded(LOW)),
        To(STREAM, ReviewOpened(request=ID, round=0, reason=ReviewReason.LOW_RATING)),
    )
    done(silent, LOW).when(SATISFIED).then_refused(refusals.AlreadyRated)


def test_an_answer_entered_after_its_time_is_not_asked_about() -> None:
    # The answer of 13 February is asked about from 14, and waits until 24 at 18:00.
    over = closing("2026-02-24")
    dispatched = done(NORTH, RECEIVE, ACCEPT, DISPATCH)

    late = done(dispatched, ANSWER, at=ANSWERED_AT, entered_at=over)
    assert kinds(late)[-1] == "RequestAnswered"
    assert late.timers(STREAM) == {}
    before = over - timedelta(microseconds=1)
    just = done(dispatched, ANSWER, at=ANSWERED_AT, entered_at=before)
    assert just.timers(STREAM)["call_back"] == closing("2026-02-25")


def test_only_an_answer_is_asked_about_closed_or_reopened() -> None:
    dispatched = done(NORTH, RECEIVE, ACCEPT, DISPATCH)
    withdrawn = done(dispatched, CloseRequest(request=R, reason=CloseReason.WITHDRAWN))
    cases: list[tuple[Requests, RequestCommand, type[Refused]]] = [
        (NORTH, SATISFIED, refusals.RequestNotFound),
        (NORTH, reopening(), refusals.RequestNotFound),
        (dispatched, SATISFIED, refusals.RequestNotAnswered),
        (dispatched, reopening(), refusals.NothingToReopen),
        (dispatched, CONCLUDE, refusals.NoReviewOpen),
        (withdrawn, SATISFIED, refusals.RequestNotAnswered),
        (withdrawn, reopening(), refusals.NothingToReopen),
    ]
    for spec, command, refusal in cases:
        spec.when(command).then_refused(refusal)
    dispatched.when(ScheduleCallback(request=R)).then_nothing()
    dispatched.when(CloseUnconfirmed(request=R)).then_nothing()


def test_a_closed_request_is_reopened_with_its_unit_its_age_and_a_new_deadline() -> None:
    at = china("2026-02-24")
    outcome = CLOSED.when(reopening(), at=at)

    events = [to.event for to in outcome.events if to.stream == STREAM]
    assert events[0] == RequestReopened(request=ID, round=1, unit="parks", texts=UUID(int=101))
    assert isinstance(events[1], DeadlineSet)
    assert (events[1].round, events[1].due_at) == (1, closing("2026-03-03"))
    assert len(events) == 2
    reopened = CLOSED.after(*outcome.events, at=at)
    state = reopened.state(STREAM)
    assert isinstance(state, Dispatched)
    assert state.file.received_at == china("2026-02-12")
    assert state.handling.accountable == "parks"
    reopened.when(reopening()).then_nothing()
    reopened.when(reopening(2)).then_refused(refusals.NothingToReopen)
    # The next round is rated for itself.
    again = done(reopened, replace(ANSWER, texts=str(UUID(int=7))), by=HANDLER)
    again.when(LOW).then(
        To(STREAM, recorded(LOW, 1)),
        To(STREAM, RequestClosed(request=ID, reason=CloseReason.ANSWERED, round=1)),
        To(STREAM, ReviewOpened(request=ID, round=1, reason=ReviewReason.LOW_RATING)),
    )


def test_an_answer_that_was_not_closed_yet_can_be_refused_by_reopening() -> None:
    assert isinstance(done(ANSWERED, reopening()).state(STREAM), Dispatched)


def test_the_window_in_which_it_can_be_reopened_ends() -> None:
    closed_at = china("2026-02-14")
    within, beyond = closed_at + timedelta(days=30), closed_at + timedelta(days=30, seconds=1)

    assert CLOSED.when(reopening(), at=within).refusal is None
    CLOSED.when(reopening(), at=beyond).then_refused(refusals.ReopenWindowOver, days=30)


def test_the_third_reopening_goes_up_and_there_are_not_many_more() -> None:
    spec = CLOSED
    levels: list[list[RequestEscalated]] = []
    for number in range(1, 5):
        spec = done(spec, reopening(number), at=china("2026-02-14"))
        levels.append(
            [
                fact.event
                for fact in spec.facts[STREAM][-3:]
                if isinstance(fact.event, RequestEscalated)
            ]
        )
        spec = done(spec, replace(ANSWER, texts=str(UUID(int=200 + number))), by=HANDLER)
    up = RequestEscalated(
        request=ID, level=1, to="community", by=EscalatedBy.REOPENING, accountable="parks"
    )

    assert levels == [[], [], [up], [up]]
    spec.when(reopening(5)).then_refused(refusals.ReopenLimitReached, reopens_max=4)


def test_without_a_policy_nothing_is_reopened() -> None:
    answered = done(NO_POLICY, RECEIVE, ACCEPT, DISPATCH, ANSWER)

    answered.when(reopening()).then_refused(refusals.ReopenLimitReached, reopens_max=0)


def test_an_enquiry_answered_on_the_spot_goes_to_the_unit_that_knew_when_reopened() -> None:
    enquiry = replace(RECEIVE, kind=RequestKind.ENQUIRY)
    answered = done(NORTH, enquiry, ACCEPT, replace(ANSWER, unit="desk"))
    assert any(isinstance(fact.event, RequestAnswered) for fact in answered.facts[STREAM])

    state = done(done(answered, SATISFIED), reopening()).state(STREAM)

    assert isinstance(state, Dispatched)
    assert (state.handling.unit, state.handling.accountable) == ("desk", "desk")
    assert isinstance(done(answered, SATISFIED).state(STREAM), Closed)
