from uuid import UUID

from services.deliberation.erasure.effect import answered, end_own_keys
from services.deliberation.erasure.process import RecordErasureAnswer
from shared.contracts.deliberation import (
    SubjectErased,
    SubjectErasureRequested,
    erasure_stream,
)
from shared.kit.testing.spec import NOW, facts_of
from shared.rules import Outcome, Outside

ID, SUBJECT = UUID(int=1), UUID(int=2)


def test_the_request_ends_the_directory_s_own_keys_and_that_is_its_answer() -> None:
    requested, erased = facts_of(
        erasure_stream(ID),
        SubjectErasureRequested(resident=ID, subjects=(SUBJECT,), services=("deliberation",)),
        SubjectErased(resident=ID),
        scope="north",
    )
    assert end_own_keys(requested) == Outside(
        kind="erase",
        to="vault",
        scope="north",
        body={"subjects": [str(SUBJECT)], "at": NOW.isoformat()},
    )
    assert end_own_keys(erased) is None
    for done in (True, False):
        said = RecordErasureAnswer(resident=str(ID), by="deliberation", done=done)
        assert answered(requested, Outcome(done=done)) == said
