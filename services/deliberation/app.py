"""Deliberation, composed: the directory and the agenda."""

from __future__ import annotations

from collections.abc import Sequence

from services.deliberation.agenda import api as agenda_api
from services.deliberation.agenda.domain import ACCESS as AGENDA_ACCESS
from services.deliberation.agenda.read_model import MATTERS
from services.deliberation.directory import api as directory_api
from services.deliberation.directory.commands import Bootstrap
from services.deliberation.directory.domain import ACCESS as DIRECTORY_ACCESS
from services.deliberation.directory.domain import DECIDERS as DIRECTORY_DECIDERS
from services.deliberation.directory.read_model import GRANTS, NODES
from shared.authority import GRANTS as GRANTS_HELD
from shared.authority import IDENTITY, NODE, DirectoryGuard, PolicyTable
from shared.contracts.deliberation import EVENTS
from shared.contracts.topics import TOPICS
from shared.contracts.wishes import EVENTS as WISHES_EVENTS
from shared.kit.http.commands import Routes
from shared.kit.service import Rooms, Service


def _routes(rooms: Rooms) -> Sequence[Routes]:
    return (directory_api.routes(rooms), agenda_api.routes(rooms))


POLICY = PolicyTable((*DIRECTORY_ACCESS, *AGENDA_ACCESS), internal=(Bootstrap,))
SERVICE = Service(
    name="deliberation",
    revision=1,
    topic=TOPICS["deliberation"],
    public_events=EVENTS,
    hears={TOPICS["wishes"]: WISHES_EVENTS},
    deciders=DIRECTORY_DECIDERS,
    heard_views=(NODE, IDENTITY, GRANTS_HELD),
    read_models=(NODES, GRANTS, MATTERS),
    guard=DirectoryGuard(POLICY),
    routes=_routes,
)
