from uuid import UUID

import pytest

from services.wishes.notice.domain import (
    NOTICE,
    NoticeFailed,
    NoticeSent,
    RecordNotice,
    asked_for,
    notice_stream,
    told,
)
from shared.contracts.envelope import Event
from shared.contracts.wishes import (
    CallbackDue,
    EscalatedBy,
    RequestAccepted,
    RequestEscalated,
    RequestReminded,
    request_stream,
)
from shared.decider import Fact, To
from shared.kit.testing.spec import NOW, Spec
from shared.rules import Outcome, Outside

ID, EVENT = UUID(int=1), UUID(int=9)
STREAM = notice_stream(str(EVENT))
SPEC = Spec(NOTICE, scope="elm")
SENT = RecordNotice(notice=str(EVENT), request=str(ID), done=True, reference="n-1")
FAILED = RecordNotice(notice=str(EVENT), request=str(ID), done=False, code="refused_410")


def fact(event: Event) -> Fact:
    stream = request_stream(ID)
    return Fact(
        stream=stream, version=7, scope="elm", occurred_at=NOW, at=NOW, event=event,
        event_id=str(EVENT),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "kind", "to", "body"),
    [
        (
            RequestReminded(request=ID, unit="parks", due_at=NOW),
            "reminder", "parks", {"due_at": "2024-05-01T08:00:00+00:00"},
        ),
        (
            RequestReminded(request=ID, unit="", due_at=NOW),
            "reminder", "community-desk", {"due_at": "2024-05-01T08:00:00+00:00"},
        ),
        (
            RequestEscalated(
                request=ID, level=2, to="street", by=EscalatedBy.DEADLINE, accountable="parks"
            ),
            "escalation", "street", {"level": 2, "by": "deadline", "accountable": "parks"},
        ),
        (CallbackDue(request=ID, round=0), "call_back", "community-desk", {}),
    ],
)  # fmt: skip
def test_whoever_must_act_is_told(event: Event, kind: str, to: str, body: dict[str, str]) -> None:
    assert asked_for(fact(event)) == Outside(
        kind=kind, to=to, scope="elm", body={"request": str(ID), **body}
    )


def test_nobody_is_told_of_anything_else() -> None:
    assert asked_for(fact(RequestAccepted(request=ID))) is None


def test_the_outcome_is_recorded_once() -> None:
    event = fact(CallbackDue(request=ID, round=0))

    assert told(event, Outcome(done=True, reference="n-1")) == SENT
    assert told(event, Outcome(done=False, code="refused_410")) == FAILED
    sent = NoticeSent(notice=EVENT, request=ID, reference="n-1")
    failed = NoticeFailed(notice=EVENT, request=ID, code="refused_410")
    SPEC.when(SENT).then(To(STREAM, sent))
    SPEC.when(FAILED).then(To(STREAM, failed))
    SPEC.given(STREAM, sent).when(FAILED).then_nothing()
    SPEC.given(STREAM, RequestAccepted(request=ID)).when(SENT).then(To(STREAM, sent))
