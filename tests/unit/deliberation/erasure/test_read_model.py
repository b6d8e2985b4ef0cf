from uuid import UUID

from services.deliberation.erasure.read_model import ERASURES, fold_erasure
from shared.contracts.deliberation import (
    ErasureAnswerMissing,
    SubjectErased,
    SubjectErasureAnswered,
    SubjectErasureRequested,
    erasure_stream,
)
from shared.kit.testing.spec import NOW, facts_of, fold_all

ID = UUID(int=1)
STREAM = erasure_stream(ID)
REQUESTED = SubjectErasureRequested(resident=ID, subjects=(UUID(int=2),), services=("a", "b"))


def test_an_erasure_is_a_row_with_those_who_are_silent() -> None:
    answered = SubjectErasureAnswered(resident=ID, by="a")
    missing = ErasureAnswerMissing(resident=ID, services=("b",))
    row = fold_all(ERASURES, facts_of(STREAM, REQUESTED, answered, missing, scope="north"))[
        "north", ID
    ]
    assert (row.silent, row.alarmed_at, row.erased_at) == (("b",), NOW, None)
    late = SubjectErasureAnswered(resident=ID, by="b")
    events = (REQUESTED, answered, missing, late, SubjectErased(resident=ID))
    row = fold_all(ERASURES, facts_of(STREAM, *events, scope="north"))["north", ID]
    assert (row.silent, row.erased_at) == ((), NOW)


def test_without_a_request_there_is_no_row() -> None:
    (fact,) = facts_of(STREAM, SubjectErased(resident=ID), scope="north")
    assert fold_erasure(("north", ID), None, fact) is None
