"""What working days and deadlines add to wishes."""

from __future__ import annotations

from services.wishes.deadlines.api import routes
from services.wishes.deadlines.domain import ACCESS, DEADLINE_POLICY, WORKING_DAYS
from shared.feature import Feature

FEATURE = Feature(
    deciders=(WORKING_DAYS, DEADLINE_POLICY),
    access=ACCESS,
    routes=routes,
)
