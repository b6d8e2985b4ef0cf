"""The work-load of a community's units: how many open requests each has (W2).

The rules:

- Requests move it, in the same append as themselves (`request/workload.py`).
- What units had before it was kept is entered once, as a count; so is whatever a count was wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.wishes.language import WORKLOAD, Load, LoadCorrected, workload_stream
from shared.authority import Allow
from shared.decider import Asked, Command, Decider, RefusalKind, Refused, States, To

OPEN_MAX = 1_000_000


class CorrectLoad(Command):
    """Say how many open requests a unit has."""

    community: str
    unit: str
    open: int


class LoadOutOfBounds(Refused):
    """A unit has no less than no open request, and not more than the limit."""

    kind = RefusalKind.INVALID


class NotThisCommunity(Refused):
    """A unit's load belongs to its community."""

    kind = RefusalKind.INVALID


def decide(command: CorrectLoad, state: Load, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a count; nothing when it is already so."""
    del states
    if command.community != asked.scope:
        raise NotThisCommunity
    if not 0 <= command.open <= OPEN_MAX:
        raise LoadOutOfBounds(open_max=OPEN_MAX)
    if command.open == state.open:
        return []
    corrected = LoadCorrected(unit=command.unit, open=command.open)
    return [To(workload_stream(command.community), corrected)]


UNIT_WORKLOAD: Decider[CorrectLoad, Load] = Decider(
    name="workload",
    view=WORKLOAD,
    commands=(CorrectLoad,),
    target=lambda command: workload_stream(command.community),
    decide=decide,
    key=lambda command: command.unit,
)

ACCESS = (
    Allow("secretary", CorrectLoad),
    Allow("district_admin", CorrectLoad),
    *(
        Allow(role, "read_workload")
        for role in ("desk", "department", "secretary", "district_admin")
    ),
)
