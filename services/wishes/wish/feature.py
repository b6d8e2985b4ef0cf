"""What micro-wishes add to wishes."""

from __future__ import annotations

from services.wishes.wish.access import ACCESS
from services.wishes.wish.api import routes
from services.wishes.wish.claimer import CLAIMER, ClaimLapsed, LapsesForgiven
from services.wishes.wish.commands import INTERNAL
from services.wishes.wish.domain import WISH
from services.wishes.wish.policy import WISH_POLICY, WISH_TERMS
from services.wishes.wish.read_model import WISH_ANSWERS, WISHES
from shared.feature import Feature

FEATURE = Feature(
    private_events=(ClaimLapsed, LapsesForgiven),
    deciders=(WISH, WISH_POLICY, CLAIMER),
    views=(WISH_TERMS,),
    read_models=(WISHES, WISH_ANSWERS),
    access=ACCESS,
    internal=INTERNAL,
    routes=routes,
    sensitive_fields=frozenset({"account"}),
)
