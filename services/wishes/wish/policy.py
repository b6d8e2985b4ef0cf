"""The policy of wishes: adopted by a district in versions, read by every step that has a limit.

The rules:

- Versions are 1, 2, 3 … without a gap; one that was adopted never changes.
- There is one term without a category, for all that have none of their own.
- Every number lies between the least and the most that are named below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.wishes.calendar import WORKING_DAYS_MAX
from services.wishes.in_force import WORKING_DAYS, WorkingDays
from services.wishes.versions import digest_of, is_new
from shared.authority import NODE
from shared.contracts.deliberation import NodeKind, node_stream
from shared.contracts.wishes.deadlines import working_days_stream
from shared.contracts.wishes.wishes import WishPolicyAdopted, WishTerm, wish_policy_stream
from shared.decider import (
    Asked,
    Command,
    Decider,
    Fact,
    Needs,
    Read,
    RefusalKind,
    Refused,
    State,
    States,
    To,
    View,
)

TERMS_MAX: Final = 200


class TermDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Within how many working days a claim, and the wish, must be fulfilled."""

    claim_days: int
    wish_days: int
    category: str = ""


class WishTerms(State):
    """The policy in force, the fields as in `WishPolicyAdopted`; version 0: none."""

    version: int = 0
    terms: tuple[TermDraft, ...] = ()
    releases_max: int = 0
    release_window_days: int = 0
    community_claim_days: int = 0
    auto_close_days: int = 0
    reopen_window_days: int = 0
    reopens_max: int = 0
    reopens_escalated_from: int = 0
    low_rating_max: int = 0
    rating_freeze_days: int = 0

    def term(self, category: str) -> TermDraft:
        """Give the term of a category, or the one of no category."""
        found = {term.category: term for term in self.terms}
        return found.get(category) or found[""]


class PolicyVersions(State):
    """The versions adopted so far, each as a digest of what it says."""

    digests: tuple[str, ...] = ()


class AdoptWishPolicy(Command):
    """Put a version of the policy into force; the fields are the event's."""

    district: str
    version: int
    terms: tuple[TermDraft, ...]
    releases_max: int
    release_window_days: int
    community_claim_days: int
    auto_close_days: int
    reopen_window_days: int
    reopens_max: int
    reopens_escalated_from: int
    low_rating_max: int
    rating_freeze_days: int


# The least and the most of every number of the policy.
BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "releases_max": (0, 50),
    "release_window_days": (0, 365),
    "community_claim_days": (0, 250),
    "auto_close_days": (1, 365),
    "reopen_window_days": (0, 365),
    "reopens_max": (0, 20),
    "reopens_escalated_from": (1, 20),
    "low_rating_max": (0, 4),
    "rating_freeze_days": (0, 365),
}


class WishPolicyOfADistrict(Refused):
    """A policy of wishes belongs to a district."""

    kind = RefusalKind.INVALID


class WishPolicyOutOfBounds(Refused):
    """A number of the policy is too small or too large."""

    kind = RefusalKind.INVALID


class WishTermsIncomplete(Refused):
    """There is one term without a category, and one for a category at most."""

    kind = RefusalKind.INVALID


class WishPolicyVersionTaken(Refused):
    """This version says something else already."""


class WishPolicyVersionSkipped(Refused):
    """Versions follow one another without a gap."""


def decide(
    command: AdoptWishPolicy, state: PolicyVersions, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a policy; nothing when it is already so."""
    place = states.get(node_stream(command.district), NODE)
    if command.district != asked.scope or place.kind != NodeKind.DISTRICT.value:
        raise WishPolicyOfADistrict
    _check(command)
    event = WishPolicyAdopted(
        version=command.version,
        terms=tuple(
            WishTerm(category=one.category, claim_days=one.claim_days, wish_days=one.wish_days)
            for one in command.terms
        ),
        **{name: getattr(command, name) for name in BOUNDS},
    )
    if not is_new(
        state.digests,
        command.version,
        digest_of(event),
        taken=WishPolicyVersionTaken,
        skipped=WishPolicyVersionSkipped,
    ):
        return []
    return [To(wish_policy_stream(command.district), event)]


def _check(command: AdoptWishPolicy) -> None:
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(command, name) <= most:
            raise WishPolicyOutOfBounds(name=name, least=least, most=most)
    for term in command.terms:
        for days in (term.claim_days, term.wish_days):
            if not 1 <= days <= WORKING_DAYS_MAX:
                raise WishPolicyOutOfBounds(name="days", least=1, most=WORKING_DAYS_MAX)
    named = [term.category for term in command.terms]
    if len(set(named)) < len(named) or "" not in named or len(named) > TERMS_MAX:
        raise WishTermsIncomplete(terms_max=TERMS_MAX)


def evolve_versions(state: PolicyVersions, fact: Fact) -> PolicyVersions:
    """Follow one fact."""
    match fact.event:
        case WishPolicyAdopted():
            return PolicyVersions(digests=(*state.digests, digest_of(fact.event)))
        case _:
            return state


def evolve_terms(state: WishTerms, fact: Fact) -> WishTerms:
    """Follow the district's policy: the last version is in force."""
    match fact.event:
        case WishPolicyAdopted(version=version, terms=terms) as event:
            numbers: dict[str, Any] = {name: getattr(event, name) for name in BOUNDS}
            return WishTerms(
                version=version,
                terms=tuple(
                    TermDraft(
                        category=one.category, claim_days=one.claim_days, wish_days=one.wish_days
                    )
                    for one in terms
                ),
                **numbers,
            )
        case _:
            return state


WISH_TERMS = View("wishes.wish_terms_in_force", 1, WishTerms, WishTerms(), evolve_terms)
WISH_POLICY: Decider[AdoptWishPolicy, PolicyVersions] = Decider(
    name="wish_policy",
    view=View("wishes.wish_policy", 1, PolicyVersions, PolicyVersions(), evolve_versions),
    commands=(AdoptWishPolicy,),
    target=lambda command: wish_policy_stream(command.district),
    decide=decide,
    reads=lambda command: (Read(node_stream(command.district), NODE),),
)


def policy_reads(district: str) -> tuple[Read[WishTerms], Read[WorkingDays]]:
    """Name what a limit of the district depends on."""
    return (
        Read(wish_policy_stream(district), WISH_TERMS),
        Read(working_days_stream(district), WORKING_DAYS),
    )


def policy_of(district: str, states: States) -> tuple[WishTerms, WorkingDays]:
    """Give the policy and the working days in force."""
    terms, working_days = policy_reads(district)
    try:
        return states.get(terms.stream, WISH_TERMS), states.get(working_days.stream, WORKING_DAYS)
    except Needs:
        raise Needs(terms, working_days) from None
