"""What the layout of communities adds to deliberation."""

from __future__ import annotations

from services.deliberation.layout.api import routes
from services.deliberation.layout.domain import ACCESS, COMMUNITY_LAYOUT, INTERNAL
from services.deliberation.layout.read_model import AREAS, CADRES, CELLS
from shared.feature import Feature

FEATURE = Feature(
    deciders=(COMMUNITY_LAYOUT,),
    read_models=(AREAS, CELLS, CADRES),
    access=ACCESS,
    internal=INTERNAL,
    routes=routes,
)
