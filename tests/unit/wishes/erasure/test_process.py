from uuid import UUID

from services.wishes.erasure.effect import confirmed, end_the_rest
from services.wishes.erasure.process import (
    ERASURE,
    ConfirmErasure,
    EraseTexts,
    ErasureNotAsked,
    NotErased,
    asked_to_erase,
    subjects_of,
)
from shared.contracts.deliberation import SubjectErasureRequested
from shared.contracts.wishes.erasure import (
    SubjectErasureDone,
    SubjectTextsErased,
    subject_erasure_stream,
)
from shared.decider import To
from shared.kit.testing.spec import NOW, Spec, facts_of
from shared.rules import Outcome, Outside

ID, SUBJECT = UUID(int=1), UUID(int=2)
STREAM = subject_erasure_stream(ID)
SPEC = Spec(ERASURE, scope="north")
ERASE = EraseTexts(resident=str(ID), subjects=(str(SUBJECT),))
ERASED = SubjectTextsErased(resident=ID, subjects=(SUBJECT,))
DONE = SubjectErasureDone(resident=ID)
REQUESTED = SubjectErasureRequested(resident=ID, subjects=(SUBJECT,), services=("wishes",))


def confirm(*, done: bool = True) -> ConfirmErasure:
    return ConfirmErasure(resident=str(ID), done=done)


def test_the_directory_s_request_becomes_a_command() -> None:
    requested, done = facts_of(STREAM, REQUESTED, DONE, scope="north")
    assert asked_to_erase(requested) == [ERASE]
    assert asked_to_erase(done) == []


def test_texts_go_first_then_the_rest_then_the_answer() -> None:
    SPEC.when(ERASE).then(To(STREAM, ERASED))
    assert subjects_of(ERASED) == (SUBJECT,)
    SPEC.given(STREAM, ERASED).when(confirm()).then(To(STREAM, DONE))


def test_a_step_taken_again_changes_nothing() -> None:
    SPEC.given(STREAM, ERASED).when(ERASE).then_nothing()
    done = SPEC.given(STREAM, ERASED, DONE)
    done.when(ERASE).then_nothing()
    done.when(confirm()).then_nothing()


def test_what_was_not_asked_or_not_done_is_no_answer() -> None:
    SPEC.when(confirm()).then_refused(ErasureNotAsked)
    SPEC.given(STREAM, ERASED).when(confirm(done=False)).then_refused(NotErased)


def test_the_effect_ends_files_and_keys_and_tells_how_it_went() -> None:
    erased, done = facts_of(STREAM, ERASED, DONE, scope="north")
    assert end_the_rest(erased) == Outside(
        kind="erase",
        to="vault",
        scope="north",
        body={"subjects": [str(SUBJECT)], "at": NOW.isoformat()},
    )
    assert end_the_rest(done) is None
    assert confirmed(erased, Outcome(done=False)) == confirm(done=False)
