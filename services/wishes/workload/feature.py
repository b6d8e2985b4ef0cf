"""What the units' work-load adds to wishes."""

from __future__ import annotations

from services.wishes.language import LoadCorrected, LoadReleased, LoadTaken
from services.wishes.workload.api import routes
from services.wishes.workload.domain import ACCESS, UNIT_WORKLOAD
from shared.feature import Feature

FEATURE = Feature(
    private_events=(LoadTaken, LoadReleased, LoadCorrected),
    deciders=(UNIT_WORKLOAD,),
    access=ACCESS,
    routes=routes,
)
