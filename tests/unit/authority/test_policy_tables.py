"""Every role x every action x every place and term, against loops over the declared rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.deliberation.app import POLICY as DELIBERATION
from services.deliberation.directory.domain import ROLES
from services.wishes.app import POLICY as WISHES
from services.wishes.request.commands import AnswerRequest
from services.wishes.request.states import Accepted, Answered, Dispatched, NotReceived, Received
from shared.authority import (
    GRANTS,
    IDENTITY,
    NODE,
    Allow,
    PolicyTable,
    RoleMissing,
    ScopeNotFound,
    UnknownIdentity,
    action_name,
)
from shared.contracts.deliberation import (
    IdentityLinked,
    NodeAdded,
    NodeKind,
    RoleGranted,
    RoleRevoked,
    grants_stream,
    identity_stream,
    node_stream,
)
from shared.contracts.envelope import Event
from shared.decider import Command, Fact, Needs, State, States, View

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PATHS = {
    "district": ("district",),
    "street": ("district", "street"),
    "elm": ("district", "street", "elm"),
    "oak": ("district", "street", "oak"),
    "far": ("district", "far"),
}
IDENTITY_ID, RESIDENT, GRANT = UUID(int=1), UUID(int=2), UUID(int=3)
STRANGER = "astronaut"  # no table knows this role
TABLES = {"deliberation": DELIBERATION, "wishes": WISHES}


@dataclass(frozen=True)
class Situation:
    """Where and when a role is held by whoever acts on `scope`; `holds`: it counts there."""

    name: str
    holds: bool
    node: str = "elm"
    scope: str = "elm"
    starts_at: datetime = NOW - DAY
    ends_at: datetime | None = None
    revoked: bool = False
    granted: bool = True
    linked: bool = True


SITUATIONS = (
    Situation("its own community", holds=True),
    Situation("the street above", holds=True, node="street"),
    Situation("the district above", holds=True, node="district"),
    Situation("since this moment", holds=True, starts_at=NOW),
    Situation("to the last moment", holds=True, ends_at=NOW + timedelta(microseconds=1)),
    Situation("a sibling community", holds=False, node="oak"),
    Situation("another branch", holds=False, node="far"),
    Situation("a community below", holds=False, scope="street"),
    Situation("a place that does not exist", holds=False, scope="nowhere"),
    Situation("no grant", holds=False, granted=False),
    Situation("an expired term", holds=False, ends_at=NOW),
    Situation("a term not begun", holds=False, starts_at=NOW + timedelta(microseconds=1)),
    Situation("a revoked grant", holds=False, revoked=True),
    Situation("an unknown login", holds=False, linked=False),
)


def fold(view: View[Any], events: Sequence[Event]) -> Any:
    state = view.initial
    for version, event in enumerate(events, 1):
        fact = Fact("any", version, "district", NOW, NOW, event, str(UUID(int=version)))
        state = view.evolve(state, fact)
    return state


def heard(role: str, at: Situation) -> States:
    """Give the directory as heard: from events, through the views that the services use."""
    granted = RoleGranted(
        grant_id=GRANT,
        resident=RESIDENT,
        role=role,
        node=at.node,
        starts_at=at.starts_at,
        ends_at=at.ends_at,
    )
    revoked = RoleRevoked(grant_id=GRANT, resident=RESIDENT)
    grants = [granted][: at.granted] + [revoked][: at.revoked]
    linked = IdentityLinked(identity=IDENTITY_ID, resident=RESIDENT)
    loaded: dict[tuple[str, str], Any] = {
        (identity_stream(IDENTITY_ID), IDENTITY.name): fold(IDENTITY, [linked][: at.linked]),
        (grants_stream(str(RESIDENT)), GRANTS.name): fold(GRANTS, grants),
        (node_stream("nowhere"), NODE.name): NODE.initial,
    }
    kinds = (NodeKind.DISTRICT, NodeKind.STREET, NodeKind.COMMUNITY)
    for node, path in PATHS.items():
        added = NodeAdded(node=node, kind=kinds[len(path) - 1], name=node, path=path)
        loaded[node_stream(node), NODE.name] = fold(NODE, [added])
    return States(loaded)


def expected(table: PolicyTable, role: str, action: type[Command] | str, at: Situation) -> str:
    """Say what must happen, from the rows alone."""
    if not at.linked:
        return "unknown_identity"
    if not at.holds:
        return "scope_not_found"
    for row in table.rows:
        if row.role == role and row.action == action and not row.states:
            return "allowed"
    return "role_missing"


def happens(
    table: PolicyTable, action: type[Command] | str, states: States, at: Situation, resource: Any
) -> str:
    try:
        found = table.authorise(action, at.scope, IDENTITY_ID, states, NOW, resource=resource)
    except (RoleMissing, ScopeNotFound, UnknownIdentity) as refused:
        return refused.code()
    assert (found.resident, found.grant_id) == (str(RESIDENT), str(GRANT))
    return "allowed"


def cases() -> Iterator[Any]:
    for service, table in TABLES.items():
        for role in (*ROLES, STRANGER):
            for action in (*table.actions, *table.internal, "invent_an_action"):
                name = f"{service}-{role}-{action_name(action)}"
                yield pytest.param(table, role, action, id=name)


@pytest.mark.parametrize(("table", "role", "action"), list(cases()))
def test_the_rows_decide_and_nothing_else(
    table: PolicyTable, role: str, action: type[Command] | str
) -> None:
    for at in SITUATIONS:
        states = heard(role, at)
        assert happens(table, action, states, at, None) == expected(table, role, action, at), at


def some(state: type[State]) -> State:
    """Give a value of this state; what is in it does not count."""
    return state(**dict.fromkeys(state.__struct_fields__))


def resource_states(table: PolicyTable) -> Iterator[Any]:
    for row in table.rows:
        for state in row.states:
            yield pytest.param(
                table, row, state, id=f"{row.role}-{action_name(row.action)}-{state.__name__}"
            )


@pytest.mark.parametrize(
    ("table", "row", "state"),
    [case for table in TABLES.values() for case in resource_states(table)],
)
def test_a_row_with_states_counts_in_those_states(
    table: PolicyTable, row: Allow, state: type[State]
) -> None:
    resource = some(state)
    for at in SITUATIONS:
        if at.holds:
            assert happens(table, row.action, heard(row.role, at), at, resource) == "allowed", at


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (NotReceived, "role_missing"),
        (Received, "role_missing"),
        (Accepted, "role_missing"),
        (Dispatched, "allowed"),
        (Answered, "allowed"),
    ],
)
def test_a_department_answers_what_a_unit_has(state: type[State], outcome: str) -> None:
    at = SITUATIONS[0]
    resource = some(state)
    assert happens(WISHES, AnswerRequest, heard("department", at), at, resource) == outcome
    assert happens(WISHES, AnswerRequest, heard("desk", at), at, resource) == "allowed"


def test_of_several_grants_the_one_that_allows_is_named() -> None:
    at = SITUATIONS[0]
    states = heard("resident", at)
    other = RoleGranted(
        grant_id=UUID(int=9), resident=RESIDENT, role="desk", node="street", starts_at=NOW
    )
    held = fold(GRANTS, [other])
    both = States(
        {
            (identity_stream(IDENTITY_ID), IDENTITY.name): states.get(
                identity_stream(IDENTITY_ID), IDENTITY
            ),
            (node_stream("elm"), NODE.name): states.get(node_stream("elm"), NODE),
            (grants_stream(str(RESIDENT)), GRANTS.name): held,
        }
    )
    found = WISHES.authorise("read_request_texts", "elm", IDENTITY_ID, both, NOW)
    assert found.grant_id == str(UUID(int=9))


def test_what_was_not_read_is_asked_for() -> None:
    with pytest.raises(Needs) as asked:
        WISHES.authorise("read_requests", "elm", IDENTITY_ID, States({}), NOW)
    assert [read.stream for read in asked.value.reads] == [identity_stream(IDENTITY_ID)]


@pytest.mark.parametrize(
    ("rows", "internal", "complaint"),
    [
        ((Allow("desk", "look"), Allow("desk", "look")), (), "two rows"),
        ((Allow("desk", "look", fresh=True), Allow("resident", "look")), (), "in some rows only"),
        ((Allow("desk", AnswerRequest),), (AnswerRequest,), "internal and allowed"),
        ((Allow("desk", "look", states=(Received,)),), (), "no target"),
    ],
)
def test_rows_that_contradict_one_another_are_no_table(
    rows: tuple[Allow, ...], internal: tuple[type[Command], ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        PolicyTable(rows, internal)
