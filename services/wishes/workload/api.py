"""HTTP of the units' work-load: show one unit's, set it right."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from services.wishes.in_force import reads_of
from services.wishes.language import UNIT_PATTERN, WORKLOAD, workload_stream
from services.wishes.workload.domain import OPEN_MAX, CorrectLoad
from shared.decider import Read
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms


class LoadBody(CommandBody):
    """How many open requests the unit has, as counted."""

    unit: Annotated[str, Field(pattern=UNIT_PATTERN)]
    open: Annotated[int, Field(ge=0, le=OPEN_MAX)]


class LoadAnswer(BaseModel):
    """A unit's open requests; `open_max` 0: no limit."""

    unit: str
    open: int
    open_max: int


def routes(rooms: Rooms) -> Routes:
    """Give the routes of work-loads."""
    found = Routes("wishes", rooms.edge)
    terms_read, _ = reads_of(rooms.district)

    async def get_workload(
        unit: Annotated[str, Path(pattern=UNIT_PATTERN)], reader: Reading
    ) -> LoadAnswer:
        """Show how many open requests a unit has."""
        load = await rooms.states.get(Read(workload_stream(reader.scope), WORKLOAD, unit))
        terms = await rooms.states.get(terms_read)
        return LoadAnswer(unit=unit, open=load.open, open_max=terms.open_max)

    found.command(
        "/communities/{scope}/workload-corrections",
        LoadBody,
        _correct,
        action=CorrectLoad,
        status=201,
        summary="Set a unit's work-load right",
    )
    found.query(
        "/communities/{scope}/units/{unit}/workload",
        get_workload,
        action="read_workload",
        summary="Show a unit's work-load",
    )
    return found


def _correct(call: Call[LoadBody]) -> Draft:
    return Draft(CorrectLoad(community=call.scope, unit=call.body.unit, open=call.body.open))
