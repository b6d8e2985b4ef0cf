"""The directory, first part: nodes of the tree, login identities, and grants of roles.

The rules:

- The tree's root is the one district of this deployment; streets and communities stand below it,
  a community below a street or directly below the district. A node's path never changes: places
  that merge or split become new nodes.
- A login identity stands for one resident, for good.
- A role is granted to a resident on a node, from a day until a day or without end, under an id of
  its own; a grant ends before its term only by being revoked. What was granted stays on record.
- The first district administrator is written once, together with the district itself, while the
  directory is empty.
- A step taken again changes nothing: it is already so.

Persons' streams (identities, grants) and nodes have the district as their scope.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.deliberation.directory import refusals
from services.deliberation.directory.commands import (
    AddNode,
    Bootstrap,
    GrantRole,
    LinkIdentity,
    RevokeRole,
)
from shared.authority import NODE, Allow, Node
from shared.contracts.deliberation import (
    PLACE_PATTERN,
    IdentityLinked,
    NodeAdded,
    NodeKind,
    RoleGranted,
    RoleRevoked,
    grants_stream,
    identity_stream,
    node_stream,
)
from shared.decider import Asked, Decider, Fact, Read, State, States, To, View

ROLES = (
    "district_admin",
    "secretary",
    "desk",
    "department",
    "integration",
    "operator",
    "cadre",
    "grid_leader",
    "building_leader",
    "neighbourhood_leader",
    "party_member",
    "resident",
)
GRANTS_PER_RESIDENT_MAX = 100
_SLUG = re.compile(PLACE_PATTERN)
_ABOVE = {
    NodeKind.DISTRICT: (),
    NodeKind.STREET: (NodeKind.DISTRICT,),
    NodeKind.COMMUNITY: (NodeKind.DISTRICT, NodeKind.STREET),
}


class NoPlace(State):
    """There is no such place."""


class Place(State):
    """A place in the tree; `path` leads from the district to the place itself."""

    kind: NodeKind
    name: str
    path: tuple[str, ...]


class Unlinked(State):
    """The login stands for nobody."""


class Linked(State):
    """The login stands for a resident."""

    resident: str


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What was granted, in force or revoked."""

    role: str
    node: str
    starts_at: datetime
    ends_at: datetime | None
    revoked: bool = False


class Record(State):
    """Every grant that a resident ever had, by its id."""

    grants: dict[str, Granted] = msgspec.field(default_factory=dict[str, Granted])


def evolve_place(state: NoPlace | Place, fact: Fact) -> NoPlace | Place:
    """Follow a node's stream."""
    match fact.event:
        case NodeAdded(kind=kind, name=name, path=path):
            return Place(kind=kind, name=name, path=path)
        case _:
            return state


def evolve_login(state: Unlinked | Linked, fact: Fact) -> Unlinked | Linked:
    """Follow an identity's stream."""
    match fact.event:
        case IdentityLinked(resident=resident):
            return Linked(resident=str(resident))
        case _:
            return state


def evolve_record(state: Record, fact: Fact) -> Record:
    """Follow the stream of a resident's grants."""
    match fact.event:
        case RoleGranted() as event:
            granted = Granted(
                role=event.role, node=event.node, starts_at=event.starts_at, ends_at=event.ends_at
            )
            return Record(grants={**state.grants, str(event.grant_id): granted})
        case RoleRevoked(grant_id=grant_id):
            revoked = msgspec.structs.replace(state.grants[str(grant_id)], revoked=True)
            return Record(grants={**state.grants, str(grant_id): revoked})
        case _:
            return state


PLACE: View[NoPlace | Place] = View("directory.place", 1, NoPlace | Place, NoPlace(), evolve_place)
LOGIN: View[Unlinked | Linked] = View(
    "directory.login", 1, Unlinked | Linked, Unlinked(), evolve_login
)
RECORD = View("directory.record", 1, Record, Record(), evolve_record)


def decide_node(
    command: AddNode | Bootstrap, state: NoPlace | Place, states: States, asked: Asked
) -> Sequence[To]:
    """Decide about places."""
    match command, state:
        case Bootstrap(), NoPlace():
            return _begun(command, states, asked)
        case Bootstrap(), Place():
            raise refusals.AlreadyBootstrapped
        case AddNode(), NoPlace():
            _check_slug(command.node)
            event = _node_added(command, states, asked)
            return [To(node_stream(command.node), event)]
        case AddNode(), Place(kind=kind, name=name, path=path):
            event = _node_added(command, states, asked)
            if (event.kind, event.name, event.path) != (kind, name, path):
                raise refusals.NodeTaken
            return []


def decide_identity(
    command: LinkIdentity, state: Unlinked | Linked, states: States, asked: Asked
) -> Sequence[To]:
    """Decide about logins."""
    match state:
        case Unlinked():
            if states.get(node_stream(asked.scope), NODE).kind != NodeKind.DISTRICT.value:
                raise refusals.NotTheDistrict
            identity, resident = UUID(command.identity), UUID(command.resident)
            event = IdentityLinked(identity=identity, resident=resident)
            return [To(identity_stream(command.identity), event)]
        case Linked(resident=resident):
            if resident != command.resident:
                raise refusals.IdentityTaken
            return []


def decide_grants(
    command: GrantRole | RevokeRole, state: Record, states: States, asked: Asked
) -> Sequence[To]:
    """Decide about roles."""
    match command, state.grants.get(command.grant_id):
        case RevokeRole(), None:
            raise refusals.GrantUnknown
        case RevokeRole(), Granted(revoked=revoked):
            if revoked:
                return []
            event = RoleRevoked(grant_id=UUID(command.grant_id), resident=UUID(command.resident))
            return [To(grants_stream(command.resident), event)]
        case GrantRole(), None:
            _check_grant(command, state, states, asked)
            return [To(grants_stream(command.resident), _role_granted(command))]
        case GrantRole(), Granted() as known:
            if known != _granted(command):
                raise refusals.GrantTaken
            return []


def _begun(command: Bootstrap, states: States, asked: Asked) -> Sequence[To]:
    login = states.get(identity_stream(command.identity), LOGIN)
    record = states.get(grants_stream(command.resident), RECORD)
    if isinstance(login, Linked) or record.grants:
        raise refusals.AlreadyBootstrapped
    _check_slug(command.district)
    district = NodeAdded(
        node=command.district,
        kind=NodeKind.DISTRICT,
        name=command.name,
        path=(command.district,),
    )
    linked = IdentityLinked(identity=UUID(command.identity), resident=UUID(command.resident))
    granted = RoleGranted(
        grant_id=UUID(command.grant_id),
        resident=UUID(command.resident),
        role="district_admin",
        node=command.district,
        starts_at=asked.at,
    )
    return [
        To(node_stream(command.district), district),
        To(identity_stream(command.identity), linked),
        To(grants_stream(command.resident), granted),
    ]


def _node_added(command: AddNode, states: States, asked: Asked) -> NodeAdded:
    parent = states.get(node_stream(command.parent), NODE)
    if not parent.path:
        raise refusals.ParentUnknown
    if parent.path[0] != asked.scope:
        raise refusals.NotTheDistrict
    if NodeKind(parent.kind) not in _ABOVE[command.kind]:
        raise refusals.ParentUnfit
    path = (*parent.path, command.node)
    return NodeAdded(node=command.node, kind=command.kind, name=command.name, path=path)


def _check_grant(command: GrantRole, state: Record, states: States, asked: Asked) -> None:
    if command.role not in ROLES:
        raise refusals.RoleUnknown
    path = states.get(node_stream(command.node), NODE).path
    if not path:
        raise refusals.NodeUnknown
    if path[0] != asked.scope:
        raise refusals.NotTheDistrict
    if command.ends_at is not None and command.ends_at <= command.starts_at:
        raise refusals.TermInvalid
    if len(state.grants) >= GRANTS_PER_RESIDENT_MAX:
        raise refusals.TooManyGrants(grants_max=GRANTS_PER_RESIDENT_MAX)


def _granted(command: GrantRole) -> Granted:
    return Granted(
        role=command.role,
        node=command.node,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
    )


def _role_granted(command: GrantRole) -> RoleGranted:
    return RoleGranted(
        grant_id=UUID(command.grant_id),
        resident=UUID(command.resident),
        role=command.role,
        node=command.node,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
    )


def _check_slug(node: str) -> None:
    if not _SLUG.fullmatch(node):
        raise refusals.NodeIdInvalid


def _node_target(command: AddNode | Bootstrap) -> str:
    return node_stream(command.district if isinstance(command, Bootstrap) else command.node)


def _node_reads(command: AddNode | Bootstrap) -> Sequence[Read[Any]]:
    match command:
        case AddNode():
            return (Read(node_stream(command.parent), NODE),)
        case Bootstrap():
            return (
                Read(identity_stream(command.identity), LOGIN),
                Read(grants_stream(command.resident), RECORD),
            )


def _grant_reads(command: GrantRole | RevokeRole) -> Sequence[Read[Node]]:
    return (Read(node_stream(command.node), NODE),) if isinstance(command, GrantRole) else ()


DIRECTORY_NODE: Decider[AddNode | Bootstrap, NoPlace | Place] = Decider(
    name="node",
    view=PLACE,
    commands=(AddNode, Bootstrap),
    target=_node_target,
    decide=decide_node,
    reads=_node_reads,
)
DIRECTORY_IDENTITY: Decider[LinkIdentity, Unlinked | Linked] = Decider(
    name="identity",
    view=LOGIN,
    commands=(LinkIdentity,),
    target=lambda command: identity_stream(command.identity),
    decide=decide_identity,
)
DIRECTORY_GRANTS: Decider[GrantRole | RevokeRole, Record] = Decider(
    name="grants",
    view=RECORD,
    commands=(GrantRole, RevokeRole),
    target=lambda command: grants_stream(command.resident),
    decide=decide_grants,
    reads=_grant_reads,
)

DECIDERS = (DIRECTORY_NODE, DIRECTORY_IDENTITY, DIRECTORY_GRANTS)

ACCESS = (
    Allow("district_admin", AddNode),
    Allow("district_admin", LinkIdentity),
    Allow("district_admin", GrantRole),
    Allow("district_admin", RevokeRole),
    Allow("district_admin", "read_grants"),
    *(Allow(role, "read_directory") for role in ROLES),
)
