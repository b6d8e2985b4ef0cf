"""What resources and services add to wishes."""

from __future__ import annotations

from services.wishes.resource.access import ACCESS
from services.wishes.resource.api import routes
from services.wishes.resource.commands import INTERNAL
from services.wishes.resource.domain import NEED_PLACE, RESOURCE
from services.wishes.resource.read_model import RESOURCE_USES, RESOURCES
from shared.feature import Feature

FEATURE = Feature(
    deciders=(RESOURCE,),
    views=(NEED_PLACE,),
    read_models=(RESOURCES, RESOURCE_USES),
    access=ACCESS,
    internal=INTERNAL,
    routes=routes,
)
