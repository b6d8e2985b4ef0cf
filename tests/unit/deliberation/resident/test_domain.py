from uuid import UUID

from services.deliberation.resident.domain import (
    ACCOUNTS_MAX,
    RESIDENT,
    LinkAccount,
    NotTheDistrict,
    OnTheRoll,
    RegisterResident,
    ResidentErased,
    ResidentNotFound,
    ResidentTaken,
    TooManyAccounts,
)
from shared.contracts.deliberation import (
    AccountLinked,
    NodeAdded,
    NodeKind,
    ResidentKind,
    ResidentRegistered,
    SubjectErasureRequested,
    erasure_stream,
    node_stream,
    resident_stream,
)
from shared.decider import To
from shared.kit.testing.spec import Spec

ID, TEXTS, SUBJECT = UUID(int=1), UUID(int=2), UUID(int=3)
STREAM = resident_stream(ID)
DISTRICT = NodeAdded(node="north", kind=NodeKind.DISTRICT, name="North", path=("north",))
SPEC = Spec(RESIDENT, scope="north").given(node_stream("north"), DISTRICT)
REGISTERED = ResidentRegistered(resident=ID, kind=ResidentKind.TENANT, texts=TEXTS, subject=SUBJECT)


def register(*accounts: int, texts: UUID = TEXTS) -> RegisterResident:
    return RegisterResident(
        resident=str(ID),
        kind=ResidentKind.TENANT,
        texts=str(texts),
        subject=str(SUBJECT),
        accounts=tuple(str(UUID(int=number)) for number in accounts),
    )


def link(number: int) -> LinkAccount:
    return LinkAccount(resident=str(ID), account=str(UUID(int=number)))


def linked(number: int) -> AccountLinked:
    return AccountLinked(resident=ID, account=UUID(int=number))


def test_a_resident_is_registered_with_the_accounts_at_hand() -> None:
    SPEC.when(register()).then(To(STREAM, REGISTERED))
    SPEC.when(register(10, 11, 10)).then(
        To(STREAM, REGISTERED), To(STREAM, linked(10)), To(STREAM, linked(11))
    )


def test_a_resident_is_registered_on_the_district_alone() -> None:
    elm = NodeAdded(node="elm", kind=NodeKind.COMMUNITY, name="Elm", path=("north", "elm"))
    Spec(RESIDENT, scope="elm").given(node_stream("elm"), elm).when(register()).then_refused(
        NotTheDistrict
    )


def test_a_resident_is_registered_once() -> None:
    spec = SPEC.given(STREAM, REGISTERED)
    spec.when(register()).then_nothing()
    spec.when(register(texts=UUID(int=9))).then_refused(ResidentTaken)


def test_an_account_is_linked_once() -> None:
    spec = SPEC.given(STREAM, REGISTERED)
    spec.when(link(10)).then(To(STREAM, linked(10)))
    spec.given(STREAM, linked(10)).when(link(10)).then_nothing()


def test_nobody_s_account_is_linked_to_somebody_who_is_not_on_the_roll() -> None:
    SPEC.when(link(10)).then_refused(ResidentNotFound)


def test_a_resident_has_a_limit_of_accounts() -> None:
    most = range(10, 10 + ACCOUNTS_MAX)
    spec = SPEC.given(STREAM, REGISTERED, *(linked(number) for number in most[:-1]))
    spec.when(link(most[-1])).then(To(STREAM, linked(most[-1])))
    full = spec.given(STREAM, linked(most[-1]))
    full.when(link(99)).then_refused(TooManyAccounts, accounts_max=ACCOUNTS_MAX)
    SPEC.when(register(*most, 99)).then_refused(TooManyAccounts, accounts_max=ACCOUNTS_MAX)


def test_the_roll_knows_every_pseudonym_of_a_resident() -> None:
    state = SPEC.given(STREAM, linked(9), REGISTERED, linked(10), DISTRICT).state(STREAM)
    assert state == OnTheRoll(
        kind=ResidentKind.TENANT,
        texts=str(TEXTS),
        subject=str(SUBJECT),
        accounts=(str(UUID(int=10)),),
    )


def test_who_is_erased_stays_off_the_roll() -> None:
    requested = SubjectErasureRequested(resident=ID, subjects=(SUBJECT,), services=("wishes",))
    spec = SPEC.given(STREAM, REGISTERED).given(erasure_stream(ID), requested)
    for command in (register(), link(10)):
        spec.when(command).then_refused(ResidentErased)
