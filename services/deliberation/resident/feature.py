"""What the roll of residents adds to deliberation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.routing import Route

from services.deliberation.language import FORGOTTEN
from services.deliberation.resident.api import SEARCHABLE, SENSITIVE_FIELDS, names, routes
from services.deliberation.resident.domain import ACCESS, CLAIM_REFUSALS, RESIDENT
from services.deliberation.resident.read_model import RESIDENTS
from shared.feature import Feature
from shared.kit.http.names import names_route
from shared.kit.service import Rooms


def _inner_routes(rooms: Rooms) -> Sequence[Route]:
    return (names_route(rooms.names.secret, partial(names, rooms)),)


FEATURE = Feature(
    deciders=(RESIDENT,),
    views=(FORGOTTEN,),
    read_models=(RESIDENTS,),
    access=ACCESS,
    routes=routes,
    inner_routes=_inner_routes,
    searchable=SEARCHABLE,
    sensitive_fields=SENSITIVE_FIELDS,
    claim_refusals=CLAIM_REFUSALS,
)
