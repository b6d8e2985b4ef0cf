"""The service's HTTP application: its routes, and what the kit puts around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from shared.kit.http.commands import Routes, api_prefix
from shared.kit.http.edge import Edge
from shared.kit.http.health import Probe, health_router
from shared.kit.http.middleware import EdgeMiddleware
from shared.kit.http.problems import ProblemBody, add_problem_handlers
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import NO_TRACING, Tracing


def create_app(
    service: str,
    edge: Edge,
    routes: Sequence[Routes],
    *,
    metrics: Metrics,
    tracing: Tracing = NO_TRACING,
    probes: Sequence[Probe] = (),
    dead: Callable[[], Sequence[str]] = tuple,
    version: str = "1",
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """Make the application; its OpenAPI page is at `/api/<service>/v1/openapi.json`.

    There is no documentation page in HTML: the framework's would load scripts from elsewhere.
    """
    operations = health_router(
        probes, metrics.shown, check_ms_max=edge.limits.check_ms_max, dead=dead
    )
    app = _Application(
        title=f"Cogov {service}",
        version=version,
        openapi_url=f"{api_prefix(service)}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the kit has its own
        lifespan=lifespan,
        routes=[*_listed(routes), *operations.routes],
    )
    add_problem_handlers(app)
    app.add_middleware(
        EdgeMiddleware, ids=edge.ids, limits=edge.limits, metrics=metrics, tracing=tracing
    )
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Add what routes refer to by name: the problem document and the token."""
        if self.openapi_schema is None:
            page = get_openapi(title=self.title, version=self.version, routes=self.routes)
            components = page.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = ProblemBody.model_json_schema()
            components["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
            self.openapi_schema = page
        return self.openapi_schema


def _listed(features: Sequence[Routes]) -> list[BaseRoute]:
    # Listed flat, not included: every level of routers would match the path once more.
    return [route for feature in features for route in feature.routes]
