from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.deliberation.agenda.read_model import MATTERS, Matter
from shared.contracts.wishes import (
    CloseReason,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestKind,
    RequestReceived,
    RequestReopened,
    RequestReturned,
    ReturnReason,
    WishesEvent,
    request_stream,
)
from shared.kit.read_models.ddl import columns
from shared.kit.testing.spec import NOW, facts_of, fold_all

ID = UUID(int=1)
RECEIVED = RequestReceived(
    request=ID,
    kind=RequestKind.OPINION,
    category="roads",
    category_policy=1,
    area="a1",
    requester=UUID(int=2),
    texts=UUID(int=3),
)
ACCEPTED = RequestAccepted(request=ID)
ANSWERED = RequestAnswered(request=ID, unit="unit-1", texts=UUID(int=4))
CLOSED = RequestClosed(request=ID, reason=CloseReason.ANSWERED)
REOPENED = RequestReopened(request=ID, round=1, unit="unit-1", texts=UUID(int=5))


def matter(*events: WishesEvent, received_at: datetime = NOW) -> Matter:
    stream = request_stream(ID)
    first, *others = events
    facts = [
        *facts_of(stream, first, scope="elm", at=received_at),
        *facts_of(stream, *others, scope="elm", at=received_at + timedelta(days=1), after=1),
    ]
    return fold_all(MATTERS, facts)["elm", str(ID)]


def test_a_heard_request_is_a_matter() -> None:
    assert matter(RECEIVED) == Matter(
        scope="elm",
        matter=str(ID),
        area="a1",
        category="roads",
        kind="opinion",
        month="2024-05",
        received_at=NOW,
    )


@pytest.mark.parametrize(
    ("received_at", "month"),
    [
        (datetime(2024, 1, 31, 15, 59, tzinfo=UTC), "2024-01"),
        (datetime(2024, 1, 31, 16, 0, tzinfo=UTC), "2024-02"),
    ],
)
def test_a_month_begins_when_it_does_in_the_district(received_at: datetime, month: str) -> None:
    assert matter(RECEIVED, received_at=received_at).month == month


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((ACCEPTED,), "open"),
        ((ACCEPTED, ANSWERED), "answered"),
        ((ACCEPTED, ANSWERED, CLOSED), "closed"),
        ((ACCEPTED, ANSWERED, CLOSED, REOPENED), "open"),
        ((ACCEPTED, ANSWERED, CLOSED, REOPENED, ANSWERED), "answered"),
        ((RequestClosed(request=ID, reason=CloseReason.WITHDRAWN),), "withdrawn"),
        ((RequestReturned(request=ID, reason=ReturnReason.NOT_OURS),), "returned"),
    ],
)
def test_a_matter_is_open_until_it_has_an_answer_or_an_end(
    events: tuple[WishesEvent, ...], state: str
) -> None:
    found = matter(RECEIVED, *events)

    assert found.state == state
    assert (found.answered_at is not None) == (state in {"answered", "closed"})


def test_the_row_can_be_a_table() -> None:
    assert {column.name for column in columns(MATTERS) if column.nullable} == {"answered_at"}
