"""What needs add to wishes."""

from __future__ import annotations

from services.wishes.need.access import ACCESS
from services.wishes.need.api import routes
from services.wishes.need.domain import MEMBERSHIP, NEED, OFFERING, PRESENCE
from services.wishes.need.read_model import NEED_HISTORY, NEED_SOURCES, NEEDS
from shared.feature import Feature

FEATURE = Feature(
    deciders=(NEED,),
    views=(MEMBERSHIP, PRESENCE, OFFERING),
    read_models=(NEEDS, NEED_SOURCES, NEED_HISTORY),
    access=ACCESS,
    routes=routes,
)
