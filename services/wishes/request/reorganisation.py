"""A unit is reorganised: what it has is handed on, a page of requests at a time (W2).

The rules:

- Only a request that the unit still has is handed on, so a page given twice does nothing more.
- The clock goes on, a question to the requester stays open, and no transfer is counted.
- The new unit takes everything, whatever its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.wishes.request.commands import HandOnRequests
from services.wishes.request.evolution import VIEW
from services.wishes.request.states import AwaitingInfo, Dispatched
from services.wishes.request.workload import moved
from shared.contracts.wishes import RequestTransferred, TransferReason, request_stream
from shared.decider import Asked, Read, States, To


def hand_on(command: HandOnRequests, states: States, asked: Asked) -> Sequence[To]:
    """Hand on those of the requests that the unit has."""
    decided: list[To] = []
    for request in command.requests:
        state = states.get(request_stream(request), VIEW)
        if not isinstance(state, Dispatched | AwaitingInfo):
            continue
        handling = state.handling
        if handling.unit != command.from_unit:
            continue
        transferred = RequestTransferred(
            request=UUID(request),
            from_unit=handling.unit,
            to_unit=command.to_unit,
            accountable=handling.accountable,
            reason=TransferReason.REORGANISED,
            hop=handling.hops + 1,
        )
        decided.append(To(request_stream(request), transferred))
        decided += moved(UUID(request), handling.unit, command.to_unit, states, asked)
    return decided


def hand_on_reads(command: HandOnRequests) -> Sequence[Read[Any]]:
    """Name every request of the page."""
    return [Read(request_stream(request), VIEW) for request in command.requests]
