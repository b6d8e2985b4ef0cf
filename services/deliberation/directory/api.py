"""HTTP of the directory: places, logins and roles of a district."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, Field

from services.deliberation.directory.commands import AddNode, GrantRole, LinkIdentity, RevokeRole
from services.deliberation.directory.read_model import (
    GrantRow,
    NodeRow,
    find_node,
    list_grants,
    list_nodes,
)
from services.deliberation.directory.terms_api import add_terms
from shared.contracts.deliberation import PLACE_PATTERN, NodeKind
from shared.decider import RefusalKind, Refused
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.identity.ids import identity_id
from shared.kit.service import Rooms

Slug = Annotated[str, Field(pattern=PLACE_PATTERN)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class NodeBody(CommandBody):
    """A place below an existing one; names of places are public."""

    node: Slug
    kind: NodeKind
    name: Name
    parent: Slug


class IdentityBody(CommandBody):
    """A login, as its tokens name it; without a resident a new one is made for it."""

    issuer: Annotated[str, Field(min_length=1, max_length=500)]
    subject: Annotated[str, Field(min_length=1, max_length=500)]
    resident: UUID | None = None


class GrantBody(CommandBody):
    """A role on a place, for a term; `starts_at` is inclusive, `ends_at` exclusive."""

    grant: UUID
    resident: UUID
    role: Annotated[str, Field(min_length=1, max_length=50)]
    node: Slug
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None


class RevocationBody(CommandBody):
    """Whose grant ends."""

    resident: UUID


class NodeAnswer(BaseModel):
    """A place of the tree; `path` leads from the district to the place itself."""

    node: str
    kind: NodeKind
    name: str
    path: tuple[str, ...]


class GrantAnswer(BaseModel):
    """A role that somebody holds or held."""

    grant: UUID
    resident: UUID
    role: str
    node: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class NodeNotFound(Refused):
    """There is no such place in this district."""

    kind = RefusalKind.NOT_FOUND


def routes(rooms: Rooms) -> Routes:
    """Give the directory's routes."""
    found = Routes("deliberation", rooms.edge)
    _add_commands(found)
    _add_queries(found, rooms)
    add_terms(found, rooms)
    return found


def _add_commands(found: Routes) -> None:
    found.command(
        "/districts/{scope}/nodes",
        NodeBody,
        _add_node,
        action=AddNode,
        status=201,
        summary="Add a place",
    )
    found.command(
        "/districts/{scope}/identities",
        IdentityBody,
        _link_identity,
        action=LinkIdentity,
        status=201,
        summary="Let a login stand for a resident",
    )
    found.command(
        "/districts/{scope}/grants",
        GrantBody,
        _grant_role,
        action=GrantRole,
        status=201,
        summary="Grant a role",
    )
    found.command(
        "/districts/{scope}/grants/{grant}/revocation",
        RevocationBody,
        _revoke_role,
        action=RevokeRole,
        summary="End a grant",
    )


def _add_queries(found: Routes, rooms: Rooms) -> None:
    tables = rooms.tables

    async def get_nodes(paging: Paging, reader: Reading) -> Page[NodeAnswer]:
        """List the places of the district, by id."""
        after = paging.after(tuple[str])
        rows = await list_nodes(tables, reader.scope, after[0] if after else "", paging.fetch)
        return paging.page(
            rows,
            key=lambda row: (row.node,),
            item=_node,
        )

    async def get_node(node: str, reader: Reading) -> NodeAnswer:
        """Show one place."""
        row = await find_node(tables, reader.scope, node)
        if row is None:
            raise NodeNotFound
        return _node(row)

    async def get_grants(resident: UUID, paging: Paging, reader: Reading) -> Page[GrantAnswer]:
        """List what a resident holds and held, by grant."""
        after = paging.after(tuple[UUID])
        rows = await list_grants(
            tables, reader.scope, resident, after[0] if after else UUID(int=0), paging.fetch
        )
        return paging.page(
            rows,
            key=lambda row: (str(row.grant_id),),
            item=_grant,
        )

    found.query(
        "/districts/{scope}/nodes", get_nodes, action="read_directory", summary="List places"
    )
    found.query(
        "/districts/{scope}/nodes/{node}",
        get_node,
        action="read_directory",
        summary="Show a place",
    )
    found.query(
        "/districts/{scope}/residents/{resident}/grants",
        get_grants,
        action="read_grants",
        summary="List a resident's grants",
    )


def _add_node(call: Call[NodeBody]) -> Draft:
    body = call.body
    return Draft(
        AddNode(node=body.node, kind=body.kind, name=body.name, parent=body.parent),
        created=body.node,
    )


def _link_identity(call: Call[IdentityBody]) -> Draft:
    body = call.body
    identity = identity_id(body.issuer, body.subject)
    resident = body.resident or uuid5(identity, "resident")
    return Draft(
        LinkIdentity(identity=str(identity), resident=str(resident)), created=str(identity)
    )


def _grant_role(call: Call[GrantBody]) -> Draft:
    body = call.body
    return Draft(
        GrantRole(
            grant_id=str(body.grant),
            resident=str(body.resident),
            role=body.role,
            node=body.node,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
        )
    )


def _revoke_role(call: Call[RevocationBody]) -> Draft:
    return Draft(RevokeRole(grant_id=str(call.id("grant")), resident=str(call.body.resident)))


def _node(row: NodeRow) -> NodeAnswer:
    return NodeAnswer(node=row.node, kind=NodeKind(row.kind), name=row.name, path=row.path)


def _grant(row: GrantRow) -> GrantAnswer:
    return GrantAnswer(
        grant=row.grant_id,
        resident=row.resident,
        role=row.role,
        node=row.node,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        revoked_at=row.revoked_at,
    )
