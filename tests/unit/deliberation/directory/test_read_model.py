from datetime import timedelta
from uuid import UUID

from services.deliberation.directory.read_model import GRANTS, NODES, GrantRow, NodeRow
from shared.contracts.deliberation import (
    NodeAdded,
    NodeKind,
    RoleGranted,
    RoleRevoked,
    grants_stream,
    node_stream,
)
from shared.kit.read_models.ddl import columns
from shared.kit.testing.spec import NOW, facts_of, fold_all

RESIDENT = UUID(int=2)
LATER = NOW + timedelta(hours=1)


def granted(grant: UUID) -> RoleGranted:
    return RoleGranted(grant_id=grant, resident=RESIDENT, role="desk", node="elm", starts_at=NOW)


def held(grant: UUID) -> GrantRow:
    return GrantRow(
        scope="north", resident=RESIDENT, grant_id=grant, role="desk", node="elm", starts_at=NOW
    )


def test_a_place_is_a_row() -> None:
    added = NodeAdded(node="elm", kind=NodeKind.COMMUNITY, name="Elm", path=("north", "elm"))

    assert fold_all(NODES, facts_of(node_stream("elm"), added, scope="north")) == {
        ("north", "elm"): NodeRow(
            scope="north", node="elm", kind="community", name="Elm", path=("north", "elm")
        )
    }


def test_a_revoked_grant_stays_with_its_end() -> None:
    one, other = UUID(int=3), UUID(int=4)
    stream = grants_stream(RESIDENT)
    facts = [
        *facts_of(stream, granted(one), granted(other), scope="north"),
        *facts_of(
            stream,
            RoleRevoked(grant_id=one, resident=RESIDENT),
            scope="north",
            at=LATER,
            after=2,
        ),
    ]

    rows = fold_all(GRANTS, facts)

    assert rows["north", RESIDENT, other] == held(other)
    assert rows["north", RESIDENT, one].revoked_at == LATER


def test_the_rows_can_be_tables() -> None:
    assert {column.name for column in columns(GRANTS) if column.nullable} == {
        "ends_at",
        "revoked_at",
    }
    assert not [column.name for column in columns(NODES) if column.nullable]
