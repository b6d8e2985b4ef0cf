"""What a unit's reorganisation adds to wishes."""

from __future__ import annotations

from services.wishes.language import UnitReorganised
from services.wishes.reorganisation.api import routes
from services.wishes.reorganisation.domain import ACCESS, REORGANISATION
from shared.feature import Feature

FEATURE = Feature(
    private_events=(UnitReorganised,),
    deciders=(REORGANISATION,),
    access=ACCESS,
    routes=routes,
)
