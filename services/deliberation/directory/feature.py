"""What the directory adds to deliberation."""

from __future__ import annotations

from services.deliberation.directory.api import routes
from services.deliberation.directory.commands import Bootstrap
from services.deliberation.directory.domain import ACCESS, DECIDERS
from services.deliberation.directory.read_model import GRANTS, NODES
from services.deliberation.directory.terms_model import TERMS
from shared.feature import Feature

FEATURE = Feature(
    deciders=DECIDERS,
    read_models=(NODES, GRANTS, TERMS),
    access=ACCESS,
    internal=(Bootstrap,),
    routes=routes,
)
