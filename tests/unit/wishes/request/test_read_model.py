from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wishes.request.read_model import HOPS, REQUESTS, HopRow, RequestRow
from shared.contracts.wishes import (
    CloseReason,
    InfoAsked,
    InfoGiven,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestKind,
    RequestReceived,
    RequestReturned,
    RequestTransferred,
    ReturnReason,
    TransferReason,
    WishesEvent,
    request_stream,
)
from shared.decider import Fact
from shared.kit.read_models.ddl import columns
from shared.kit.testing.spec import NOW, facts_of, fold_all

ID = UUID(int=1)
R = str(ID)
ANSWER = UUID(int=4)
RECEIVED = RequestReceived(
    request=ID,
    kind=RequestKind.PROBLEM,
    category="roads",
    category_policy=2,
    area="a1",
    requester=UUID(int=2),
    texts=UUID(int=3),
)
ACCEPTED = RequestAccepted(request=ID)
DISPATCHED = RequestDispatched(request=ID, unit="parks")
TRANSFERRED = RequestTransferred(
    request=ID,
    from_unit="parks",
    to_unit="roads",
    accountable="parks",
    reason=TransferReason.OVERLOADED,
    hop=1,
)
BACK = RequestTransferred(
    request=ID,
    from_unit="roads",
    to_unit="parks",
    accountable="parks",
    reason=TransferReason.NOT_COMPETENT,
    hop=2,
)
ASKED = InfoAsked(request=ID, unit="roads", texts=UUID(int=5))
GIVEN = InfoGiven(request=ID, texts=UUID(int=6))
ANSWERED = RequestAnswered(request=ID, unit="parks", texts=ANSWER, dated=False)
CLOSED = RequestClosed(request=ID, reason=CloseReason.ANSWERED)
LIFE = (RECEIVED, ACCEPTED, DISPATCHED, TRANSFERRED, ASKED, GIVEN, BACK, ANSWERED, CLOSED)


def hour(number: int) -> timedelta:
    return timedelta(hours=number)


def facts(*events: WishesEvent) -> list[Fact]:
    """Give events as facts an hour apart."""
    return [
        fact
        for number, event in enumerate(events)
        for fact in facts_of(
            request_stream(ID), event, scope="elm", at=NOW + hour(number), after=number
        )
    ]


def row(*events: WishesEvent) -> RequestRow:
    return fold_all(REQUESTS, facts(*events))["elm", R]


def test_a_whole_life_is_one_case_file() -> None:
    assert row(*LIFE) == RequestRow(
        scope="elm",
        request=R,
        kind="problem",
        category="roads",
        category_policy=2,
        area="a1",
        requester=UUID(int=2),
        texts=UUID(int=3),
        state="closed",
        received_at=NOW,
        version=9,
        unit="parks",
        accountable="parks",
        hops=2,
        accepted_at=NOW + hour(1),
        dispatched_at=NOW + hour(2),
        answered_at=NOW + hour(7),
        answer_dated=False,
        answer_texts=ANSWER,
        question_texts=UUID(int=5),
        info_texts=UUID(int=6),
        ended_at=NOW + hour(8),
        end_reason="answered",
    )


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((RECEIVED,), "received"),
        ((RECEIVED, ACCEPTED), "accepted"),
        ((RECEIVED, RequestReturned(request=ID, reason=ReturnReason.UNLAWFUL)), "returned"),
        ((RECEIVED, ACCEPTED, DISPATCHED), "dispatched"),
        ((RECEIVED, ACCEPTED, DISPATCHED, ASKED), "awaiting_info"),
        ((RECEIVED, ACCEPTED, DISPATCHED, ASKED, GIVEN), "dispatched"),
        ((RECEIVED, ACCEPTED, DISPATCHED, ANSWERED), "answered"),
        ((RECEIVED, RequestClosed(request=ID, reason=CloseReason.WITHDRAWN)), "closed"),
    ],
)
def test_the_state_follows_the_last_step(events: tuple[WishesEvent, ...], state: str) -> None:
    assert row(*events).state == state


def test_every_turn_is_a_row_that_ends_where_the_next_begins() -> None:
    assert fold_all(HOPS, facts(*LIFE)) == {
        ("elm", R, 0): HopRow(
            scope="elm",
            request=R,
            hop=0,
            unit="parks",
            since_at=NOW + hour(2),
            until_at=NOW + hour(3),
        ),
        ("elm", R, 1): HopRow(
            scope="elm",
            request=R,
            hop=1,
            unit="roads",
            since_at=NOW + hour(3),
            until_at=NOW + hour(6),
            reason="overloaded",
        ),
        ("elm", R, 2): HopRow(
            scope="elm",
            request=R,
            hop=2,
            unit="parks",
            since_at=NOW + hour(6),
            reason="not_competent",
        ),
    }


@given(st.lists(st.integers(0, len(LIFE) - 1), max_size=20))
def test_a_fact_seen_before_changes_nothing(again: list[int]) -> None:
    life = facts(*LIFE)

    assert fold_all(REQUESTS, [*life, *(life[number] for number in again)]) == fold_all(
        REQUESTS, life
    )


def test_the_rows_can_be_tables() -> None:
    assert {column.name for column in columns(REQUESTS) if column.nullable} == {
        "accepted_at",
        "dispatched_at",
        "answered_at",
        "answer_texts",
        "question_texts",
        "info_texts",
        "ended_at",
        "reopened_at",
        "reopening_texts",
    }
    assert {column.name for column in columns(HOPS) if column.nullable} == {"until_at"}
