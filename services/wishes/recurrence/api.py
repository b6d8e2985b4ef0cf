"""HTTP of recurrences: how often is enough, and what a request was told of its matter."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from services.wishes.recurrence.adopting import (
    TIMES_BOUNDS,
    WINDOW_BOUNDS,
    AdoptRecurrencePolicy,
    Threshold,
    read_of,
    threshold_of,
)
from services.wishes.recurrence.domain import FreeMatter, NoteOccurrence, TellFate
from services.wishes.recurrence.process import DECIDER
from services.wishes.recurrence.read_model import list_fates
from shared.authority import Allow
from shared.decider import States
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms


class RecurrencePolicyBody(CommandBody):
    """A version: so often within so many days, from that day on."""

    version: Annotated[int, Field(ge=1)]
    effective_from: date
    times: Annotated[int, Field(ge=TIMES_BOUNDS[0], le=TIMES_BOUNDS[1])]
    window_days: Annotated[int, Field(ge=WINDOW_BOUNDS[0], le=WINDOW_BOUNDS[1])]


class RecurrencePolicyAnswer(BaseModel):
    """What is in force here, by which version of which place; version 0: the default.

    `adopted_here` counts this place's own versions, those to come among them.
    """

    version: int
    node: str
    times: int
    window_days: int
    adopted_here: int


class FateAnswer(BaseModel):
    """What became of a matter that the request was part of."""

    recurrence: UUID
    fate: str
    told_at: AwareDatetime


class FatesAnswer(BaseModel):
    """What the request was told, the latest first."""

    items: list[FateAnswer]


ACCESS = tuple(
    Allow(role, "read_fates")
    for role in ("desk", "department", "secretary", "district_admin", "integration", "resident")
)
# What rules ask for; no caller may.
INTERNAL = (NoteOccurrence, FreeMatter, TellFate, *DECIDER.commands)


def routes(rooms: Rooms) -> Routes:
    """Give the routes."""
    found = Routes("wishes", rooms.edge)

    found.command(
        "/communities/{scope}/recurrence-policy",
        RecurrencePolicyBody,
        _adopt,
        action=AdoptRecurrencePolicy,
        status=201,
        summary="Adopt how often a matter must recur",
    )
    _add_policy_query(found, rooms)

    async def get_fates(request: UUID, reader: Reading) -> FatesAnswer:
        """Show what a request was told of the matter that it was part of."""
        rows = await list_fates(rooms.tables, reader.scope, str(request))
        return FatesAnswer(
            items=[
                FateAnswer(recurrence=UUID(row.recurrence), fate=row.fate, told_at=row.told_at)
                for row in rows
            ]
        )

    found.query(
        "/communities/{scope}/requests/{request}/fates",
        get_fates,
        action="read_fates",
        summary="Show what became of a request's matter",
    )
    return found


def _add_policy_query(found: Routes, rooms: Rooms) -> None:
    async def get_recurrence_policy(reader: Reading) -> RecurrencePolicyAnswer:
        """Show how often a matter must recur here."""
        now = rooms.edge.clock.now()

        def in_force(states: States) -> Threshold:
            return threshold_of(reader.scope, states, now)

        enough = await rooms.states.answer(in_force)
        here = await rooms.states.get(read_of(reader.scope))
        return RecurrencePolicyAnswer(
            version=enough.version,
            node=enough.node,
            times=enough.times,
            window_days=enough.window_days,
            adopted_here=len(here.versions),
        )

    found.query(
        "/communities/{scope}/recurrence-policy",
        get_recurrence_policy,
        action="read_recurrence_policy",
        summary="Show how often a matter must recur",
    )


def _adopt(call: Call[RecurrencePolicyBody]) -> Draft:
    body = call.body
    return Draft(
        AdoptRecurrencePolicy(
            node=call.scope,
            version=body.version,
            effective_from=body.effective_from,
            times=body.times,
            window_days=body.window_days,
        )
    )
