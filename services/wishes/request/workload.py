"""The work-load of units, moved with the requests that they take and leave (W2).

The rules:

- A unit has one open request more from the dispatch, a transfer to it or a reopening, one less from
  a transfer away, the answer or a withdrawal. Both events are one append: no count drifts.
- A unit with as many open requests as the district's policy allows takes no more by dispatch or
  transfer. What is entered late has happened, a reorganisation is an order and a reopening the
  requester's right: these are never refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.wishes.in_force import time_of
from services.wishes.language import WORKLOAD, Load, LoadReleased, LoadTaken, workload_stream
from services.wishes.request import refusals
from services.wishes.request.states import File
from shared.decider import Asked, States, To


def taken(
    request: UUID, unit: str, states: States, asked: Asked, *, capped: File | None = None
) -> To:
    """Let a unit take a request; `capped`: by whose policy it may be refused."""
    load = _load(unit, states, asked)
    if capped is not None and not asked.late:
        terms, _ = time_of(capped.district, states)
        if terms.open_max and load.open >= terms.open_max:
            raise refusals.UnitOverloaded(open_max=terms.open_max)
    return To(workload_stream(asked.scope), LoadTaken(unit=unit, request=request))


def released(request: UUID, unit: str, states: States, asked: Asked) -> To:
    """Let a unit be rid of a request."""
    _load(unit, states, asked)
    return To(workload_stream(asked.scope), LoadReleased(unit=unit, request=request))


def moved(
    request: UUID,
    from_unit: str,
    to_unit: str,
    states: States,
    asked: Asked,
    *,
    capped: File | None = None,
) -> Sequence[To]:
    """Move a request from a unit to another."""
    return (
        released(request, from_unit, states, asked),
        taken(request, to_unit, states, asked, capped=capped),
    )


def _load(unit: str, states: States, asked: Asked) -> Load:
    return states.get(workload_stream(asked.scope), WORKLOAD, unit)
