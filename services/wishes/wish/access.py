"""Who may do what with wishes."""

from __future__ import annotations

from services.wishes.wish.claimer import ForgiveLapses
from services.wishes.wish.commands import (
    AssignHandler,
    ClaimForCommunity,
    ClaimWish,
    ConcludeWishReview,
    ConfirmByCallback,
    ConfirmProxy,
    ConfirmWish,
    FulfilWish,
    MergeWishes,
    RateWish,
    RecordProgress,
    RejectWish,
    ReleaseClaim,
    ReopenWish,
    ScreenWish,
    SubmitWish,
    UnmergeWish,
    WithdrawWish,
)
from services.wishes.wish.policy import AdoptWishPolicy
from shared.authority import Allow

_OFFICE = ("desk", "secretary", "integration")
_ANYBODY = (*_OFFICE, "department", "resident")

# What only the claimer, the handler or the requester may do, the rules say, not the role.
ACCESS = tuple(
    Allow(role, action)
    for action, roles in {
        SubmitWish: ("desk", "resident", "integration"),
        ConfirmProxy: _OFFICE,
        ScreenWish: _OFFICE,
        RejectWish: _OFFICE,
        ClaimWish: _ANYBODY,
        ClaimForCommunity: _OFFICE,
        AssignHandler: (*_OFFICE, "department"),
        RecordProgress: _ANYBODY,
        ReleaseClaim: _ANYBODY,
        FulfilWish: _ANYBODY,
        ConfirmWish: _ANYBODY,
        ConfirmByCallback: _OFFICE,
        ReopenWish: _OFFICE,
        WithdrawWish: _OFFICE,
        MergeWishes: _OFFICE,
        UnmergeWish: _OFFICE,
        RateWish: _OFFICE,
        ConcludeWishReview: ("secretary", "district_admin"),
        AdoptWishPolicy: ("district_admin",),
        ForgiveLapses: ("secretary", "district_admin"),
        "read_wish_wall": (*_ANYBODY, "district_admin"),
        "read_own_wishes": (*_ANYBODY, "district_admin"),
        "read_wish_policy": (*_ANYBODY, "district_admin"),
        "read_wishes": (*_OFFICE, "department", "district_admin"),
        "read_wish_texts": ("desk", "secretary"),
    }.items()
    for role in roles
)
