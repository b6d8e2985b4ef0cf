"""What the agenda adds to deliberation."""

from __future__ import annotations

from services.deliberation.agenda.api import routes
from services.deliberation.agenda.domain import ACCESS, AGENDA_ITEM, INTERNAL, TAKING
from services.deliberation.agenda.read_model import AGENDA_ITEMS, MATTERS
from shared.feature import Feature

FEATURE = Feature(
    deciders=(AGENDA_ITEM,),
    read_models=(MATTERS, AGENDA_ITEMS),
    rules=(TAKING,),
    access=ACCESS,
    internal=INTERNAL,
    routes=routes,
)
