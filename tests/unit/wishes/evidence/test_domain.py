from uuid import UUID

import pytest

from services.wishes.evidence.domain import (
    EVIDENCE,
    EVIDENCE_MAX,
    AttachEvidence,
    EvidenceLimitReached,
    Files,
    NotTheRequester,
    RequestEnded,
    RequestNotFound,
)
from shared.contracts.wishes import (
    CloseReason,
    EvidenceAttached,
    EvidencePurpose,
    RequestAccepted,
    RequestClosed,
    RequestKind,
    RequestReceived,
    RequestReopened,
    RequestReturned,
    ReturnReason,
    WishesEvent,
    evidence_stream,
    request_stream,
)
from shared.decider import To
from shared.kit.testing.spec import Spec

ID, REQUESTER, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
STREAM, REQUEST = evidence_stream(ID), request_stream(ID)
RECEIVED = RequestReceived(
    request=ID,
    kind=RequestKind.PROBLEM,
    category="roads",
    category_policy=1,
    area="a1",
    requester=REQUESTER,
    texts=UUID(int=9),
)
SPEC = Spec(EVIDENCE, scope="elm").given(REQUEST, RECEIVED)


def attach(number: int = 1, requester: UUID = REQUESTER) -> AttachEvidence:
    return AttachEvidence(
        request=str(ID),
        requester=str(requester),
        sha256=f"{number:064x}",
        media_type="image/jpeg",
        size=number,
        purpose=EvidencePurpose.PHOTO,
    )


def attached(number: int = 1) -> EvidenceAttached:
    return EvidenceAttached(
        request=ID,
        sha256=f"{number:064x}",
        media_type="image/jpeg",
        size=number,
        purpose=EvidencePurpose.PHOTO,
        subject=REQUESTER,
    )


def test_a_file_is_attached_to_a_request() -> None:
    SPEC.when(attach()).then(To(STREAM, attached()))
    SPEC.given(REQUEST, RequestAccepted(request=ID)).when(attach()).then(To(STREAM, attached()))


def test_a_file_attached_again_changes_nothing_even_after_the_end() -> None:
    spec = SPEC.given(STREAM, attached())
    spec.when(attach()).then_nothing()
    ended = spec.given(REQUEST, RequestClosed(request=ID, reason=CloseReason.WITHDRAWN))
    ended.when(attach()).then_nothing()
    reopened = ended.given(
        REQUEST, RequestReopened(request=ID, round=1, unit="parks", texts=UUID(int=9))
    )
    assert reopened.when(attach(2)).refusal is None


def test_without_a_request_there_are_no_files() -> None:
    Spec(EVIDENCE, scope="elm").when(attach()).then_refused(RequestNotFound)


def test_a_request_of_another_community_is_not_there() -> None:
    elsewhere = Spec(EVIDENCE, scope="elm").given(REQUEST, RECEIVED, scope="oak")
    elsewhere.when(attach()).then_refused(RequestNotFound)


@pytest.mark.parametrize(
    "end",
    [
        RequestClosed(request=ID, reason=CloseReason.WITHDRAWN),
        RequestReturned(request=ID, reason=ReturnReason.UNCLEAR),
    ],
)
def test_after_the_end_nothing_is_attached(end: WishesEvent) -> None:
    SPEC.given(REQUEST, end).when(attach()).then_refused(RequestEnded)


def test_another_person_s_file_is_refused() -> None:
    SPEC.when(attach(requester=OTHER)).then_refused(NotTheRequester)


def test_a_request_has_a_limit_of_files() -> None:
    full = SPEC.given(STREAM, *(attached(number) for number in range(EVIDENCE_MAX - 1)))
    full.when(attach(100)).then(To(STREAM, attached(100)))
    over = full.given(STREAM, attached(100))
    over.when(attach(101)).then_refused(EvidenceLimitReached, evidence_max=EVIDENCE_MAX)


def test_the_state_of_the_files_follows_their_events_alone() -> None:
    spec = SPEC.given(STREAM, attached(1), RequestAccepted(request=ID), attached(2))
    assert spec.state(STREAM) == Files(sha256s=(f"{1:064x}", f"{2:064x}"))
