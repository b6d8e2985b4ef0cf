"""What requests add to wishes."""

from __future__ import annotations

from services.wishes.categoriser import Categoriser
from services.wishes.in_force import TERMS, WORKING_DAYS
from services.wishes.request.access import ACCESS
from services.wishes.request.api import routes
from services.wishes.request.category import POLICIES
from services.wishes.request.commands import INTERNAL
from services.wishes.request.domain import REQUEST
from services.wishes.request.handing_on import HANDING_ON
from services.wishes.request.read_model import HOPS, REQUESTS
from services.wishes.request.reading import SEARCHABLE
from services.wishes.request.responsibility_model import RESPONSIBILITIES
from services.wishes.request.timing_model import CALLBACKS, DEADLINES, ESCALATIONS
from shared.feature import Feature
from shared.kit.http.commands import Routes
from shared.kit.service import Rooms


def _routes(rooms: Rooms) -> Routes:
    categoriser = Categoriser(rooms.states, rooms.district, rooms.edge.clock)
    return routes(rooms, categoriser.assign)


FEATURE = Feature(
    deciders=(REQUEST,),
    views=(POLICIES, TERMS, WORKING_DAYS),
    read_models=(REQUESTS, HOPS, RESPONSIBILITIES, DEADLINES, ESCALATIONS, CALLBACKS),
    rules=(HANDING_ON,),
    access=ACCESS,
    internal=INTERNAL,
    routes=_routes,
    searchable=SEARCHABLE,
    sensitive_fields=frozenset({"account"}),
)
