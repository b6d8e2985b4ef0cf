"""HTTP of households: where they live, and who lives in them, from a day on."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.deliberation.household.commands import (
    EndHousehold,
    HouseholdDraft,
    LeaveResidence,
    MoveHousehold,
    RegisterHouseholds,
    ResidenceDraft,
    TakeResidences,
)
from services.deliberation.household.domain import (
    HOUSEHOLDS_PER_COMMAND_MAX,
    RESIDENCES_PER_COMMAND_MAX,
)
from services.deliberation.household.read_model import places_on, residents_on
from shared.contracts.deliberation import PLACE_PATTERN, ResidentKind
from shared.effective import DISTRICT_ZONE
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms

PremisesId = Annotated[str, Field(pattern=PLACE_PATTERN)]


class NewHousehold(BaseModel):
    """A household; its door's label, where given, is kept in the vault."""

    household: UUID
    premises: PremisesId
    starts_on: date
    door: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class HouseholdsBody(CommandBody):
    """Households that are registered together."""

    households: Annotated[
        tuple[NewHousehold, ...], Field(min_length=1, max_length=HOUSEHOLDS_PER_COMMAND_MAX)
    ]


class HouseholdMoveBody(CommandBody):
    """Where the household lives from a day on."""

    premises: PremisesId
    starts_on: date


class HouseholdEndBody(CommandBody):
    """The first day without the household."""

    ends_on: date


class NewResidence(BaseModel):
    """Who lives in which household, as what, from when on."""

    resident: UUID
    household: UUID
    kind: ResidentKind
    starts_on: date


class ResidencesBody(CommandBody):
    """Residences that are taken together."""

    residences: Annotated[
        tuple[NewResidence, ...], Field(min_length=1, max_length=RESIDENCES_PER_COMMAND_MAX)
    ]


class LivingAnswer(BaseModel):
    """Who lives in a household, since when, as what."""

    resident: UUID
    kind: ResidentKind
    since: date


class HouseholdAnswer(BaseModel):
    """A household on a day, and who lives in it."""

    household: UUID
    premises: str
    since: date
    residents: list[LivingAnswer]


def routes(rooms: Rooms) -> Routes:
    """Give the routes of households."""
    found = Routes("deliberation", rooms.edge)
    path = "/communities/{scope}/households"
    one = f"{path}/{{household}}"
    found.command(
        path,
        HouseholdsBody,
        _register,
        action=RegisterHouseholds,
        status=201,
        summary="Register households",
    )
    found.command(
        f"{one}/move", HouseholdMoveBody, _move, action=MoveHousehold, summary="Move a household"
    )
    found.command(
        f"{one}/end", HouseholdEndBody, _end, action=EndHousehold, summary="End a household"
    )
    found.command(
        "/communities/{scope}/residences",
        ResidencesBody,
        _take,
        action=TakeResidences,
        summary="Let residents live in households",
    )
    found.command(
        f"{one}/residents/{{resident}}/leaving",
        HouseholdEndBody,
        _leave,
        action=LeaveResidence,
        summary="Let a resident leave a household",
    )
    _add_queries(found, rooms)
    return found


def _add_queries(found: Routes, rooms: Rooms) -> None:
    async def get_households(
        paging: Paging, reader: Reading, on: date | None = None, premises: str = ""
    ) -> Page[HouseholdAnswer]:
        """List the households on a day (default: today), by id; those of some premises alone."""
        shown = on or rooms.edge.clock.now().astimezone(DISTRICT_ZONE).date()
        after = paging.after(tuple[UUID])
        places = await places_on(
            rooms.tables,
            reader.scope,
            shown,
            premises[:63],
            after=after[0] if after else UUID(int=0),
            limit=paging.fetch,
        )
        living: dict[UUID, list[LivingAnswer]] = {}
        households = [place.household for place in places]
        for row in await residents_on(rooms.tables, reader.scope, shown, households):
            one = LivingAnswer(resident=row.resident, kind=row.kind, since=row.valid_from)
            living.setdefault(row.household, []).append(one)
        return paging.page(
            places,
            key=lambda place: (str(place.household),),
            item=lambda place: HouseholdAnswer(
                household=place.household,
                premises=place.premises,
                since=place.valid_from,
                residents=living.get(place.household, []),
            ),
        )

    found.query(
        "/communities/{scope}/households",
        get_households,
        action="read_households",
        summary="List households",
    )


async def _register(call: Call[HouseholdsBody]) -> Draft:
    drafts: list[HouseholdDraft] = []
    doors: list[tuple[UUID, UUID, dict[str, str]]] = []
    for one in call.body.households:
        subject = texts = None
        if one.door is not None:
            subject = call.vault.subject_id("household", str(one.household))
            texts = call.new_id()
            doors.append((subject, texts, {"door": one.door}))
        drafts.append(
            HouseholdDraft(
                household=str(one.household),
                premises=one.premises,
                starts_on=one.starts_on,
                texts=str(texts or ""),
                subject=str(subject or ""),
            )
        )
    command = RegisterHouseholds(community=call.scope, households=tuple(drafts))
    return Draft(command, secrets=await call.vault.seal_all(doors))


def _move(call: Call[HouseholdMoveBody]) -> Draft:
    return Draft(
        MoveHousehold(
            community=call.scope,
            household=str(call.id("household")),
            premises=call.body.premises,
            starts_on=call.body.starts_on,
        )
    )


def _end(call: Call[HouseholdEndBody]) -> Draft:
    household = str(call.id("household"))
    return Draft(EndHousehold(household=household, ends_on=call.body.ends_on))


def _take(call: Call[ResidencesBody]) -> Draft:
    residences = tuple(
        ResidenceDraft(
            resident=str(one.resident),
            household=str(one.household),
            kind=one.kind,
            starts_on=one.starts_on,
        )
        for one in call.body.residences
    )
    return Draft(TakeResidences(community=call.scope, residences=residences))


def _leave(call: Call[HouseholdEndBody]) -> Draft:
    return Draft(
        LeaveResidence(
            household=str(call.id("household")),
            resident=str(call.id("resident")),
            ends_on=call.body.ends_on,
        )
    )
