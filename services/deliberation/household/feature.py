"""What households add to deliberation."""

from __future__ import annotations

from services.deliberation.household.api import routes
from services.deliberation.household.domain import ACCESS, HOUSEHOLD, LIVING
from services.deliberation.household.read_model import PLACES, RESIDENCES
from services.deliberation.premises import PREMISES
from shared.feature import Feature

FEATURE = Feature(
    deciders=(HOUSEHOLD,),
    views=(LIVING, PREMISES),
    read_models=(PLACES, RESIDENCES),
    access=ACCESS,
    routes=routes,
)
