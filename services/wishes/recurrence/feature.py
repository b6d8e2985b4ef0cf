"""What matters that recur add to wishes."""

from __future__ import annotations

from services.wishes.recurrence.adopting import ACCESS as ADOPTING
from services.wishes.recurrence.adopting import RECURRENCE_POLICY
from services.wishes.recurrence.api import ACCESS, INTERNAL, routes
from services.wishes.recurrence.domain import (
    FATE,
    MATTER,
    MatterFreed,
    MatterRecurred,
    OccurrenceNoted,
)
from services.wishes.recurrence.policy import RULES
from services.wishes.recurrence.process import RECURRENCE
from services.wishes.recurrence.read_model import FATES
from shared.feature import Feature

FEATURE = Feature(
    private_events=(OccurrenceNoted, MatterRecurred, MatterFreed),
    deciders=(MATTER, FATE, RECURRENCE.decider, RECURRENCE_POLICY),
    read_models=(FATES,),
    rules=RULES,
    processes=(RECURRENCE,),
    access=(*ACCESS, *ADOPTING),
    internal=INTERNAL,
    routes=routes,
)
