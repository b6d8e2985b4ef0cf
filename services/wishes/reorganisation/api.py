"""HTTP of reorganisations: say that a unit's work goes to another one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.wishes.language import UNIT_PATTERN
from services.wishes.reorganisation.domain import ReorganiseUnit
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.service import Rooms

Unit = Annotated[str, Field(pattern=UNIT_PATTERN)]


class ReorganisationBody(CommandBody):
    """From which unit to which."""

    from_unit: Unit
    to_unit: Unit


def routes(rooms: Rooms) -> Routes:
    """Give the route of reorganisations."""
    found = Routes("wishes", rooms.edge)
    found.command(
        "/communities/{scope}/reorganisations",
        ReorganisationBody,
        _reorganise,
        action=ReorganiseUnit,
        status=201,
        summary="Hand a unit's work on to another one",
    )
    return found


def _reorganise(call: Call[ReorganisationBody]) -> Draft:
    body = call.body
    return Draft(
        ReorganiseUnit(community=call.scope, from_unit=body.from_unit, to_unit=body.to_unit)
    )
