from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from services.deliberation.erasure.process import (
    ANSWER_TIMER,
    ANSWER_WITHIN,
    ERASURE,
    Erased,
    EraseMyself,
    EraseSubject,
    Erasing,
    ErasureNotRequested,
    NotErased,
    NotOnTheRoll,
    NotRequested,
    NotYourself,
    RaiseErasureAlarm,
    RecordErasureAnswer,
    decide,
    due,
    heard_answer,
    subjects_of,
)
from shared.contracts.deliberation import (
    AccountLinked,
    ErasureAnswerMissing,
    ResidentKind,
    ResidentRegistered,
    SubjectErased,
    SubjectErasureAnswered,
    SubjectErasureRequested,
    erasure_stream,
    resident_stream,
)
from shared.contracts.wishes.erasure import SubjectErasureDone
from shared.decider import Asked, States, To
from shared.kit.testing.spec import NOW, Spec, facts_of

ID, SUBJECT, ACCOUNT = UUID(int=1), UUID(int=2), UUID(int=3)
R, STREAM = str(ID), erasure_stream(ID)
SERVICES = ("deliberation", "wishes")
SPEC = Spec(ERASURE, scope="north").given(
    resident_stream(ID),
    ResidentRegistered(resident=ID, kind=ResidentKind.TENANT, texts=UUID(int=9), subject=SUBJECT),
    AccountLinked(resident=ID, account=ACCOUNT),
)
REQUESTED = SubjectErasureRequested(resident=ID, subjects=(SUBJECT, ACCOUNT), services=SERVICES)
ERASING = SPEC.given(STREAM, REQUESTED)
ERASE = EraseSubject(resident=R)
ALARM = RaiseErasureAlarm(resident=R)


def answer(by: str, *, done: bool = True) -> RecordErasureAnswer:
    return RecordErasureAnswer(resident=R, by=by, done=done)


def answered(by: str) -> SubjectErasureAnswered:
    return SubjectErasureAnswered(resident=ID, by=by)


def decide_as(resident: str, state: NotRequested | Erasing | Erased) -> Sequence[To]:
    asked = Asked(at=NOW, occurred_at=NOW, scope="north", resident=resident)
    return decide(EraseMyself(resident=R), state, States({}), asked)


def test_every_pseudonym_of_a_resident_is_to_be_erased() -> None:
    SPEC.when(ERASE).then(To(STREAM, REQUESTED))
    assert subjects_of(REQUESTED) == (SUBJECT, ACCOUNT)


def test_who_is_not_on_the_roll_cannot_be_erased() -> None:
    Spec(ERASURE, scope="north").when(ERASE).then_refused(NotOnTheRoll)


def test_only_the_person_may_ask_for_an_erasure_of_their_own() -> None:
    assert decide_as(R, Erased()) == []
    for state in (NotRequested(), Erased()):
        with pytest.raises(NotYourself):
            decide_as(str(UUID(int=7)), state)


def test_asked_again_nothing_changes() -> None:
    ERASING.when(ERASE).then_nothing()
    ERASING.given(STREAM, SubjectErased(resident=ID)).when(ERASE).then_nothing()


def test_with_the_last_answer_the_resident_is_erased() -> None:
    ERASING.when(answer("wishes")).then(To(STREAM, answered("wishes")))
    ERASING.given(STREAM, answered("wishes")).when(answer("deliberation")).then(
        To(STREAM, answered("deliberation")), To(STREAM, SubjectErased(resident=ID))
    )


def test_an_answer_counts_once_and_only_from_whom_was_asked() -> None:
    ERASING.given(STREAM, answered("wishes")).when(answer("wishes")).then_nothing()
    ERASING.when(answer("ledger")).then_nothing()
    ERASING.given(STREAM, SubjectErased(resident=ID)).when(answer("wishes")).then_nothing()


def test_what_could_not_be_erased_is_no_answer() -> None:
    ERASING.when(answer("deliberation", done=False)).then_refused(NotErased)


@pytest.mark.parametrize("command", [answer("wishes"), ALARM])
def test_without_a_request_there_is_nothing_to_answer(
    command: RecordErasureAnswer | RaiseErasureAlarm,
) -> None:
    SPEC.when(command).then_refused(ErasureNotRequested)


def test_a_missing_answer_alarms_once_and_names_who_is_silent() -> None:
    missing = ErasureAnswerMissing(resident=ID, services=("wishes",))
    late = ERASING.given(STREAM, answered("deliberation"))
    late.when(ALARM).then(To(STREAM, missing))
    late.given(STREAM, missing).when(ALARM).then_nothing()
    late.given(STREAM, missing).when(answer("wishes")).then(
        To(STREAM, answered("wishes")), To(STREAM, SubjectErased(resident=ID))
    )
    ERASING.given(STREAM, SubjectErased(resident=ID)).when(ALARM).then_nothing()


def test_the_timer_runs_until_all_have_answered_or_the_alarm_is_raised() -> None:
    asked = Erasing(silent=SERVICES, answer_by=NOW + ANSWER_WITHIN)
    assert ERASING.state(STREAM) == asked
    assert due(asked) == {ANSWER_TIMER: NOW + timedelta(hours=24)}
    missing = ErasureAnswerMissing(resident=ID, services=SERVICES)
    for spec in (
        SPEC,
        ERASING.given(STREAM, missing),
        ERASING.given(STREAM, SubjectErased(resident=ID)),
    ):
        assert due(spec.state(STREAM)) == {}


def test_wishes_answer_is_recorded() -> None:
    done, request = facts_of("s", SubjectErasureDone(resident=ID), REQUESTED, scope="north")
    assert heard_answer(done) == [answer("wishes")]
    assert heard_answer(request) == []
