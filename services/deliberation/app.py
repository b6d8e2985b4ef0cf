"""Deliberation, composed: the directory, its roll of residents, and the agenda."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.routing import Route

from services.deliberation.agenda import api as agenda_api
from services.deliberation.agenda.domain import ACCESS as AGENDA_ACCESS
from services.deliberation.agenda.domain import AGENDA_ITEM, TAKING
from services.deliberation.agenda.domain import INTERNAL as AGENDA_INTERNAL
from services.deliberation.agenda.read_model import AGENDA_ITEMS, MATTERS
from services.deliberation.directory import api as directory_api
from services.deliberation.directory.commands import Bootstrap
from services.deliberation.directory.domain import ACCESS as DIRECTORY_ACCESS
from services.deliberation.directory.domain import DECIDERS as DIRECTORY_DECIDERS
from services.deliberation.directory.read_model import GRANTS, NODES
from services.deliberation.erasure import api as erasure_api
from services.deliberation.erasure.effect import END_OWN_KEYS
from services.deliberation.erasure.process import ACCESS as ERASURE_ACCESS
from services.deliberation.erasure.process import (
    ERASURE,
    PSEUDONYMS,
    RECORD_ANSWERS,
    subjects_of,
)
from services.deliberation.erasure.process import INTERNAL as ERASURE_INTERNAL
from services.deliberation.erasure.read_model import ERASURES
from services.deliberation.resident import api as resident_api
from services.deliberation.resident.domain import ACCESS as RESIDENT_ACCESS
from services.deliberation.resident.domain import CLAIM_REFUSALS, FORGOTTEN, RESIDENT
from services.deliberation.resident.read_model import RESIDENTS
from shared.authority import GRANTS as GRANTS_HELD
from shared.authority import IDENTITY, NODE, OPERATING, Allow, DirectoryGuard, PolicyTable
from shared.contracts.deliberation import EVENTS, SubjectErasureRequested
from shared.contracts.topics import TOPICS
from shared.contracts.wishes import EVENTS as WISHES_EVENTS
from shared.kit.http.access_log import ACTION as READ_ACCESS_LOG
from shared.kit.http.access_log import access_log_routes
from shared.kit.http.commands import Routes
from shared.kit.http.names import names_route
from shared.kit.service import Rooms, Service

ACCESS = (
    *DIRECTORY_ACCESS,
    *RESIDENT_ACCESS,
    *ERASURE_ACCESS,
    *AGENDA_ACCESS,
    Allow("district_admin", READ_ACCESS_LOG, fresh=True),
    *OPERATING,
)


def _routes(rooms: Rooms) -> Sequence[Routes]:
    return (
        directory_api.routes(rooms),
        resident_api.routes(rooms),
        erasure_api.routes(rooms),
        agenda_api.routes(rooms),
        access_log_routes("deliberation", rooms, resident_api.SENSITIVE_FIELDS),
    )


def _internal(rooms: Rooms) -> Sequence[Route]:
    return (names_route(rooms.names.secret, partial(resident_api.names, rooms)),)


POLICY = PolicyTable(ACCESS, internal=(Bootstrap, *AGENDA_INTERNAL, *ERASURE_INTERNAL))
SERVICE = Service(
    name="deliberation",
    revision=1,
    topic=TOPICS["deliberation"],
    public_events=EVENTS,
    hears={TOPICS["wishes"]: WISHES_EVENTS},
    deciders=(*DIRECTORY_DECIDERS, RESIDENT, ERASURE, AGENDA_ITEM),
    heard_views=(NODE, IDENTITY, GRANTS_HELD, PSEUDONYMS, FORGOTTEN),
    read_models=(NODES, GRANTS, RESIDENTS, ERASURES, MATTERS, AGENDA_ITEMS),
    searchable=resident_api.SEARCHABLE,
    claim_refusals=CLAIM_REFUSALS,
    rules=(TAKING, RECORD_ANSWERS, END_OWN_KEYS),
    erases={SubjectErasureRequested: subjects_of},
    guard=DirectoryGuard(POLICY),
    routes=_routes,
    internal=_internal,
)
