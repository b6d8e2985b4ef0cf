"""Clocks, levels and answers as rows, folded from what the domain decides."""

from uuid import UUID

from msgspec.structs import replace

from services.wishes.request.commands import (
    AskForInfo,
    CloseRequest,
    ConcludeReview,
    DeescalateRequest,
    EscalateRequest,
    GiveInfo,
    RecordCallback,
    ReopenRequest,
    TransferRequest,
)
from services.wishes.request.read_model import REQUESTS
from services.wishes.request.timing_model import (
    CALLBACKS,
    DEADLINES,
    ESCALATIONS,
    CallbackRow,
    DeadlineRow,
    EscalationRow,
)
from shared.contracts.wishes import CloseReason, ReviewFinding, TransferReason
from shared.kit.read_models.ddl import columns
from shared.kit.testing.spec import fold_all
from tests.fixtures.requests import (
    ACCEPT,
    ANSWER,
    DISPATCH,
    DISTRICT,
    HANDLER,
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

DISPATCHED = done(NORTH, RECEIVE, ACCEPT, DISPATCH)
TRANSFER = TransferRequest(request=R, to_unit="roads", reason=TransferReason.NOT_COMPETENT)
ASK = AskForInfo(request=R, requester=REQUESTER, texts=str(UUID(int=4)))
GIVE = GiveInfo(request=R, requester=REQUESTER, texts=str(UUID(int=5)))
LOW = RecordCallback(request=R, requester=REQUESTER, contacted=True, solved=True, satisfied=1)
NOBODY = RecordCallback(request=R, requester=REQUESTER, contacted=False)
REOPEN = ReopenRequest(request=R, requester=REQUESTER, texts=str(UUID(int=9)), district=DISTRICT)
ANSWERED = done(DISPATCHED, ANSWER, at=china("2026-02-13"), by=HANDLER)


def clock(spec: Requests) -> DeadlineRow:
    return fold_all(DEADLINES, spec.facts[STREAM])["elm", R]


def answers(spec: Requests) -> dict[int, CallbackRow]:
    rows = fold_all(CALLBACKS, spec.facts[STREAM])
    return {row.round: row for row in rows.values()}


def escalations(spec: Requests) -> list[EscalationRow]:
    return list(fold_all(ESCALATIONS, spec.facts[STREAM]).values())


def test_a_clock_is_a_row_from_its_setting_on() -> None:
    assert clock(done(DISPATCHED, TRANSFER)) == DeadlineRow(
        scope="elm",
        request=R,
        version=5,
        round=0,
        policy=1,
        calendar=1,
        working_days=6,
        priority="normal",
        provisional=False,
        due_at=closing("2026-02-27"),
        unit="roads",
        accountable="parks",
    )
    without = done(NO_POLICY, RECEIVE, ACCEPT, DISPATCH, ANSWER)
    assert fold_all(DEADLINES, without.facts[STREAM]) == {}


def test_a_pause_stands_in_the_row_until_the_clock_runs() -> None:
    asked = done(DISPATCHED, ASK, at=china("2026-02-13"))
    given = done(asked, GIVE, at=china("2026-02-24"))

    assert clock(asked).paused_at == china("2026-02-13")
    assert clock(asked).pause_reason == "requester_asked"
    found = clock(given)
    assert (found.paused_at, found.pause_reason) == (None, "")
    assert (found.pauses, found.paused_days, found.due_at) == (1, 2, closing("2026-03-02"))
    assert clock(done(asked, ANSWER)).paused_at is None


def test_a_reminder_and_each_level_stand_in_the_rows() -> None:
    reminded = fired(DISPATCHED, "reminder")
    up = done(fired(reminded, "escalation-1"), EscalateRequest(request=R, level=2))
    down = done(up, DeescalateRequest(request=R, level=0))

    assert clock(reminded).reminded_at == closing("2026-02-24")
    assert (clock(up).level, clock(up).level_to) == (2, "street")
    assert (clock(down).level, clock(down).level_to) == (0, "")
    assert [(row.level, row.sent_to, row.by, row.due_at) for row in escalations(down)] == [
        (1, "community", "deadline", closing("2026-02-27")),
        (2, "street", "person", None),
        (0, "", "deescalation", None),
    ]


def test_an_answer_stops_the_clock_and_a_reopening_sets_it_anew() -> None:
    closed = done(ANSWERED, LOW, at=china("2026-02-14"))
    reopened = done(closed, REOPEN, at=china("2026-02-24"))

    assert clock(ANSWERED).stopped_at == china("2026-02-13")
    assert clock(closed).stopped_at == china("2026-02-13")
    found = clock(reopened)
    assert (found.round, found.stopped_at) == (1, None)
    assert (found.unit, found.accountable) == ("parks", "parks")
    withdrawn = done(DISPATCHED, CloseRequest(request=R, reason=CloseReason.WITHDRAWN))
    assert clock(withdrawn).stopped_at is not None


def test_an_answer_is_a_row_and_what_is_said_of_it_follows() -> None:
    called = done(fired(ANSWERED, "call_back"), NOBODY, at=china("2026-02-15"))
    rated = done(called, LOW, at=china("2026-02-16"))
    reviewed = done(rated, ConcludeReview(request=R, finding=ReviewFinding.SUFFICIENT))

    assert answers(reviewed)[0] == CallbackRow(
        scope="elm",
        request=R,
        round=0,
        version=12,
        unit="parks",
        answered_at=china("2026-02-13"),
        call_back_at=closing("2026-02-14"),
        due_at=closing("2026-02-14"),
        calls=2,
        called_at=china("2026-02-16"),
        contacted=True,
        solved=True,
        satisfied=1,
        closed_at=china("2026-02-16"),
        review="sufficient",
        review_reason="low_rating",
    )
    assert answers(called)[0].contacted is False
    assert answers(rated)[0].review == "open"


def test_silence_and_the_next_round_are_told_apart() -> None:
    silent = fired(ANSWERED, "auto_close")
    again = done(silent, REOPEN, at=closing("2026-02-25"))
    again = done(again, replace(ANSWER, texts=str(UUID(int=8))), by=HANDLER)

    first, second = answers(again)[0], answers(again)[1]
    assert (first.unconfirmed, first.closed_at) == (True, closing("2026-02-24"))
    assert (second.unconfirmed, second.closed_at, second.calls) == (False, None, 0)


def test_a_withdrawal_is_no_answer() -> None:
    withdrawn = done(DISPATCHED, CloseRequest(request=R, reason=CloseReason.WITHDRAWN))

    assert answers(withdrawn) == {}


def test_a_fact_seen_before_changes_nothing() -> None:
    spec = done(fired(ANSWERED, "call_back"), NOBODY, LOW)
    facts = spec.facts[STREAM]

    assert fold_all(DEADLINES, [*facts, *facts]) == fold_all(DEADLINES, facts)
    assert fold_all(ESCALATIONS, [*facts, *facts]) == fold_all(ESCALATIONS, facts)
    assert fold_all(CALLBACKS, [*facts, *facts]) == fold_all(CALLBACKS, facts)


def test_the_case_file_keeps_the_streams_version_and_the_requests_age() -> None:
    silent = fired(fired(ANSWERED, "call_back"), "auto_close")
    reopened = done(silent, REOPEN, at=closing("2026-02-25"))

    row = fold_all(REQUESTS, silent.facts[STREAM])["elm", R]
    assert (row.version, row.state, row.end_reason) == (8, "closed", "unconfirmed")
    again = fold_all(REQUESTS, reopened.facts[STREAM])["elm", R]
    assert again.version == len(reopened.facts[STREAM])
    assert (again.state, again.round, again.received_at) == (
        "dispatched", 1, china("2026-02-12"),
    )  # fmt: skip
    assert (again.answered_at, again.ended_at, again.end_reason) == (None, None, "")
    assert (again.answered_by, again.unit, again.accountable) == ("", "parks", "parks")


def test_the_rows_can_be_tables() -> None:
    nullable = {
        model.name: {column.name for column in columns(model) if column.nullable}
        for model in (DEADLINES, ESCALATIONS, CALLBACKS)
    }
    assert nullable == {
        "request_deadlines": {"paused_at", "reminded_at", "stopped_at"},
        "request_escalations": {"due_at"},
        "request_callbacks": {"call_back_at", "due_at", "called_at", "closed_at"},
    }
