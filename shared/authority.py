"""Who may do what, where: pure views over the directory's events and the rule that reads them.

A token proves identity only. The directory's streams say which resident an identity stands for,
which roles a resident holds on which node and for which term, and where a node stands in the tree.
Every service reads them for every command and denies by default (architecture, "People").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from shared.contracts.deliberation import (
    IdentityLinked,
    NodeAdded,
    RoleGranted,
    RoleRevoked,
    grants_stream,
    identity_stream,
    node_stream,
)
from shared.decider import Command, Fact, Read, RefusalKind, Refused, State, States, View


class Node(State):
    """Where a node stands: `path` from the district down to the node itself; empty when unknown."""

    path: tuple[str, ...] = ()
    kind: str = ""


class Identity(State):
    """The resident that a login identity stands for; empty when nobody."""

    resident: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One role on one node for one term."""

    id: str
    role: str
    node: str
    starts_at: datetime
    ends_at: datetime | None


class Grants(State):
    """Every grant of a resident that was not revoked."""

    held: tuple[Grant, ...] = ()


def _evolve_node(state: Node, fact: Fact) -> Node:
    match fact.event:
        case NodeAdded(path=path, kind=kind):
            return Node(path=path, kind=kind.value)
        case _:
            return state


def _evolve_identity(state: Identity, fact: Fact) -> Identity:
    match fact.event:
        case IdentityLinked(resident=resident):
            return Identity(resident=str(resident))
        case _:
            return state


def _evolve_grants(state: Grants, fact: Fact) -> Grants:
    match fact.event:
        case RoleGranted() as event:
            grant = Grant(
                id=str(event.grant_id),
                role=event.role,
                node=event.node,
                starts_at=event.starts_at,
                ends_at=event.ends_at,
            )
            return Grants(held=(*state.held, grant))
        case RoleRevoked(grant_id=grant_id):
            return Grants(held=tuple(held for held in state.held if held.id != str(grant_id)))
        case _:
            return state


NODE = View("authority.node", 1, Node, Node(), _evolve_node)
IDENTITY = View("authority.identity", 1, Identity, Identity(), _evolve_identity)
GRANTS = View("authority.grants", 1, Grants, Grants(), _evolve_grants)


@dataclass(frozen=True, slots=True)
class Allow:
    """One row of the policy table: holders of `role` may do `action` at and below their node.

    `states` narrows a command's row to these states of its target; empty: in any. `fresh`: what is
    heard of the directory must be of the last minutes, not just of the last day.
    """

    role: str
    action: type[Command] | str
    states: tuple[type[State], ...] = ()
    fresh: bool = False


# What the operators' port asks for; it belongs to every service's table.
OPERATING = tuple(Allow(role, "operate") for role in ("operator", "district_admin"))


@dataclass(frozen=True, slots=True)
class Authorised:
    """The resident who acts, and the grant that allowed it."""

    resident: str
    grant_id: str


class UnknownIdentity(Refused):
    """This login is not linked to a resident."""

    kind = RefusalKind.FORBIDDEN


class ScopeNotFound(Refused):
    """There is no such community for you."""

    kind = RefusalKind.NOT_FOUND


class RoleMissing(Refused):
    """None of your roles here allows this."""

    kind = RefusalKind.FORBIDDEN


class AuthorityStale(Refused):
    """What was last heard here of who may do what is too old; try again."""

    kind = RefusalKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Hearing:
    """How old what is heard of the directory is, and how old it may be, in seconds.

    `age_s` gives infinity when nothing was heard; `fresh_age_s_max` holds for `fresh` actions.
    """

    age_s: Callable[[], float]
    age_s_max: float
    fresh_age_s_max: float


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """The service's whole table; what no row allows is denied.

    `internal` are the commands that no caller may give, only a rule or an operator's tool. Raises
    ValueError for rows that contradict one another.
    """

    rows: tuple[Allow, ...]
    internal: tuple[type[Command], ...] = ()

    def __post_init__(self) -> None:
        """Check the rows against one another."""
        seen: set[tuple[str, type[Command] | str]] = set()
        for row in self.rows:
            if (row.role, row.action) in seen:
                raise ValueError(f"two rows for {row.role} and {action_name(row.action)}")
            seen.add((row.role, row.action))
            if row.fresh != self.fresh(row.action):
                raise ValueError(f"{action_name(row.action)} is fresh in some rows only")
            if row.action in self.internal:
                raise ValueError(f"{action_name(row.action)} is internal and allowed at once")
            if row.states and isinstance(row.action, str):
                raise ValueError(f"{row.action} is a query: it has no target whose state counts")

    @property
    def actions(self) -> tuple[type[Command] | str, ...]:
        """Give every action that some row allows, in the rows' order."""
        return tuple(dict.fromkeys(row.action for row in self.rows))

    def fresh(self, action: type[Command] | str) -> bool:
        """Tell whether `action` needs authority of the last minutes."""
        return any(row.fresh for row in self.rows if row.action == action)

    def roles(self, action: type[Command] | str, resource: object = None) -> frozenset[str]:
        """Give the roles that may give `action`, the target being in the state `resource`."""
        return frozenset(
            row.role
            for row in self.rows
            if row.action == action and (not row.states or isinstance(resource, row.states))
        )

    def authorise(
        self,
        action: type[Command] | str,
        scope: str,
        identity: UUID,
        states: States,
        at: datetime,
        *,
        resource: object = None,
    ) -> Authorised:
        """Find the grant that allows `action` on `scope` at `at`.

        Raises `Needs` for directory streams not read yet, `UnknownIdentity`, `RoleMissing` when the
        caller has a role on the scope but none that allows it, and `ScopeNotFound` when the caller
        has no role there at all: a foreign scope looks like one that does not exist.
        """
        resident = states.get(identity_stream(identity), IDENTITY).resident
        if not resident:
            raise UnknownIdentity
        path = states.get(node_stream(scope), NODE).path
        held = states.get(grants_stream(resident), GRANTS).held
        here = [grant for grant in held if grant.node in path and _in_term(grant, at)]
        if not here:
            raise ScopeNotFound(scope=scope)
        allowed = self.roles(action, resource)
        for grant in here:
            if grant.role in allowed:
                return Authorised(resident, grant.id)
        raise RoleMissing(scope=scope)


def action_name(action: type[Command] | str) -> str:
    """Name an action as people read it."""
    return action if isinstance(action, str) else action.__name__


class Asking(Protocol):
    """What the guard needs to know of a submission; no caller: a rule or an operator."""

    @property
    def scope(self) -> str:
        """The node that the command acts on."""
        ...

    @property
    def command(self) -> Command:
        """The command itself: its class is the action."""
        ...

    @property
    def identity(self) -> UUID:
        """The login identity of the caller."""
        ...


class DirectoryGuard:
    """Guards every command of a service with the directory's streams and the policy table.

    `hearing` null: the service owns the directory, so what it knows is never stale.
    """

    def __init__(self, table: PolicyTable, hearing: Hearing | None = None) -> None:
        self.table = table
        self._hearing = hearing

    def hearing(
        self, age_s: Callable[[], float], *, age_s_max: float, fresh_age_s_max: float
    ) -> DirectoryGuard:
        """Give the same guard, for a service that hears the directory (see `Hearing`)."""
        return DirectoryGuard(self.table, Hearing(age_s, age_s_max, fresh_age_s_max))

    def reads(self, asking: Asking) -> Sequence[Read[Any]]:
        """Name the streams needed for certain; the grants follow once the resident is known."""
        return (
            Read(identity_stream(asking.identity), IDENTITY),
            Read(node_stream(asking.scope), NODE),
        )

    def authorise(
        self, asking: Asking, states: States, at: datetime, resource: object = None
    ) -> tuple[str, str]:
        """Give (resident, grant id), the target being in the state `resource`; or raise."""
        self._require_recent(type(asking.command))
        found = self.table.authorise(
            type(asking.command), asking.scope, asking.identity, states, at, resource=resource
        )
        return found.resident, found.grant_id

    def authorise_read(
        self, action: str, scope: str, identity: UUID, states: States, at: datetime
    ) -> str:
        """Give the resident who may read; raise Needs or Refused."""
        self._require_recent(action)
        return self.table.authorise(action, scope, identity, states, at).resident

    def _require_recent(self, action: type[Command] | str) -> None:
        hearing = self._hearing
        if hearing is None:
            return
        age_s_max = hearing.fresh_age_s_max if self.table.fresh(action) else hearing.age_s_max
        if hearing.age_s() > age_s_max:
            raise AuthorityStale(age_s_max=int(age_s_max))


def _in_term(grant: Grant, at: datetime) -> bool:
    return grant.starts_at <= at and (grant.ends_at is None or at < grant.ends_at)
