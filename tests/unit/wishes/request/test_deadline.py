"""A request's clock: set, moved, told; over the Spring Festival of 2026."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.wishes.request import refusals
from services.wishes.request.commands import (
    AskForInfo,
    CloseRequest,
    DeescalateRequest,
    EscalateOverdue,
    EscalateRequest,
    GiveInfo,
    PauseClock,
    RemindRequest,
    RequestCommand,
    ResumeByLimit,
    ResumeClock,
    TransferRequest,
)
from services.wishes.request.states import AwaitingInfo, Deadline, Timed
from shared.contracts.wishes import (
    ClockPaused,
    ClockResumed,
    CloseReason,
    DeadlineSet,
    EscalatedBy,
    PauseReason,
    RequestAccepted,
    RequestDeescalated,
    RequestEscalated,
    RequestReminded,
    Rung,
    TransferReason,
)
from shared.contracts.wishes.deadlines import Priority
from shared.decider import To
from tests.fixtures.requests import (
    ACCEPT,
    ANSWER,
    DAYS,
    DISPATCH,
    DISTRICT,
    ID,
    NO_POLICY,
    NORTH,
    POLICY,
    RECEIVE,
    REQUESTER,
    STREAM,
    R,
    Requests,
    china,
    closing,
    done,
    fired,
    policy,
    year,
)

ASK = AskForInfo(request=R, requester=REQUESTER, texts=str(UUID(int=4)))
GIVE = GiveInfo(request=R, requester=REQUESTER, texts=str(UUID(int=5)))
TRANSFER = TransferRequest(request=R, to_unit="roads", reason=TransferReason.NOT_COMPETENT)
THIRD = PauseClock(request=R, reason=PauseReason.THIRD_PARTY)
RESUME = ResumeClock(request=R)
# Thursday 12 February 2026: 13, Saturday 14 (worked), then free until 23; 24, 25, 26, 27.
RECEIVED = done(NORTH, RECEIVE)
ACCEPTED = done(RECEIVED, ACCEPT)
DISPATCHED = done(ACCEPTED, DISPATCH)


def deadline(spec: Requests) -> Deadline:
    state = spec.state(STREAM)
    assert isinstance(state, Timed)
    assert state.deadline is not None
    return state.deadline


def kinds(spec: Requests) -> list[str]:
    return [type(fact.event).__name__ for fact in spec.facts[STREAM]]


def test_the_desk_sets_the_clock_when_it_accepts() -> None:
    RECEIVED.when(ACCEPT).then(
        To(STREAM, RequestAccepted(request=ID)),
        To(
            STREAM,
            DeadlineSet(
                request=ID,
                district=DISTRICT,
                round=0,
                policy=1,
                calendar=1,
                working_days=6,
                due_at=closing("2026-02-27"),
                remind_at=closing("2026-02-24"),
                ladder=(
                    Rung(level=1, to="community", at=closing("2026-02-27")),
                    Rung(level=2, to="street", at=closing("2026-03-03")),
                ),
            ),
        ),
    )


def test_the_priority_and_the_category_say_how_many_days() -> None:
    urgent = done(RECEIVED, replace(ACCEPT, priority=Priority.URGENT))
    roads = NORTH.given(
        STREAM,
        *[fact.event.model_copy(update={"category": "roads"}) for fact in RECEIVED.facts[STREAM]],
    )

    assert deadline(urgent).due_at == closing("2026-02-14")
    assert deadline(done(roads, ACCEPT)).due_at == closing("2026-02-24")


def test_without_a_policy_there_is_no_clock() -> None:
    accepted = done(NO_POLICY, RECEIVE, ACCEPT, DISPATCH)

    assert accepted.timers(STREAM) == {}
    accepted.when(THIRD).then_refused(refusals.NoDeadline)
    accepted.when(EscalateRequest(request=R, level=1)).then_refused(refusals.NoDeadline)
    assert kinds(accepted) == ["RequestReceived", "RequestAccepted", "RequestDispatched"]


def test_a_year_that_nobody_adopted_counts_by_weekends_and_is_provisional() -> None:
    december = china("2026-12-28")
    outcome = RECEIVED.when(ACCEPT, at=december)

    event = outcome.events[1].event
    assert isinstance(event, DeadlineSet)
    assert event.due_at == closing("2027-01-05")
    assert event.provisional
    # A deadline stays as it was given when the year is adopted afterwards.
    later = RECEIVED.after(*outcome.events, at=december).given(
        DAYS, year(2026, version=2).model_copy(update={"year": 2027, "days_off": ()})
    )
    assert deadline(later).due_at == closing("2027-01-05")


def test_half_of_the_time_reminds_whoever_has_it_once() -> None:
    at_the_desk = ACCEPTED.fired(STREAM, "reminder")
    with_a_unit = DISPATCHED.fired(STREAM, "reminder")

    due_at = closing("2026-02-27")
    at_the_desk.then(To(STREAM, RequestReminded(request=ID, unit="", due_at=due_at)))
    with_a_unit.then(To(STREAM, RequestReminded(request=ID, unit="parks", due_at=due_at)))
    reminded = fired(DISPATCHED, "reminder")
    assert set(reminded.timers(STREAM)) == {"escalation-1"}
    reminded.when(RemindRequest(request=R)).then_nothing()


def test_each_level_is_reached_once_by_its_own_deadline() -> None:
    assert DISPATCHED.timers(STREAM) == {
        "reminder": closing("2026-02-24"),
        "escalation-1": closing("2026-02-27"),
    }
    DISPATCHED.fired(STREAM, "escalation-1").then(
        To(
            STREAM,
            RequestEscalated(
                request=ID,
                level=1,
                to="community",
                by=EscalatedBy.DEADLINE,
                accountable="parks",
                due_at=closing("2026-02-27"),
            ),
        )
    )
    first = fired(DISPATCHED, "escalation-1")
    first.when(EscalateOverdue(request=R, level=1)).then_nothing()
    first.when(EscalateOverdue(request=R, level=3)).then_nothing()
    second = fired(first, "escalation-2")
    assert deadline(second).level == 2
    assert set(second.timers(STREAM)) == {"reminder"}


def test_a_person_brings_it_up_and_the_deadline_goes_on_from_there() -> None:
    up = EscalateRequest(request=R, level=1)
    outcome = DISPATCHED.when(up)

    outcome.then(
        To(
            STREAM,
            RequestEscalated(
                request=ID, level=1, to="community", by=EscalatedBy.PERSON, accountable="parks"
            ),
        )
    )
    brought = DISPATCHED.after(*outcome.events)
    brought.when(up).then_nothing()
    assert set(brought.timers(STREAM)) == {"reminder", "escalation-2"}
    higher = done(brought, EscalateRequest(request=R, level=2))
    higher.when(up).then_refused(refusals.LevelReached, level=2)
    for level in (0, 3):
        DISPATCHED.when(EscalateRequest(request=R, level=level)).then_refused(
            refusals.LevelUnknown, level=level
        )


def test_what_was_given_back_goes_up_to_no_level_twice() -> None:
    down = DeescalateRequest(request=R, level=0)
    escalated = fired(DISPATCHED, "escalation-1")

    escalated.when(down).then(To(STREAM, RequestDeescalated(request=ID, level=0)))
    given_back = done(escalated, down)
    given_back.when(down).then_nothing()
    assert "escalation-1" not in given_back.timers(STREAM)
    assert "escalation-2" in given_back.timers(STREAM)
    given_back.when(DeescalateRequest(request=R, level=1)).then_refused(
        refusals.LevelNotReached, level=0
    )
    given_back.when(DeescalateRequest(request=R, level=-1)).then_refused(
        refusals.LevelUnknown, level=-1
    )


def test_a_transfer_changes_neither_the_clock_nor_who_is_accountable() -> None:
    handed_on = done(DISPATCHED, TRANSFER, at=china("2026-02-25"))

    assert deadline(handed_on) == deadline(DISPATCHED)
    (event,) = (to.event for to in handed_on.fired(STREAM, "escalation-1").events)
    assert isinstance(event, RequestEscalated)
    assert event.accountable == "parks"


def test_the_clock_stands_still_while_the_requester_is_asked() -> None:
    asked = done(DISPATCHED, ASK, at=china("2026-02-13"))

    pause = asked.facts[STREAM][-1].event
    # Four working days are allowed: 14, 24, 25, 26.
    assert pause == ClockPaused(
        request=ID, reason=PauseReason.REQUESTER_ASKED, runs_at=closing("2026-02-26")
    )
    assert asked.timers(STREAM) == {"pause": closing("2026-02-26")}
    asked.when(RemindRequest(request=R)).then_nothing()
    asked.when(EscalateOverdue(request=R, level=1)).then_nothing()
    given = done(asked, GIVE, at=china("2026-02-24"))
    # Two working days, 14 and 24, were lost: everything moves by two.
    assert given.facts[STREAM][-1].event == ClockResumed(
        request=ID,
        working_days=2,
        due_at=closing("2026-03-02"),
        remind_at=closing("2026-02-26"),
        ladder=(
            Rung(level=1, to="community", at=closing("2026-03-02")),
            Rung(level=2, to="street", at=closing("2026-03-05")),
        ),
    )
    assert deadline(given).paused_days == 2


def test_a_reply_on_the_same_day_moves_nothing() -> None:
    asked = done(DISPATCHED, ASK, at=china("2026-02-13", 9))
    given = done(asked, GIVE, at=china("2026-02-13", 17))

    assert deadline(given).due_at == deadline(DISPATCHED).due_at
    assert deadline(given).pauses == 1


def test_after_the_limit_the_clock_runs_although_nobody_has_replied() -> None:
    asked = done(DISPATCHED, ASK, at=china("2026-02-13"))
    runs = fired(asked, "pause")

    assert isinstance(runs.state(STREAM), AwaitingInfo)
    event = runs.facts[STREAM][-1].event
    assert isinstance(event, ClockResumed)
    assert (event.working_days, event.by_limit) == (4, True)
    assert event.due_at == closing("2026-03-04")
    assert set(runs.timers(STREAM)) == {"reminder", "escalation-1"}
    runs.when(ResumeByLimit(request=R)).then_nothing()
    # The reply comes all the same, and moves nothing any more.
    given = done(runs, GIVE, at=china("2026-03-02"))
    assert deadline(given).due_at == closing("2026-03-04")
    # No day is left to stand still for.
    again = done(given, replace(ASK, texts=str(UUID(int=14))), at=china("2026-03-02"))
    assert kinds(again)[-1] == "InfoAsked"
    again.when(THIRD).then_refused(refusals.PauseLimitReached, pauses=1, days=4)


def test_a_limit_that_is_noticed_late_gives_no_further_day() -> None:
    asked = done(DISPATCHED, ASK, at=china("2026-02-13"))
    runs = fired(asked, "pause", at=china("2026-03-10"))

    assert deadline(runs).due_at == closing("2026-03-04")
    assert deadline(runs).paused_days == 4


def test_the_clock_is_paused_a_limited_number_of_times() -> None:
    spec = DISPATCHED
    for number in range(2):
        spec = done(spec, THIRD, RESUME)
        assert deadline(spec).pauses == number + 1

    spec.when(THIRD).then_refused(refusals.PauseLimitReached, pauses=2, days=0)
    assert kinds(done(spec, ASK))[-1] == "InfoAsked"


def test_a_person_pauses_for_one_reason_and_resumes() -> None:
    paused = done(ACCEPTED, THIRD, at=china("2026-02-13"))

    paused.when(THIRD).then_nothing()
    paused.when(PauseClock(request=R, reason=PauseReason.PROCEEDINGS)).then_refused(
        refusals.ClockIsPaused, reason="third_party"
    )
    resumed = done(paused, RESUME, at=china("2026-02-14"))
    assert deadline(resumed).due_at == closing("2026-02-28")
    resumed.when(RESUME).then_refused(refusals.ClockRuns)


def test_a_reply_does_not_end_a_pause_for_another_reason() -> None:
    asked = done(DISPATCHED, THIRD, ASK, GIVE)

    assert deadline(asked).pause is not None
    assert kinds(asked)[-2:] == ["InfoAsked", "InfoGiven"]


@pytest.mark.parametrize("last", [ANSWER, CloseRequest(request=R, reason=CloseReason.WITHDRAWN)])
def test_an_answer_and_an_end_stop_the_clock(last: RequestCommand) -> None:
    ended = done(DISPATCHED, last)

    assert not {"reminder", "escalation-1"} & set(ended.timers(STREAM))
    ended.when(RemindRequest(request=R)).then_nothing()
    ended.when(EscalateOverdue(request=R, level=1)).then_nothing()
    ended.when(ResumeByLimit(request=R)).then_nothing()
    ended.when(RESUME).then_refused(refusals.NoDeadline)


def test_what_is_entered_late_is_due_when_it_was_and_told_from_now() -> None:
    then, now = china("2023-02-13"), china("2026-02-12")
    late = done(NORTH, RECEIVE, ACCEPT, DISPATCH, at=then, entered_at=now)

    assert deadline(late).due_at == closing("2023-02-21")
    assert late.timers(STREAM) == {
        "reminder": closing("2026-02-24"),
        "escalation-1": closing("2026-02-27"),
    }
    answered = done(late, ANSWER, at=china("2023-02-20"), entered_at=now)
    assert answered.timers(STREAM) == {}


def test_a_late_pause_moves_what_is_due_and_not_who_is_told() -> None:
    asked = done(DISPATCHED, ASK, at=china("2026-02-13"), entered_at=china("2026-02-24"))
    given = done(asked, GIVE, at=china("2026-02-14"), entered_at=china("2026-02-24"))

    assert deadline(given).due_at == closing("2026-02-28")
    assert given.timers(STREAM)["escalation-1"] == closing("2026-02-27")


def test_a_policy_that_was_tightened_meanwhile_takes_no_day_back() -> None:
    asked = done(DISPATCHED, ASK, at=china("2026-02-13"))
    tightened = asked.given(POLICY, policy(version=2, paused_days_max=0), scope=DISTRICT)
    given = done(tightened, GIVE, at=china("2026-02-24"))

    assert deadline(given).due_at == deadline(DISPATCHED).due_at


hours = st.integers(0, 24 * 40)


@given(st.lists(st.tuples(st.sampled_from([ASK, GIVE, THIRD, RESUME, TRANSFER]), hours)))
def test_no_pause_gives_more_than_the_policy_allows(
    steps: list[tuple[RequestCommand, int]],
) -> None:
    """However often it is asked, paused and fired: at most four working days, levels in order."""
    spec, now = DISPATCHED, china("2026-02-12")
    for command, later in steps:
        now += timedelta(hours=later)
        for name, due_at in sorted(spec.timers(STREAM).items(), key=lambda item: item[1]):
            if due_at <= now and spec.timers(STREAM).get(name) == due_at:
                spec = fired(spec, name, at=due_at)
        spec = spec.after(*spec.when(command, at=now).events, at=now)

    events = [fact.event for fact in spec.facts[STREAM]]
    levels = [event.level for event in events if isinstance(event, RequestEscalated)]
    assert levels == sorted(set(levels))
    assert sum(isinstance(event, RequestReminded) for event in events) <= 1
    assert deadline(spec).paused_days <= 4
    assert deadline(spec).pauses <= 2
    assert closing("2026-02-27") <= deadline(spec).due_at <= closing("2026-03-04")
