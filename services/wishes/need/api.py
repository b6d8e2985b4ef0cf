"""HTTP of needs: each step a POST; what is read of them is in `reading.py`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.wishes.need.commands import (
    ClusterSources,
    ConfirmNeed,
    DeclineNeed,
    EndNeed,
    PrioritiseNeed,
    RecordNeed,
    Reference,
    RetireNeed,
    SeparateSources,
)
from services.wishes.need.domain import COST_FEN_MAX, SCORE_MAX
from services.wishes.need.reading import add_queries
from shared.contracts.deliberation import PLACE_PATTERN
from shared.contracts.wishes.needs import DeclineReason, NeedExit, PriorityReason, SourceKind
from shared.kit.http.bodies import CommandBody, TimedBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.service import Rooms

SOURCES_PER_COMMAND_MAX = 100
Grid = Annotated[str, Field(pattern=PLACE_PATTERN)]


class NeedBody(TimedBody):
    """What is lacking, where; without a grid it is the whole community's."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    category: Annotated[str, Field(min_length=1, max_length=200)]
    area: Annotated[str, Field(min_length=1, max_length=64)]
    grid: Grid | None = None


class SourceBody(CommandBody):
    """A request, a wish, a visit or an incident."""

    kind: SourceKind
    id: UUID


class SourcesBody(TimedBody):
    """Which sources."""

    sources: Annotated[
        tuple[SourceBody, ...], Field(min_length=1, max_length=SOURCES_PER_COMMAND_MAX)
    ]


class PriorityBody(TimedBody):
    """The need's place in the order, and why: the higher the score, the sooner."""

    score: Annotated[int, Field(ge=1, le=SCORE_MAX, strict=True)]
    reason: PriorityReason


class ExitBody(TimedBody):
    """How it ended; `reference` is the resource, the project or the motion."""

    exit: NeedExit
    reference: UUID | None = None
    cost_fen: Annotated[int, Field(ge=0, le=COST_FEN_MAX, strict=True)] | None = None


class DecliningBody(TimedBody):
    """Why nothing is done about it."""

    reason: DeclineReason


def routes(rooms: Rooms) -> Routes:
    """Give the routes of needs."""
    found = Routes("wishes", rooms.edge)
    path = "/communities/{scope}/needs"
    one = f"{path}/{{need}}"
    found.command(
        path, NeedBody, _record, action=RecordNeed, status=201, summary="Record what is lacking"
    )
    found.command(
        f"{one}/sources", SourcesBody, _cluster, action=ClusterSources, summary="Add sources"
    )
    found.command(
        f"{one}/sources/separation",
        SourcesBody,
        _separate,
        action=SeparateSources,
        summary="Take sources out again",
    )
    found.command(
        f"{one}/confirmation", TimedBody, _confirm, action=ConfirmNeed, summary="Confirm it"
    )
    found.command(
        f"{one}/priority",
        PriorityBody,
        _prioritise,
        action=PrioritiseNeed,
        summary="Give it its place in the order",
    )
    found.command(f"{one}/exit", ExitBody, _end, action=EndNeed, summary="Let it take its exit")
    found.command(
        f"{one}/declining", DecliningBody, _decline, action=DeclineNeed, summary="Decline it"
    )
    found.command(
        f"{one}/retirement", TimedBody, _retire, action=RetireNeed, summary="Take it off the list"
    )
    add_queries(found, rooms)
    return found


async def _record(call: Call[NeedBody]) -> Draft:
    body, need, texts = call.body, call.new_id(), call.new_id()
    # A need is nobody's: its texts are sealed under a key of its own.
    subject = call.vault.subject_id("need", str(need))
    secrets = await call.vault.seal(subject, texts, {"title": body.title, "text": body.text})
    command = RecordNeed(
        need=str(need),
        category=body.category,
        grid=body.grid or "",
        area=body.area,
        texts=str(texts),
    )
    return Draft(command, secrets=secrets, created=str(need))


def _cluster(call: Call[SourcesBody]) -> Draft:
    return Draft(ClusterSources(need=str(call.id("need")), sources=_references(call)))


def _separate(call: Call[SourcesBody]) -> Draft:
    return Draft(SeparateSources(need=str(call.id("need")), sources=_references(call)))


def _references(call: Call[SourcesBody]) -> tuple[Reference, ...]:
    return tuple(Reference(kind=one.kind, id=str(one.id)) for one in call.body.sources)


def _confirm(call: Call[TimedBody]) -> Draft:
    return Draft(ConfirmNeed(need=str(call.id("need"))))


def _prioritise(call: Call[PriorityBody]) -> Draft:
    need, body = str(call.id("need")), call.body
    return Draft(PrioritiseNeed(need=need, score=body.score, reason=body.reason))


def _end(call: Call[ExitBody]) -> Draft:
    body = call.body
    return Draft(
        EndNeed(
            need=str(call.id("need")),
            exit=body.exit,
            reference="" if body.reference is None else str(body.reference),
            cost_fen=body.cost_fen,
        )
    )


def _decline(call: Call[DecliningBody]) -> Draft:
    return Draft(DeclineNeed(need=str(call.id("need")), reason=call.body.reason))


def _retire(call: Call[TimedBody]) -> Draft:
    return Draft(RetireNeed(need=str(call.id("need"))))
