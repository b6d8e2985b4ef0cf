"""Which unit had a request, as rows that hold from one instant until another."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.wishes.request.responsibility_model import RESPONSIBILITIES
from shared.contracts.wishes import (
    CloseReason,
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestReopened,
    RequestTransferred,
    TransferReason,
    WishesEvent,
    request_stream,
)
from shared.decider import Fact
from shared.kit.testing.spec import NOW, facts_of, fold_all

REQUEST, TEXTS = UUID(int=1), UUID(int=2)
DISPATCHED = RequestDispatched(request=REQUEST, unit="parks")
TRANSFERRED = RequestTransferred(
    request=REQUEST,
    from_unit="parks",
    to_unit="roads",
    accountable="parks",
    reason=TransferReason.NOT_COMPETENT,
    hop=1,
)
ANSWERED = RequestAnswered(request=REQUEST, unit="roads", texts=TEXTS)
REOPENED = RequestReopened(request=REQUEST, round=1, unit="roads", texts=TEXTS)
WITHDRAWN = RequestClosed(request=REQUEST, reason=CloseReason.WITHDRAWN)


def held(*steps: tuple[int, WishesEvent]) -> list[tuple[str, str, int, int | None]]:
    """Give unit, accountable, first and last hour after steps in log order, each at an hour."""
    facts: list[Fact] = []
    for number, (hour, event) in enumerate(steps):
        at = NOW + timedelta(hours=hour)
        facts += facts_of(request_stream(REQUEST), event, scope="elm", at=at, after=number)
    rows = sorted(fold_all(RESPONSIBILITIES, facts).values(), key=lambda row: row.valid_from)
    return [
        (
            row.unit,
            row.accountable,
            hours(row.valid_from),
            None if row.valid_to is None else hours(row.valid_to),
        )
        for row in rows
    ]


def hours(at: datetime) -> int:
    return int((at - NOW).total_seconds()) // 3600


def test_a_unit_has_it_until_it_hands_it_on() -> None:
    assert held((1, DISPATCHED)) == [("parks", "parks", 1, None)]
    assert held((1, DISPATCHED), (3, TRANSFERRED)) == [
        ("parks", "parks", 1, 3),
        ("roads", "parks", 3, None),
    ]


@pytest.mark.parametrize("ending", [ANSWERED, WITHDRAWN])
def test_nobody_has_it_after_the_answer_or_the_end(ending: WishesEvent) -> None:
    assert held((1, DISPATCHED), (5, ending)) == [("parks", "parks", 1, 5)]


def test_after_a_reopening_the_unit_has_it_again_and_the_gap_stays() -> None:
    assert held((1, DISPATCHED), (3, TRANSFERRED), (5, ANSWERED), (8, REOPENED)) == [
        ("parks", "parks", 1, 3),
        ("roads", "parks", 3, 5),
        ("roads", "parks", 8, None),
    ]


def test_what_was_answered_on_the_spot_had_no_unit_before_it_was_reopened() -> None:
    assert held((1, ANSWERED)) == []
    assert held((1, ANSWERED), (4, REOPENED)) == [("roads", "roads", 4, None)]


def test_a_transfer_entered_late_counts_from_its_own_time_on() -> None:
    assert held((2, DISPATCHED), (1, TRANSFERRED)) == [("roads", "parks", 1, None)]


def test_an_end_entered_late_ends_what_it_reaches() -> None:
    assert held((1, DISPATCHED), (6, TRANSFERRED), (4, WITHDRAWN)) == [("parks", "parks", 1, 4)]
