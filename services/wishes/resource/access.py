"""Who may do what with resources and services."""

from __future__ import annotations

from services.wishes.resource.commands import (
    ConsumeResource,
    OfferResource,
    ReleaseReservation,
    ReserveResource,
    ReturnResource,
    SetAvailability,
    TakeIntoUse,
    VerifyResource,
    WithdrawOffer,
)
from shared.authority import Allow

_DESK = ("desk", "secretary", "integration")

ACCESS = tuple(
    Allow(role, action)
    for action, roles in {
        OfferResource: _DESK,
        VerifyResource: ("secretary", "integration"),
        SetAvailability: _DESK,
        ReserveResource: _DESK,
        ReleaseReservation: _DESK,
        TakeIntoUse: _DESK,
        ReturnResource: _DESK,
        ConsumeResource: _DESK,
        WithdrawOffer: _DESK,
        "read_resources": ("desk", "department", "secretary", "district_admin", "integration"),
        "read_resource_texts": ("desk", "department", "secretary"),
    }.items()
    for role in roles
)
