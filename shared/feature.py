"""What each folder of a service adds to it, and how a service is composed of the folders it names.

A folder's `feature.py` says in one value what the folder adds; the service's `app.py` names the
folder, and that is all it says of it. What every service has beside its features (the directory's
views, the operators' rows, the access log) is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from starlette.routing import Route

from shared.authority import GRANTS, IDENTITY, NODE, OPERATING, Allow, DirectoryGuard, PolicyTable
from shared.contracts.envelope import Event
from shared.contracts.published import published
from shared.contracts.topics import TOPICS
from shared.decider import Command, Decider, Refused, View
from shared.kit.erasure import Erases
from shared.kit.http.access_log import ACTION as READ_ACCESS_LOG
from shared.kit.http.access_log import access_log_routes
from shared.kit.http.commands import Routes
from shared.kit.read_models.model import ReadModel
from shared.kit.service import Rooms, Service
from shared.kit.vault import Searchable
from shared.process import Process
from shared.rules import Rule

DIRECTORY = "deliberation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What one folder adds to its service.

    `views` are those it reads through beside its aggregates' own. `access` are its rows of the
    policy table, `internal` the commands that no caller may give. `sensitive_fields` name texts
    whose reading deserves a second look; `inner_routes` are for other services alone.
    """

    private_events: tuple[type[Event], ...] = ()
    deciders: tuple[Decider[Any, Any], ...] = ()
    views: tuple[View[Any], ...] = ()
    read_models: tuple[ReadModel[Any], ...] = ()
    rules: tuple[Rule, ...] = ()
    processes: tuple[Process, ...] = ()
    access: tuple[Allow, ...] = ()
    internal: tuple[type[Command], ...] = ()
    routes: Callable[[Rooms], Routes] | None = None
    inner_routes: Callable[[Rooms], Sequence[Route]] | None = None
    searchable: tuple[Searchable, ...] = ()
    sensitive_fields: frozenset[str] = frozenset()
    claim_refusals: Mapping[str, type[Refused]] = field(default_factory=dict[str, type[Refused]])
    erases: Erases = field(default_factory=dict[type[Event], Callable[[Any], Sequence[Any]]])


def features_of(service: str, *folders: str) -> tuple[Feature, ...]:
    """Give the features in these folders of a service, in this order."""
    return tuple(_feature(f"services.{service}.{folder}.feature") for folder in folders)


def policy_table(features: Sequence[Feature]) -> PolicyTable:
    """Give who may do what: the features' rows, the access log's and the operators'."""
    return PolicyTable(
        (
            *(row for one in features for row in one.access),
            Allow("district_admin", READ_ACCESS_LOG, fresh=True),
            *OPERATING,
        ),
        internal=tuple(command for one in features for command in one.internal),
    )


def compose(
    name: str,
    *,
    revision: int,
    hears: Sequence[str],
    features: Sequence[Feature],
    policy: PolicyTable,
) -> Service:
    """Give the service of these features, which hears the services named in `hears`."""
    refusals = [item for one in features for item in one.claim_refusals.items()]
    erasing = [item for one in features for item in one.erases.items()]
    return Service(
        name=name,
        revision=revision,
        topic=TOPICS[name],
        public_events=published(name),
        hears={TOPICS[heard]: published(heard) for heard in hears},
        private_events=tuple(event for one in features for event in one.private_events),
        deciders=tuple(decider for one in features for decider in one.deciders),
        heard_views=(NODE, IDENTITY, GRANTS, *(view for one in features for view in one.views)),
        read_models=tuple(model for one in features for model in one.read_models),
        searchable=tuple(texts for one in features for texts in one.searchable),
        claim_refusals=dict(refusals),
        rules=tuple(rule for one in features for rule in one.rules),
        processes=tuple(process for one in features for process in one.processes),
        erases=dict(erasing),
        guard=DirectoryGuard(policy),
        directory=TOPICS[DIRECTORY] if DIRECTORY in hears else None,
        routes=lambda rooms: _routes(name, features, rooms),
        internal=lambda rooms: _inner_routes(features, rooms),
    )


def _feature(module: str) -> Feature:
    found = import_module(module).FEATURE
    if not isinstance(found, Feature):
        raise TypeError(f"{module}.FEATURE is no Feature")
    return found


def _routes(name: str, features: Sequence[Feature], rooms: Rooms) -> Sequence[Routes]:
    sensitive = frozenset[str]().union(*(one.sensitive_fields for one in features))
    return (
        *(one.routes(rooms) for one in features if one.routes is not None),
        access_log_routes(name, rooms, sensitive),
    )


def _inner_routes(features: Sequence[Feature], rooms: Rooms) -> Sequence[Route]:
    given = [one.inner_routes(rooms) for one in features if one.inner_routes is not None]
    return [route for routes in given for route in routes]
