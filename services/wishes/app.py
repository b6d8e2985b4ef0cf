"""Wishes, composed: requests, and the policies that sort and time them."""

from __future__ import annotations

from collections.abc import Sequence

from services.wishes.categories import api as categories_api
from services.wishes.categories.domain import ACCESS as CATEGORIES_ACCESS
from services.wishes.categories.domain import CATEGORY_POLICY
from services.wishes.categories.in_force import IN_FORCE, Categoriser
from services.wishes.deadlines import api as deadlines_api
from services.wishes.deadlines.domain import ACCESS as DEADLINES_ACCESS
from services.wishes.deadlines.domain import DEADLINE_POLICY, WORKING_DAYS
from services.wishes.erasure.effect import END_THE_REST
from services.wishes.erasure.process import (
    ERASE_WHEN_ASKED,
    ERASURE,
    ConfirmErasure,
    EraseTexts,
    subjects_of,
)
from services.wishes.evidence import api as evidence_api
from services.wishes.evidence.domain import ACCESS as EVIDENCE_ACCESS
from services.wishes.evidence.domain import EVIDENCE, MATTER
from services.wishes.evidence.read_model import EVIDENCE_FILES
from services.wishes.in_force import TERMS
from services.wishes.in_force import WORKING_DAYS as WORKING_DAYS_IN_FORCE
from services.wishes.language import (
    LoadCorrected,
    LoadReleased,
    LoadTaken,
    UnitReorganised,
)
from services.wishes.notice.domain import NOTICE, NOTICES, NoticeFailed, NoticeSent, RecordNotice
from services.wishes.recurrence import api as recurrence_api
from services.wishes.recurrence.api import ACCESS as RECURRENCE_ACCESS
from services.wishes.recurrence.api import INTERNAL as RECURRENCE_INTERNAL
from services.wishes.recurrence.domain import FATE, MatterFreed, MatterRecurred, OccurrenceNoted
from services.wishes.recurrence.domain import MATTER as RECURRING
from services.wishes.recurrence.policy import RULES as RECURRENCE_RULES
from services.wishes.recurrence.process import RECURRENCE
from services.wishes.recurrence.read_model import FATES
from services.wishes.reorganisation import api as reorganisation_api
from services.wishes.reorganisation.domain import ACCESS as REORGANISATION_ACCESS
from services.wishes.reorganisation.domain import REORGANISATION
from services.wishes.request import api as request_api
from services.wishes.request.access import ACCESS as REQUEST_ACCESS
from services.wishes.request.category import POLICIES
from services.wishes.request.commands import INTERNAL as REQUEST_INTERNAL
from services.wishes.request.domain import REQUEST
from services.wishes.request.handing_on import HANDING_ON
from services.wishes.request.read_model import HOPS, REQUESTS
from services.wishes.request.reading import SEARCHABLE as REQUEST_TEXTS
from services.wishes.request.timing_model import CALLBACKS, DEADLINES, ESCALATIONS
from services.wishes.workload import api as workload_api
from services.wishes.workload.domain import ACCESS as WORKLOAD_ACCESS
from services.wishes.workload.domain import UNIT_WORKLOAD
from shared.authority import GRANTS, IDENTITY, NODE, OPERATING, Allow, DirectoryGuard, PolicyTable
from shared.contracts.deliberation import EVENTS as DELIBERATION_EVENTS
from shared.contracts.topics import TOPICS
from shared.contracts.wishes import EVENTS
from shared.contracts.wishes_erasure import SubjectTextsErased
from shared.kit.http.access_log import ACTION as READ_ACCESS_LOG
from shared.kit.http.access_log import access_log_routes
from shared.kit.http.commands import Routes
from shared.kit.service import Rooms, Service

SENSITIVE_FIELDS = frozenset({"account"})
ACCESS = (
    *REQUEST_ACCESS,
    *EVIDENCE_ACCESS,
    *CATEGORIES_ACCESS,
    *DEADLINES_ACCESS,
    *WORKLOAD_ACCESS,
    *REORGANISATION_ACCESS,
    *RECURRENCE_ACCESS,
    Allow("district_admin", READ_ACCESS_LOG, fresh=True),
    *OPERATING,
)


def _routes(rooms: Rooms) -> Sequence[Routes]:
    categoriser = Categoriser(rooms.states, rooms.district, rooms.edge.clock)
    return (
        request_api.routes(rooms, categoriser.assign),
        evidence_api.routes(rooms),
        categories_api.routes(rooms, categoriser),
        deadlines_api.routes(rooms),
        workload_api.routes(rooms),
        reorganisation_api.routes(rooms),
        recurrence_api.routes(rooms),
        access_log_routes("wishes", rooms, SENSITIVE_FIELDS),
    )


POLICY = PolicyTable(
    ACCESS,
    internal=(
        *REQUEST_INTERNAL,
        RecordNotice,
        *RECURRENCE_INTERNAL,
        EraseTexts,
        ConfirmErasure,
    ),
)
SERVICE = Service(
    name="wishes",
    revision=2,
    topic=TOPICS["wishes"],
    public_events=EVENTS,
    hears={TOPICS["deliberation"]: DELIBERATION_EVENTS},
    private_events=(
        LoadTaken,
        LoadReleased,
        LoadCorrected,
        UnitReorganised,
        NoticeSent,
        NoticeFailed,
        OccurrenceNoted,
        MatterRecurred,
        MatterFreed,
    ),
    deciders=(
        REQUEST,
        EVIDENCE,
        CATEGORY_POLICY,
        WORKING_DAYS,
        DEADLINE_POLICY,
        UNIT_WORKLOAD,
        REORGANISATION,
        NOTICE,
        RECURRING,
        FATE,
        RECURRENCE.decider,
        ERASURE,
    ),
    heard_views=(
        NODE,
        IDENTITY,
        GRANTS,
        POLICIES,
        IN_FORCE,
        MATTER,
        TERMS,
        WORKING_DAYS_IN_FORCE,
    ),
    read_models=(REQUESTS, HOPS, DEADLINES, ESCALATIONS, CALLBACKS, EVIDENCE_FILES, FATES),
    searchable=REQUEST_TEXTS,
    rules=(HANDING_ON, NOTICES, *RECURRENCE_RULES, ERASE_WHEN_ASKED, END_THE_REST),
    erases={SubjectTextsErased: subjects_of},
    processes=(RECURRENCE,),
    guard=DirectoryGuard(POLICY),
    directory=TOPICS["deliberation"],
    routes=_routes,
)
