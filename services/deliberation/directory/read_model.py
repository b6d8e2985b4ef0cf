"""The directory as tables: places, and the grants that residents hold and held."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.deliberation import NodeAdded, RoleGranted, RoleRevoked
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.read_models.tables import Tables


class NodeRow(Row):
    """A place; names of places are public."""

    scope: str
    node: str
    kind: str
    name: str
    path: tuple[str, ...]


class GrantRow(Row):
    """A role on a node, from `starts_at` to before `ends_at`, unless it was revoked."""

    scope: str
    resident: UUID
    grant_id: UUID
    role: str
    node: str
    starts_at: datetime
    ends_at: datetime | None = None
    revoked_at: datetime | None = None


def _node_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    return ((fact.scope, fact.id),)


def _fold_node(_key: tuple[Any, ...], row: NodeRow | None, fact: Fact) -> NodeRow | None:
    match fact.event:
        case NodeAdded() as event:
            return NodeRow(
                scope=fact.scope,
                node=event.node,
                kind=event.kind.value,
                name=event.name,
                path=event.path,
            )
        case _:
            return row


def _grant_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    match fact.event:
        case RoleGranted(resident=resident, grant_id=grant_id):
            return ((fact.scope, resident, grant_id),)
        case RoleRevoked(resident=resident, grant_id=grant_id):
            return ((fact.scope, resident, grant_id),)
        case _:
            return ()


def _fold_grant(_key: tuple[Any, ...], row: GrantRow | None, fact: Fact) -> GrantRow | None:
    match fact.event, row:
        case RoleGranted() as event, _:
            return GrantRow(
                scope=fact.scope,
                resident=event.resident,
                grant_id=event.grant_id,
                role=event.role,
                node=event.node,
                starts_at=event.starts_at,
                ends_at=event.ends_at,
            )
        case RoleRevoked(), GrantRow() as held:
            return GrantRow(
                scope=held.scope,
                resident=held.resident,
                grant_id=held.grant_id,
                role=held.role,
                node=held.node,
                starts_at=held.starts_at,
                ends_at=held.ends_at,
                revoked_at=fact.occurred_at,
            )
        case _:
            return row


NODES = ReadModel(
    name="nodes",
    revision=1,
    row=NodeRow,
    key=("scope", "node"),
    keys=_node_keys,
    fold=_fold_node,
    events=(NodeAdded,),
)
GRANTS = ReadModel(
    name="role_grants",
    revision=1,
    row=GrantRow,
    key=("scope", "resident", "grant_id"),
    keys=_grant_keys,
    fold=_fold_grant,
    events=(RoleGranted, RoleRevoked),
)


async def list_nodes(tables: Tables, scope: str, after: str, limit: int) -> list[NodeRow]:
    """Give up to `limit` places past an id, by id."""
    rows = await tables.fetch(
        """
        SELECT n.scope, n.node, n.kind, n.name, n.path
        FROM {nodes} AS n
        WHERE n.scope = $1 AND n.node > $2
        ORDER BY n.node
        LIMIT $3
        """,
        scope,
        after,
        limit,
    )
    return [_node(row) for row in rows]


async def find_node(tables: Tables, scope: str, node: str) -> NodeRow | None:
    """Give a place, or None."""
    row = await tables.fetchrow(
        """
        SELECT n.scope, n.node, n.kind, n.name, n.path
        FROM {nodes} AS n
        WHERE n.scope = $1 AND n.node = $2
        """,
        scope,
        node,
    )
    return None if row is None else _node(row)


async def list_grants(
    tables: Tables, scope: str, resident: UUID, after: UUID, limit: int
) -> list[GrantRow]:
    """Give up to `limit` grants of a resident past an id, by id."""
    rows = await tables.fetch(
        """
        SELECT g.scope, g.resident, g.grant_id, g.role, g.node, g.starts_at, g.ends_at,
               g.revoked_at
        FROM {role_grants} AS g
        WHERE g.scope = $1 AND g.resident = $2 AND g.grant_id > $3
        ORDER BY g.grant_id
        LIMIT $4
        """,
        scope,
        resident,
        after,
        limit,
    )
    return [GrantRow(**dict(row)) for row in rows]


def _node(row: Any) -> NodeRow:
    return NodeRow(
        scope=row["scope"],
        node=row["node"],
        kind=row["kind"],
        name=row["name"],
        path=tuple(row["path"]),
    )
