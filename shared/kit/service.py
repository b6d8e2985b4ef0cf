"""What a service is made of: what its features add up to, and what the roles then run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from starlette.routing import Route

from shared.contracts.envelope import Event
from shared.contracts.registry import Registry
from shared.contracts.topics import Topic
from shared.decider import Command, Decider, Refused, States, View
from shared.kit.attachments import Attachments
from shared.kit.deciding import Guard
from shared.kit.erasure import Erases
from shared.kit.http.commands import Routes
from shared.kit.http.edge import Edge
from shared.kit.http.names import Names
from shared.kit.read_models.model import ReadModel
from shared.kit.read_models.tables import Tables
from shared.kit.states import StateReader
from shared.kit.vault import Searchable, Vault
from shared.kit.views import Views
from shared.process import Process
from shared.rules import Rule


class ReadGuard(Protocol):
    """Says who may read: the same policy table as for commands, by the action's name."""

    def authorise_read(
        self, action: str, scope: str, identity: UUID, states: States, at: datetime
    ) -> str:
        """Give the resident who reads; raise Needs or Refused."""
        ...


class FullGuard(Guard, ReadGuard, Protocol):
    """Both, and the same for a service that hears the directory from another."""

    def hearing(
        self, age_s: Callable[[], float], *, age_s_max: float, fresh_age_s_max: float
    ) -> FullGuard:
        """Refuse while what is heard is older than an action may have it."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a feature's routes are given: the edge, the tables, the states, the vault's texts."""

    edge: Edge
    tables: Tables
    states: StateReader
    vault: Vault
    attachments: Attachments
    names: Names
    district: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, whole: `revision` rises with each release that writes new event types."""

    name: str
    revision: int
    topic: Topic
    public_events: tuple[type[Event], ...]
    private_events: tuple[type[Event], ...] = ()
    hears: Mapping[Topic, tuple[type[Event], ...]] = field(default_factory=dict[Topic, Any])
    deciders: tuple[Decider[Any, Any], ...]
    heard_views: tuple[View[Any], ...] = ()
    read_models: tuple[ReadModel[Any], ...]
    searchable: tuple[Searchable, ...] = ()
    claim_refusals: Mapping[str, type[Refused]] = field(default_factory=dict[str, type[Refused]])
    rules: tuple[Rule, ...] = ()
    processes: tuple[Process, ...] = ()
    erases: Erases = field(default_factory=dict[type[Event], Callable[[Any], Sequence[UUID]]])
    guard: FullGuard
    directory: Topic | None = None
    routes: Callable[[Rooms], Sequence[Routes]]
    internal: Callable[[Rooms], Sequence[Route]] = lambda _rooms: ()

    def registry(self) -> Registry:
        """Give every event type this service knows."""
        heard = [event for events in self.hears.values() for event in events]
        return Registry((*self.public_events, *self.private_events, *heard))

    def heard_types(self) -> frozenset[str]:
        """Name the types of other services' events that this service knows."""
        return frozenset(event.type_name() for events in self.hears.values() for event in events)

    def views(self) -> Views:
        """Give every view it reads through, its aggregates' own among them."""
        found = {view.name: view for view in self.heard_views}
        for decider in self.deciders:
            found[decider.view.name] = decider.view
        owners = {f"{self.name}/{decider.name}": decider for decider in self.deciders}
        return Views(found.values(), self.registry(), owners)

    def target(self, command: Command) -> str:
        """Name the stream that a command of this service is about."""
        for decider in self.deciders:
            if isinstance(command, decider.commands):
                return decider.target(command)
        raise LookupError(type(command).__name__)

    @property
    def public_types(self) -> frozenset[str]:
        """Give the names of the event types that the relay sends."""
        return frozenset(event.type_name() for event in self.public_events)

    @property
    def commands(self) -> tuple[type[Any], ...]:
        """Give every command class."""
        return tuple(command for decider in self.deciders for command in decider.commands)


Probe = Callable[[], Awaitable[Any]]
