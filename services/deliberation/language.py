"""Words that several features of deliberation use: what holds when, and who was erased."""

from __future__ import annotations

from datetime import date

import msgspec

from shared.contracts.deliberation import SubjectErasureRequested
from shared.decider import Fact, State, View
from shared.effective import begin, end, on


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A word that holds from `valid_from` to before `valid_to` (None: no end is known)."""

    value: str
    valid_from: date
    valid_to: date | None = None


def said(held: tuple[Held, ...], day: date, value: str) -> tuple[Held, ...]:
    """Give what holds after a value was said from a day on; an empty one ends what holds."""
    return begin(held, Held(value=value, valid_from=day)) if value else end(held, day)


def value_on(held: tuple[Held, ...], day: date) -> str:
    """Give the value of a day, empty where nothing holds."""
    found = on(held, day)
    return "" if found is None else found.value


class Forgotten(State):
    """Whether the resident's erasure was asked for."""

    asked: bool = False


def evolve_forgotten(state: Forgotten, fact: Fact) -> Forgotten:
    """Follow the stream of a resident's erasure."""
    return Forgotten(asked=state.asked or isinstance(fact.event, SubjectErasureRequested))


FORGOTTEN = View("resident.forgotten", 1, Forgotten, Forgotten(), evolve_forgotten)
