"""What the erasure of a resident adds to deliberation."""

from __future__ import annotations

from services.deliberation.erasure.api import routes
from services.deliberation.erasure.effect import END_OWN_KEYS
from services.deliberation.erasure.process import (
    ACCESS,
    ERASURE,
    INTERNAL,
    PSEUDONYMS,
    RECORD_ANSWERS,
    subjects_of,
)
from services.deliberation.erasure.read_model import ERASURES
from shared.contracts.deliberation import SubjectErasureRequested
from shared.feature import Feature

FEATURE = Feature(
    deciders=(ERASURE,),
    views=(PSEUDONYMS,),
    read_models=(ERASURES,),
    rules=(RECORD_ANSWERS, END_OWN_KEYS),
    access=ACCESS,
    internal=INTERNAL,
    routes=routes,
    erases={SubjectErasureRequested: subjects_of},
)
