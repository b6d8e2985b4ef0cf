from datetime import timedelta
from uuid import UUID

import pytest

from services.deliberation.directory import refusals
from services.deliberation.directory.commands import (
    AddNode,
    Bootstrap,
    GrantRole,
    LinkIdentity,
    RevokeRole,
)
from services.deliberation.directory.domain import (
    DIRECTORY_GRANTS,
    DIRECTORY_IDENTITY,
    DIRECTORY_NODE,
    GRANTS_PER_RESIDENT_MAX,
    ROLES,
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
from shared.decider import Refused, To
from shared.kit.testing.spec import NOW, Spec

IDENTITY = UUID(int=1)
RESIDENT = UUID(int=2)
GRANT = UUID(int=3)
OTHER = UUID(int=9)


def node(kind: NodeKind, *path: str, name: str = "A place") -> NodeAdded:
    return NodeAdded(node=path[-1], kind=kind, name=name, path=path)


NORTH = node(NodeKind.DISTRICT, "north")
LIME = node(NodeKind.STREET, "north", "lime")
ELM = node(NodeKind.COMMUNITY, "north", "lime", "elm")
SOUTH = node(NodeKind.DISTRICT, "south")

NODES = Spec(DIRECTORY_NODE, scope="north")
TREE = (
    NODES.given(node_stream("north"), NORTH)
    .given(node_stream("lime"), LIME)
    .given(node_stream("elm"), ELM)
    .given(node_stream("south"), SOUTH, scope="south")
)
IDENTITIES = (
    Spec(DIRECTORY_IDENTITY, scope="north")
    .given(node_stream("north"), NORTH)
    .given(node_stream("elm"), ELM)
)
GRANTS = (
    Spec(DIRECTORY_GRANTS, scope="north")
    .given(node_stream("north"), NORTH)
    .given(node_stream("elm"), ELM)
    .given(node_stream("south"), SOUTH, scope="south")
)


def add(
    node: str, parent: str, kind: NodeKind = NodeKind.COMMUNITY, name: str = "A place"
) -> AddNode:
    return AddNode(node=node, kind=kind, name=name, parent=parent)


@pytest.mark.parametrize(
    ("kind", "parent", "path"),
    [
        (NodeKind.STREET, "north", ("north", "oak")),
        (NodeKind.COMMUNITY, "north", ("north", "oak")),
        (NodeKind.COMMUNITY, "lime", ("north", "lime", "oak")),
    ],
)
def test_a_place_stands_below_its_parent(
    kind: NodeKind, parent: str, path: tuple[str, ...]
) -> None:
    TREE.when(add("oak", parent, kind)).then(To(node_stream("oak"), node(kind, *path)))


@pytest.mark.parametrize(
    ("kind", "parent", "refusal"),
    [
        (NodeKind.COMMUNITY, "elm", refusals.ParentUnfit),
        (NodeKind.STREET, "lime", refusals.ParentUnfit),
        (NodeKind.STREET, "elm", refusals.ParentUnfit),
        (NodeKind.DISTRICT, "north", refusals.ParentUnfit),
        (NodeKind.DISTRICT, "", refusals.ParentUnknown),
        (NodeKind.COMMUNITY, "nowhere", refusals.ParentUnknown),
        (NodeKind.COMMUNITY, "south", refusals.NotTheDistrict),
    ],
)
def test_a_place_that_has_no_fit_parent_is_refused(
    kind: NodeKind, parent: str, refusal: type[Refused]
) -> None:
    TREE.when(add("oak", parent, kind)).then_refused(refusal)


@pytest.mark.parametrize("name", ["", "-elm", "Elm", "el m", "elm/2", "榆树", "e" * 64])
def test_a_place_has_a_plain_id(name: str) -> None:
    TREE.when(add(name, "north")).then_refused(refusals.NodeIdInvalid)


def test_a_place_added_again_changes_nothing_and_another_one_is_refused() -> None:
    TREE.when(add("elm", "lime")).then_nothing()
    TREE.when(add("elm", "north")).then_refused(refusals.NodeTaken)
    TREE.when(add("elm", "lime", name="Another")).then_refused(refusals.NodeTaken)
    TREE.when(add("lime", "north")).then_refused(refusals.NodeTaken)


BOOTSTRAP = Bootstrap(
    district="north",
    name="A place",
    identity=str(IDENTITY),
    resident=str(RESIDENT),
    grant_id=str(GRANT),
)


def granted(role: str = "district_admin", node: str = "north", grant: UUID = GRANT) -> RoleGranted:
    return RoleGranted(grant_id=grant, resident=RESIDENT, role=role, node=node, starts_at=NOW)


def test_the_directory_begins_with_the_district_and_its_administrator_at_once() -> None:
    NODES.when(BOOTSTRAP).then(
        To(node_stream("north"), NORTH),
        To(identity_stream(IDENTITY), IdentityLinked(identity=IDENTITY, resident=RESIDENT)),
        To(grants_stream(RESIDENT), granted()),
    )


@pytest.mark.parametrize(
    "begun",
    [
        NODES.given(node_stream("north"), NORTH),
        NODES.given(identity_stream(IDENTITY), IdentityLinked(identity=IDENTITY, resident=OTHER)),
        NODES.given(grants_stream(RESIDENT), granted()),
        NODES.after(*NODES.when(BOOTSTRAP).events),
    ],
)
def test_a_directory_that_has_begun_does_not_begin_again(
    begun: Spec[AddNode | Bootstrap, object],
) -> None:
    begun.when(BOOTSTRAP).then_refused(refusals.AlreadyBootstrapped)


def test_a_district_too_has_a_plain_id() -> None:
    wrong = Bootstrap(
        district="The North",
        name="A place",
        identity=str(IDENTITY),
        resident=str(RESIDENT),
        grant_id=str(GRANT),
    )

    NODES.when(wrong).then_refused(refusals.NodeIdInvalid)


def link(resident: UUID) -> LinkIdentity:
    return LinkIdentity(identity=str(IDENTITY), resident=str(resident))


def test_a_login_stands_for_one_resident_for_good() -> None:
    linked = IdentityLinked(identity=IDENTITY, resident=RESIDENT)

    IDENTITIES.when(link(RESIDENT)).then(To(identity_stream(IDENTITY), linked))
    known = IDENTITIES.given(identity_stream(IDENTITY), linked)
    known.when(link(RESIDENT)).then_nothing()
    known.when(link(OTHER)).then_refused(refusals.IdentityTaken)


@pytest.mark.parametrize("scope", ["elm", "nowhere"])
def test_a_login_belongs_to_the_district_as_a_whole(scope: str) -> None:
    elsewhere = Spec(DIRECTORY_IDENTITY, scope=scope, facts=IDENTITIES.facts)

    elsewhere.when(link(RESIDENT)).then_refused(refusals.NotTheDistrict)


def grant(
    role: str = "desk", node: str = "elm", grant_id: UUID = GRANT, days: int | None = None
) -> GrantRole:
    return GrantRole(
        grant_id=str(grant_id),
        resident=str(RESIDENT),
        role=role,
        node=node,
        starts_at=NOW,
        ends_at=None if days is None else NOW + timedelta(days=days),
    )


REVOKE = RevokeRole(grant_id=str(GRANT), resident=str(RESIDENT))
REVOKED = RoleRevoked(grant_id=GRANT, resident=RESIDENT)
STREAM = grants_stream(RESIDENT)
HELD = GRANTS.given(STREAM, granted("desk", "elm"))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_granted_on_a_place(role: str) -> None:
    GRANTS.when(grant(role)).then(To(STREAM, granted(role, "elm")))


def test_a_role_is_granted_for_a_term() -> None:
    ends_at = NOW + timedelta(days=1)

    GRANTS.when(grant(days=1)).then(
        To(STREAM, granted("desk", "elm").model_copy(update={"ends_at": ends_at}))
    )


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (grant(role="king"), refusals.RoleUnknown),
        (grant(node="nowhere"), refusals.NodeUnknown),
        (grant(node="south"), refusals.NotTheDistrict),
        (grant(days=0), refusals.TermInvalid),
        (grant(days=-1), refusals.TermInvalid),
        (REVOKE, refusals.GrantUnknown),
    ],
)
def test_what_could_not_be_granted_or_revoked_is_refused(
    command: GrantRole | RevokeRole, refusal: type[Refused]
) -> None:
    GRANTS.when(command).then_refused(refusal)


def test_a_grant_keeps_its_id_for_good() -> None:
    HELD.when(grant()).then_nothing()
    HELD.when(grant("secretary")).then_refused(refusals.GrantTaken)
    HELD.when(grant(days=3)).then_refused(refusals.GrantTaken)
    HELD.given(STREAM, REVOKED).when(grant()).then_refused(refusals.GrantTaken)


def test_a_grant_is_revoked_once() -> None:
    HELD.when(REVOKE).then(To(STREAM, REVOKED))
    HELD.given(STREAM, REVOKED).when(REVOKE).then_nothing()


def test_a_resident_has_a_bounded_number_of_grants() -> None:
    many = [
        granted("desk", "elm", UUID(int=100 + number)) for number in range(GRANTS_PER_RESIDENT_MAX)
    ]

    GRANTS.given(STREAM, *many).when(grant()).then_refused(
        refusals.TooManyGrants, grants_max=GRANTS_PER_RESIDENT_MAX
    )
    GRANTS.given(STREAM, *many[1:]).when(grant()).then(To(STREAM, granted("desk", "elm")))
