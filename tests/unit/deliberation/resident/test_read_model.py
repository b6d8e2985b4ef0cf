from uuid import UUID

from services.deliberation.resident.read_model import RESIDENTS, fold_resident, resident_keys
from shared.contracts.deliberation import (
    AccountLinked,
    NodeAdded,
    NodeKind,
    ResidentKind,
    ResidentRegistered,
    SubjectErasureRequested,
    resident_stream,
)
from shared.kit.testing.spec import NOW, facts_of, fold_all

ID = UUID(int=1)
STREAM = resident_stream(ID)
REGISTERED = ResidentRegistered(
    resident=ID, kind=ResidentKind.FLOATING, texts=UUID(int=2), subject=UUID(int=3)
)
LINKED = AccountLinked(resident=ID, account=UUID(int=4))


def test_a_resident_is_a_row_with_the_number_of_accounts() -> None:
    rows = fold_all(RESIDENTS, facts_of(STREAM, REGISTERED, LINKED, scope="north"))
    row = rows["north", ID]
    assert (row.kind, row.texts, row.subject) == ("floating", UUID(int=2), UUID(int=3))
    assert (row.registered_at, row.accounts) == (NOW, 1)


def test_who_is_erased_is_no_row() -> None:
    requested = SubjectErasureRequested(resident=ID, subjects=(UUID(int=3),), services=("w",))
    assert fold_all(RESIDENTS, facts_of(STREAM, REGISTERED, requested, scope="north")) == {}


def test_other_facts_are_no_residents() -> None:
    added = NodeAdded(node="n", kind=NodeKind.DISTRICT, name="N", path=("n",))
    place, alone = facts_of(STREAM, added, LINKED, scope="north")
    assert resident_keys(place) == ()
    assert fold_resident(("north", ID), None, alone) is None
