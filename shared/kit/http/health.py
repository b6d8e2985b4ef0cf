"""Whether the process lives, whether it can serve, and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

import structlog
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel
from starlette.responses import Response

log = structlog.get_logger()

State = Literal["ok", "degraded", "failed"]


class Check(NamedTuple):
    """The outcome of one readiness check; `degraded` still serves, `failed` does not."""

    name: str
    state: State
    detail: str = ""


class CheckAnswer(BaseModel):
    """One check."""

    name: str
    state: State
    detail: str


class Health(BaseModel):
    """The worst of the checks, and each of them."""

    state: State
    checks: list[CheckAnswer]


Probe = Callable[[], Awaitable[Check]]


def health_router(
    probes: Sequence[Probe],
    registry: Collector,
    *,
    check_ms_max: int,
    dead: Callable[[], Sequence[str]] = tuple,
) -> APIRouter:
    """Make `/health/live`, `/health/ready` (200, or 503 when a check failed) and `/metrics`.

    `dead` names what of this process no longer lives; what it depends on is readiness' matter.
    """
    router = APIRouter(tags=["operations"])

    @router.get("/health/live", response_model=Health, summary="The process runs")
    async def live() -> Response:
        return _answer([Check(name, "failed", "stands still") for name in dead()])

    @router.get("/health/ready", response_model=Health, summary="The process can serve")
    async def ready() -> Response:
        return _answer(await asyncio.gather(*(_run(probe, check_ms_max) for probe in probes)))

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


async def _run(probe: Probe, check_ms_max: int) -> Check:
    name = getattr(probe, "__name__", type(probe).__name__)
    try:
        async with asyncio.timeout(check_ms_max / 1000):
            return await probe()
    except TimeoutError:
        return Check(name, "failed", "no answer in time")
    except Exception as error:  # a probe that breaks must not hide the others
        log.exception("health.check_crashed", check=name)
        return Check(name, "failed", type(error).__name__)


def _answer(checks: Sequence[Check]) -> Response:
    worst = _worst([check.state for check in checks])
    health = Health(
        state=worst,
        checks=[
            CheckAnswer(name=check.name, state=check.state, detail=check.detail) for check in checks
        ],
    )
    return Response(
        health.model_dump_json(), 503 if worst == "failed" else 200, media_type="application/json"
    )


def _worst(states: Sequence[State]) -> State:
    if "failed" in states:
        return "failed"
    return "degraded" if "degraded" in states else "ok"
