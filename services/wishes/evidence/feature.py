"""What evidence adds to wishes."""

from __future__ import annotations

from services.wishes.evidence.api import routes
from services.wishes.evidence.domain import ACCESS, EVIDENCE, MATTER
from services.wishes.evidence.read_model import EVIDENCE_FILES
from shared.feature import Feature

FEATURE = Feature(
    deciders=(EVIDENCE,),
    views=(MATTER,),
    read_models=(EVIDENCE_FILES,),
    access=ACCESS,
    routes=routes,
)
