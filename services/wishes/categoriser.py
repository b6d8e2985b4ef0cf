"""The policy in force, for the edge: only there is a text seen before it is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.wishes.language import UNCATEGORISED
from shared.contracts.wishes import Category, CategoryPolicyAdopted, category_policy_stream
from shared.decider import Fact, Read, State, View
from shared.kit.ports import Clock
from shared.kit.states import StateReader

SUBJECT_WEIGHT: Final = 3  # a subject names the matter; a text also tells what surrounds it
_FRESH: Final = timedelta(seconds=1)


class InForce(State):
    """The latest version adopted, 0 and empty before the first."""

    version: int = 0
    categories: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


def evolve_in_force(state: InForce, fact: Fact) -> InForce:
    """Follow the district's category policy."""
    match fact.event:
        case CategoryPolicyAdopted() as event:
            return InForce(
                version=event.version,
                categories=tuple(
                    (category.name, category.unit, category.keywords)
                    for category in event.categories
                ),
            )
        case _:
            return state


IN_FORCE = View("wishes.categories.in_force", 1, InForce, InForce(), evolve_in_force)


class Categoriser:
    """Assigns categories by the policy in force, as of a second ago at most.

    The version used goes with the command, and the decision checks that it exists.
    """

    def __init__(self, states: StateReader, district: str, clock: Clock) -> None:
        self._states = states
        self._district = district
        self._clock = clock
        self._known: tuple[datetime, InForce, tuple[Category, ...]] | None = None

    async def policy(self) -> tuple[int, tuple[Category, ...]]:
        """Give the version in force (0: none) and its categories."""
        now = self._clock.now()
        if self._known is None or now - self._known[0] > _FRESH:
            state = await self._states.get(Read(category_policy_stream(self._district), IN_FORCE))
            if self._known is None or self._known[1].version != state.version:
                categories = tuple(
                    Category(name=name, unit=unit, keywords=keywords)
                    for name, unit, keywords in state.categories
                )
            else:
                categories = self._known[2]
            self._known = (now, state, categories)
        return self._known[1].version, self._known[2]

    async def assign(self, subject: str, text: str) -> tuple[int, str]:
        """Give the policy's version and the category that its rule assigns."""
        version, categories = await self.policy()
        return version, categorise(categories, subject, text)


def categorise(categories: Sequence[Category], subject: str, text: str) -> str:
    """Assign a category to a message by `keyword_weight_v1`."""
    assigned, heaviest = UNCATEGORISED, 0
    for category in categories:
        weight = sum(
            len(keyword) * (SUBJECT_WEIGHT * subject.count(keyword) + text.count(keyword))
            for keyword in category.keywords
        )
        if weight > heaviest:
            assigned, heaviest = category.name, weight
    return assigned
