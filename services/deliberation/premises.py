"""A community's premises as other features read them: which there are, and when."""

from __future__ import annotations

from datetime import date

import msgspec

from shared.contracts.deliberation.layout import HIERARCHY, AreaAdded, AreaEnded, Hierarchy
from shared.decider import Fact, State, View


class Standing(msgspec.Struct, frozen=True):
    """Premises from their first day until before `ends_on`."""

    starts_on: date
    ends_on: date | None = None


class Premises(State):
    """The compounds, buildings and units of a community, by id."""

    standing: dict[str, Standing] = msgspec.field(default_factory=dict[str, Standing])

    def stand(self, name: str, day: date) -> bool:
        """Tell whether there are such premises on a day."""
        found = self.standing.get(name)
        return (
            found is not None
            and found.starts_on <= day
            and (found.ends_on is None or day < found.ends_on)
        )


def evolve(state: Premises, fact: Fact) -> Premises:
    """Follow the stream of a community's layout."""
    match fact.event:
        case AreaAdded(area=area, kind=kind, starts_on=day):
            if HIERARCHY[kind] is not Hierarchy.PREMISES:
                return state
            return Premises(standing={**state.standing, area: Standing(day)})
        case AreaEnded(area=area, ends_on=day):
            known = state.standing.get(area)
            if known is None:
                return state
            return Premises(standing={**state.standing, area: Standing(known.starts_on, day)})
        case _:
            return state


PREMISES = View("deliberation.premises", 1, Premises, Premises(), evolve)
