"""What the category policy adds to wishes."""

from __future__ import annotations

from services.wishes.categories.api import routes
from services.wishes.categories.domain import ACCESS, CATEGORY_POLICY
from services.wishes.categoriser import IN_FORCE
from shared.feature import Feature

FEATURE = Feature(
    deciders=(CATEGORY_POLICY,),
    views=(IN_FORCE,),
    access=ACCESS,
    routes=routes,
)
