"""Words that several features of deliberation use: whether a resident was erased."""

from __future__ import annotations

from shared.contracts.deliberation import SubjectErasureRequested
from shared.decider import Fact, State, View


class Forgotten(State):
    """Whether the resident's erasure was asked for."""

    asked: bool = False


def evolve_forgotten(state: Forgotten, fact: Fact) -> Forgotten:
    """Follow the stream of a resident's erasure."""
    return Forgotten(asked=state.asked or isinstance(fact.event, SubjectErasureRequested))


FORGOTTEN = View("resident.forgotten", 1, Forgotten, Forgotten(), evolve_forgotten)
