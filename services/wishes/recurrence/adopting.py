"""How often a matter must recur: a versioned policy of a community, or of the places above it.

The rules:

- Versions are 1, 2, 3 … without a gap; an adopted one never changes, and what it says again
  changes nothing.
- A version counts from its day on (Asia/Shanghai). Of those whose day has come the last one is in
  force; one that is adopted late counts from its adoption on, for what is counted after that.
- A community that has none in force is under the next place above that has one; with none
  anywhere it is `DEFAULT`: 5 times in 90 days.
- Adopting brings nothing up and takes nothing back: the next request is what is counted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from services.wishes.versions import is_new
from shared.authority import NODE, Allow
from shared.contracts.deliberation import node_stream
from shared.contracts.wishes.recurrence_policy import (
    RecurrencePolicyAdopted,
    recurrence_policy_stream,
)
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
from shared.effective import DISTRICT_ZONE

TIMES_BOUNDS: Final = (2, 100)
WINDOW_BOUNDS: Final = (1, 366)
VERSIONS_MAX: Final = 500


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """`times` within `window_days` days; version 0 of nobody: none was adopted."""

    times: int
    window_days: int
    version: int = 0
    node: str = ""
    effective_from: date = date.min


DEFAULT: Final = Threshold(times=5, window_days=90)


class Thresholds(State):
    """The versions of one node, from the first."""

    versions: tuple[Threshold, ...] = ()

    def at(self, now: datetime) -> Threshold | None:
        """Give the version in force, if there is one."""
        today = now.astimezone(DISTRICT_ZONE).date()
        begun = [one for one in self.versions if one.effective_from <= today]
        return begun[-1] if begun else None


class AdoptRecurrencePolicy(Command):
    """Put a version into force at a node, from a day on."""

    node: str
    version: int
    effective_from: date
    times: int
    window_days: int


class OftenOutOfBounds(Refused):
    """How often is enough, or the days it is counted over, is too small or too large."""

    kind = RefusalKind.INVALID


class RecurrenceVersionTaken(Refused):
    """This version says something else already."""


class RecurrenceVersionSkipped(Refused):
    """Versions follow one another without a gap."""


class RecurrenceVersionsExhausted(Refused):
    """This place has adopted as many versions as it may."""


def evolve(state: Thresholds, fact: Fact) -> Thresholds:
    """Follow one fact."""
    match fact.event:
        case RecurrencePolicyAdopted() as event:
            adopted = Threshold(
                times=event.times,
                window_days=event.window_days,
                version=event.version,
                node=fact.id,
                effective_from=event.effective_from,
            )
            return Thresholds(versions=(*state.versions, adopted))
        case _:
            return state


def decide(
    command: AdoptRecurrencePolicy, state: Thresholds, states: States, asked: Asked
) -> Sequence[To]:
    """Adopt the next version, find that it is adopted already, or refuse."""
    del states, asked
    _check(command)
    adopted = Threshold(
        times=command.times,
        window_days=command.window_days,
        version=command.version,
        node=command.node,
        effective_from=command.effective_from,
    )
    if not is_new(
        state.versions,
        command.version,
        adopted,
        taken=RecurrenceVersionTaken,
        skipped=RecurrenceVersionSkipped,
    ):
        return []
    if command.version > VERSIONS_MAX:
        raise RecurrenceVersionsExhausted(versions_max=VERSIONS_MAX)
    event = RecurrencePolicyAdopted(
        version=command.version,
        effective_from=command.effective_from,
        times=command.times,
        window_days=command.window_days,
    )
    return [To(recurrence_policy_stream(command.node), event)]


def _check(command: AdoptRecurrencePolicy) -> None:
    for name, number, (least, most) in (
        ("times", command.times, TIMES_BOUNDS),
        ("window_days", command.window_days, WINDOW_BOUNDS),
    ):
        if not least <= number <= most:
            raise OftenOutOfBounds(name=name, least=least, most=most)


def threshold_of(scope: str, states: States, now: datetime) -> Threshold:
    """Give what is in force for a place: its own, else that of the next place above."""
    path = states.get(node_stream(scope), NODE).path or (scope,)
    reads = [read_of(node) for node in reversed(path)]
    try:
        found = [states.get(read.stream, read.view).at(now) for read in reads]
    except Needs:
        raise Needs(*reads) from None
    return next((one for one in found if one is not None), DEFAULT)


def read_of(node: str) -> Read[Thresholds]:
    """Name the versions of a node among what a decision depends on."""
    return Read(recurrence_policy_stream(node), THRESHOLDS)


THRESHOLDS: Final = View("wishes.recurrence_policy", 1, Thresholds, Thresholds(), evolve)
RECURRENCE_POLICY: Decider[AdoptRecurrencePolicy, Thresholds] = Decider(
    name="recurrence_policy",
    view=THRESHOLDS,
    commands=(AdoptRecurrencePolicy,),
    target=lambda command: recurrence_policy_stream(command.node),
    decide=decide,
)

_READERS = ("district_admin", "secretary", "desk", "department", "integration", "resident")
ACCESS = (
    Allow("district_admin", AdoptRecurrencePolicy),
    *(Allow(role, "read_recurrence_policy") for role in _READERS),
)
