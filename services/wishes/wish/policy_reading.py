"""The policy of wishes in force over HTTP."""

from __future__ import annotations

from pydantic import BaseModel

from services.wishes.wish.policy import BOUNDS, policy_reads
from shared.kit.http.commands import Routes
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms


class WishTermAnswer(BaseModel):
    """A term; an empty category is the one for all others."""

    category: str
    claim_days: int
    wish_days: int


class WishPolicyAnswer(BaseModel):
    """The policy in force; version 0: none was adopted, and nothing has a limit."""

    version: int
    terms: list[WishTermAnswer]
    releases_max: int
    release_window_days: int
    community_claim_days: int
    auto_close_days: int
    reopen_window_days: int
    reopens_max: int
    reopens_escalated_from: int
    low_rating_max: int
    rating_freeze_days: int


def add_policy_reading(found: Routes, rooms: Rooms) -> None:
    """Add the GET of the policy."""
    terms_read, _ = policy_reads(rooms.district)

    async def get_wish_policy(reader: Reading) -> WishPolicyAnswer:
        """Show the policy of wishes in force for this place's district."""
        del reader
        state = await rooms.states.get(terms_read)
        return WishPolicyAnswer(
            version=state.version,
            terms=[
                WishTermAnswer(
                    category=one.category, claim_days=one.claim_days, wish_days=one.wish_days
                )
                for one in state.terms
            ],
            **{name: getattr(state, name) for name in BOUNDS},
        )

    found.query(
        "/communities/{scope}/wish-policy",
        get_wish_policy,
        action="read_wish_policy",
        summary="Show the policy of wishes in force",
    )
