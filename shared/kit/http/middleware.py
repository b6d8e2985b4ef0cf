"""What surrounds every request: its ids, its limits, one log line, its metrics; pure ASGI."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kit.http.context import RequestContext, open_context
from shared.kit.http.edge import Limits
from shared.kit.http.problems import Problem, problem
from shared.kit.http.requests import headers_of
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import Tracing
from shared.kit.ports import Ids

log = structlog.get_logger()

_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_INTERNAL_PREFIX: Final = "/internal/"  # a replica's request, forwarded with its texts sealed
UPLOAD_ENDING: Final = "/attachments"  # a body that is a file; `Routes.upload` demands it
_INTERNAL_GROWTH: Final = 2  # sealed texts travel as base64, a third longer, beside new fields
_SERVER_ERROR: Final = 500
_REJECTIONS: Final = {
    "rate_limited": "rate",
    "authority_stale": "authority_stale",
    "issuer_unavailable": "issuer_unavailable",
}
_OPEN_PREFIXES: Final = ("/health/", "/metrics")  # answered even when there is too much to do


@dataclass(slots=True)
class _Exchange:
    context: RequestContext
    started_at: float
    status: int = 0
    received_bytes: int = 0
    added: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])


class EdgeMiddleware:
    """Wraps the application; nothing that happens inside goes unanswered or unlogged."""

    def __init__(
        self, app: ASGIApp, *, ids: Ids, limits: Limits, metrics: Metrics, tracing: Tracing
    ) -> None:
        self._app = app
        self._ids = ids
        self._limits = limits
        self._metrics = metrics
        self._tracing = tracing
        self._in_flight = 0
        self._series: dict[tuple[str, str, int], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        bytes_max = self._bytes_max(scope)
        context = open_context(scope, headers, self._ids, self._tracing)
        exchange = _Exchange(
            context,
            time.perf_counter(),
            added=[(b"cogov-correlation", str(context.correlation_id).encode())],
        )

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *exchange.added]
            await send(message)

        async def read() -> Message:
            message = await receive()
            exchange.received_bytes += len(message.get("body", b""))
            if exchange.received_bytes > bytes_max:
                raise _too_large(bytes_max)
            return message

        self._in_flight += 1
        self._metrics.http_in_flight.set(self._in_flight)
        try:
            await self._guarded(scope, headers, read, answer, exchange)
        finally:
            self._in_flight -= 1
            self._metrics.http_in_flight.set(self._in_flight)
            self._note(scope, exchange)

    async def _guarded(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        exchange: _Exchange,
    ) -> None:
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await self._refuse(refusal, scope, receive, send, exchange)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # the server goes on; a bug costs its own request
            self._metrics.faults.labels("http").inc()
            log.exception("http.crashed", error=type(error).__name__, **_ids(exchange.context))
            if exchange.status:
                raise
            crash = Problem(500, "internal_error", "Something went wrong here; it was logged.")
            await self._refuse(crash, scope, receive, send, exchange)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Problem | None:
        limits = self._limits
        path: str = scope["path"]
        if self._in_flight > limits.in_flight_max and not path.startswith(_OPEN_PREFIXES):
            retry = {"Retry-After": str(limits.retry_after_s)}
            return Problem(503, "overloaded", "Too many requests at once.", headers=retry)
        length = headers.get(b"content-length")
        if length is None:
            return None
        if not length.isdigit():
            return Problem(400, "request_malformed", "The Content-Length is no number.")
        bytes_max = self._bytes_max(scope)
        return _too_large(bytes_max) if int(length) > bytes_max else None

    def _bytes_max(self, scope: Scope) -> int:
        if scope["method"] == "POST" and scope["path"].endswith(UPLOAD_ENDING):
            return self._limits.upload_bytes_max
        internal = scope["path"].startswith(_INTERNAL_PREFIX)
        return self._limits.body_bytes_max * (_INTERNAL_GROWTH if internal else 1)

    async def _refuse(
        self, refusal: Problem, scope: Scope, receive: Receive, send: Send, exchange: _Exchange
    ) -> None:
        exchange.context.code = refusal.code
        if refusal.status_code in {413, 503}:
            # The body stays unread, so the connection cannot be used again.
            exchange.added.append((b"connection", b"close"))
        response = problem(
            refusal.status_code, refusal.code, refusal.detail, refusal.details, refusal.headers
        )
        await response(scope, receive, send)

    def _note(self, scope: Scope, exchange: _Exchange) -> None:
        seconds = time.perf_counter() - exchange.started_at
        route: str = getattr(scope.get("route"), "path", _UNMATCHED)
        method: str = scope["method"] if scope["method"] in _METHODS else "other"
        key = (method, route, exchange.status // 100)
        series = self._series.get(key)
        if series is None:
            duration = self._metrics.http_request_duration_seconds
            series = self._series[key] = duration.labels(method, route, f"{key[2]}xx")
        series.observe(seconds)
        if method == "POST" and (reason := _REJECTIONS.get(exchange.context.code)):
            self._metrics.commands_rejected.labels(reason).inc()
        self._end_span(exchange, method, route, seconds)
        log.info(
            "http.answered",
            route=route,
            method=method,
            status=exchange.status,
            code=exchange.context.code,
            ms=round(seconds * 1000, 2),
            **_ids(exchange.context),
        )

    def _end_span(self, exchange: _Exchange, method: str, route: str, seconds: float) -> None:
        context, status = exchange.context, exchange.status
        failed = status >= _SERVER_ERROR
        span = context.span
        if failed and not span:
            span = self._tracing.error(context.traceparent, time.time_ns() - int(seconds * 1e9))
        if not span:
            return
        span.rename(f"{method} {route}")
        span.set(correlation_id=str(context.correlation_id), code=context.code)
        span.set_standard(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
        )
        if failed:
            span.fail(context.code or str(status))
        span.end()


def _ids(context: RequestContext) -> dict[str, str]:
    return {
        "correlation_id": str(context.correlation_id),
        "traceparent": context.traceparent,
    }


def _too_large(bytes_max: int) -> Problem:
    return Problem(413, "body_too_large", "The body is too large.", bytes_max=bytes_max)
