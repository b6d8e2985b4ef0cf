"""The operators' port: every verb that changes a running service, at its writer (architecture, §8).

It listens apart from the service's own port and no front door leads to it. Who asks needs the role
that allows `operate` on the district; every change needs a reason, and leaves an event that tells
who did what and why, in the append of the change itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, cast

import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from shared.decider import RefusalKind, Refused
from shared.kit.acts import ActSource, NotOpenError, Told, Word
from shared.kit.delivery import DeliveryError
from shared.kit.http.context import context_of
from shared.kit.http.edge import Edge
from shared.kit.http.middleware import EdgeMiddleware
from shared.kit.http.problems import add_problem_handlers
from shared.kit.http.rates import Kind
from shared.kit.http.requests import admit, headers_of
from shared.kit.ingest import Ingest
from shared.kit.letters import DeadLetters, OpenLetter, Redriven
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import Tracing
from shared.kit.rules.settling import How, Settling
from shared.kit.rules.work import RuleSource, StuckRow, Waiting

OPERATE: Final = "operate"
PREFIX: Final = "/operator/v1"
REASON_CHARS_MAX: Final = 200
ROWS_MAX: Final = 500

T = TypeVar("T")

_ACTOR: Final = "cogov.operator"
_NUMBER_MAX: Final = 2**31 - 1
_log: Final = structlog.get_logger()

Limit = Annotated[int, Query(ge=1, le=ROWS_MAX)]
After = Annotated[int, Query(ge=0)]
Before = Annotated[int, Query(ge=1, le=_NUMBER_MAX)]


class ReasonBody(BaseModel):
    """Why; it is kept for good and holds nothing personal."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=REASON_CHARS_MAX, pattern=r"^[^\x00]+$")]


def _word(body: ReasonBody, request: Request) -> Word:
    context = context_of(request.scope)
    actor = cast("str", request.scope[_ACTOR])
    return Word(actor, body.reason, context.correlation_id, context.traceparent)


ByWord = Annotated[Word, Depends(_word)]


class NotTheWriter(Refused):
    """This replica does not lead: ask the one that does."""

    kind = RefusalKind.UNAVAILABLE


class NotOpen(Refused):
    """There is no such open work, or it was settled already."""

    kind = RefusalKind.NOT_FOUND


class NotStopped(Refused):
    """The partition does not stand still."""


class NotTakenNow(Refused):
    """The writer could not take it now, or what it is about has moved: look, and ask again."""

    kind = RefusalKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Verbs:
    """What an operator can do at the writer of one epoch."""

    source: RuleSource
    settling: Settling
    letters: DeadLetters
    ingest: Ingest
    told: ActSource


def operator_app(
    edge: Edge,
    district: str,
    verbs: Callable[[], Verbs | None],
    *,
    metrics: Metrics,
    tracing: Tracing,
) -> FastAPI:
    """Make the application of the operators' port; `verbs()` is null while another leads."""

    def leading() -> Verbs:
        found = verbs()
        if found is None:
            raise NotTheWriter
        return found

    async def operator(request: Request) -> None:
        caller = await admit(edge, headers_of(request.scope), Kind.COMMANDS)
        resident = await edge.authorise_read(OPERATE, district, caller)
        request.scope[_ACTOR] = resident or str(caller.identity)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json")
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(operator)])
    _add_lists(router, leading)
    _add_rules(router, leading)
    _add_hearing(router, leading)
    app.include_router(router)
    add_problem_handlers(app)
    app.add_middleware(
        EdgeMiddleware, ids=edge.ids, limits=edge.limits, metrics=metrics, tracing=tracing
    )
    return app


def _add_lists(router: APIRouter, leading: Callable[[], Verbs]) -> None:
    @router.get("/stuck", summary="List stuck work, the oldest first")
    async def stuck(after: After = 0, limit: Limit = 100) -> list[dict[str, Any]]:
        return [_stuck(row) for row in await leading().source.stuck(after, limit)]

    @router.get("/waiting", summary="List waiting work")
    async def waiting(limit: Limit = 100) -> list[dict[str, Any]]:
        return [_waiting(one) for one in await leading().source.waiting(limit)]

    @router.get("/letters", summary="List dead letters, the oldest first")
    async def letters(after: After = 0, limit: Limit = 100) -> list[dict[str, Any]]:
        return [_letter(one) for one in await leading().letters.list_open(after, limit)]

    @router.get("/acts", summary="List what operators did, the newest first")
    async def acts(before: Before = _NUMBER_MAX, limit: Limit = 100) -> list[dict[str, Any]]:
        return [_told(one) for one in await leading().told.acts(before, limit)]


def _add_rules(router: APIRouter, leading: Callable[[], Verbs]) -> None:
    async def settle(stuck: int, how: How, word: Word) -> Response:
        await _done(leading().settling.settle(stuck, how, word))
        _note(f"stuck_{how}", str(stuck), word)
        return Response(None, 204)

    @router.post("/stuck/{stuck}/retry", status_code=204, summary="Let stuck work try again")
    async def retry(stuck: int, word: ByWord) -> Response:
        return await settle(stuck, "retried", word)

    @router.post("/stuck/{stuck}/skip", status_code=204, summary="Do without stuck work")
    async def skip(stuck: int, word: ByWord) -> Response:
        return await settle(stuck, "skipped", word)


def _add_hearing(router: APIRouter, leading: Callable[[], Verbs]) -> None:
    @router.post("/letters/{letter}/redrive", summary="Read a dead letter again")
    async def redrive(letter: int, word: ByWord) -> dict[str, Any]:
        done = await _done(leading().letters.redrive([letter], word))
        _note("letter_redriven", str(letter), word)
        return _redriven(done)

    @router.post("/letters/{letter}/skip", summary="Do without a dead letter")
    async def skip_letter(letter: int, word: ByWord) -> dict[str, Any]:
        done = await _done(leading().letters.skip(letter, word))
        _note("letter_skipped", str(letter), word)
        return _redriven(done)

    @router.post(
        "/partitions/{topic}/{part}/resume", status_code=204, summary="Let a partition go on"
    )
    async def resume(topic: str, part: int, word: ByWord) -> Response:
        if not await _done(leading().ingest.resume(topic, part, word)):
            raise NotStopped
        _note("partition_resumed", f"{topic}:{part}", word)
        return Response(None, 204)


async def _done(acting: Awaitable[T]) -> T:
    try:
        return await acting
    except NotOpenError:
        raise NotOpen from None
    except DeliveryError:
        raise NotTakenNow from None


def _note(verb: str, what: str, word: Word) -> None:
    _log.info("operator.acted", verb=verb, what=what, actor=word.actor)


def _stuck(row: StuckRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "rule": row.rule,
        "target": row.target,
        "scope": row.scope,
        "command": row.command,
        "code": row.code,
        "source_position": row.source_position,
        "since": row.since.isoformat(timespec="seconds"),
    }


def _waiting(one: Waiting) -> dict[str, Any]:
    return {
        "rule": one.work.rule,
        "target": one.work.target,
        "scope": one.work.scope,
        "command": type(one.work.command).__name__ if one.work.command else "",
        "code": one.code,
        "streams": list(one.streams),
        "source_position": one.work.source_position,
        "until": one.until.isoformat(timespec="seconds") if one.until else None,
    }


def _letter(one: OpenLetter) -> dict[str, Any]:
    letter = one.letter
    return {
        "id": one.id,
        "topic": letter.topic,
        "part": letter.part,
        "offset": letter.record_offset,
        "stream": letter.stream or "",
        "code": letter.code,
        "reason": letter.reason,
        "parked_at": one.parked_at.isoformat(timespec="seconds"),
    }


def _told(one: Told) -> dict[str, Any]:
    what: dict[str, Any] = orjson.loads(one.what)
    return {
        "number": one.number,
        "act": one.act,
        "at": one.at.isoformat(timespec="seconds"),
        "actor": one.actor,
        "reason": what.pop("reason"),
        "what": what,
        "correlation_id": str(one.correlation_id),
    }


def _redriven(done: Redriven) -> dict[str, Any]:
    return {
        "settled": list(done.settled),
        "stops": [{"topic": s.topic, "part": s.part, "reason": s.reason} for s in done.stops],
    }
