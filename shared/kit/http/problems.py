"""Every 'no' of the edge as a problem document (RFC 9457) with a stable `code`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from shared.decider import RefusalKind, Refused
from shared.kit.http.context import context_of
from shared.kit.identity.tokens import TokenMissingError, TokenRefusedError
from shared.kit.ports import LogUnavailableError
from shared.kit.postgres.faults import STORAGE_FAULTS

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
STATUS: Final[dict[RefusalKind, int]] = {
    RefusalKind.INVALID: 422,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.CONFLICT: 409,
    RefusalKind.VERSION: 412,
    RefusalKind.UNAVAILABLE: 503,
}

_ERRORS_MAX: Final = 20
_POINTER_CHARS_MAX: Final = 200
_MEMBERS: Final = frozenset({"type", "title", "status", "code", "detail"})
_HTTP_CODES: Final = {
    400: ("request_malformed", "The request cannot be read."),
    404: ("path_not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not answer that method."),
}


class ProblemBody(BaseModel):
    """A problem document; the members that belong to its `code` stand beside these."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str
    title: str
    status: int
    code: str
    detail: str


class Problem(HTTPException):
    """Raised where the edge itself says no; `code` is stable, `text` public."""

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        *,
        headers: Mapping[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(status, text, headers)
        self.code = code
        self.details = details


class PathNotFound(Refused):
    """There is nothing at this path."""

    kind = RefusalKind.NOT_FOUND


def problem(
    status: int,
    code: str,
    text: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make a problem document; `details` become members of their own."""
    content = {name: value for name, value in (details or {}).items() if name not in _MEMBERS}
    content |= {
        "type": f"urn:cogov:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": text,
    }
    return Response(orjson.dumps(content), status, headers, MEDIA_TYPE)


def refused(error: Refused, retry_after_s: int = 1) -> Response:
    """Make the problem document of a refusal."""
    status = STATUS[error.kind]
    headers = {"Retry-After": str(retry_after_s)} if error.kind is RefusalKind.UNAVAILABLE else None
    return problem(status, error.code(), error.text(), error.details, headers)


def request_invalid(errors: Sequence[Any]) -> Problem:
    """Make the problem of a body or of parameters that do not fit; no input is repeated in it."""
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(400, "json_malformed", "The body is not JSON.")
    if any(error["loc"][:1] == ("path",) for error in errors):
        return Problem(404, PathNotFound.code(), PathNotFound.text())
    found = [
        {"at": _pointer(error["loc"]), "code": error["type"], "text": error["msg"]}
        for error in errors[:_ERRORS_MAX]
    ]
    return Problem(422, "request_invalid", "Some values do not fit.", errors=found)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe problem answers for OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every expected exception of the app's routes with a problem document."""
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(TokenRefusedError, _on_token)
    for fault in (*STORAGE_FAULTS, LogUnavailableError):
        app.add_exception_handler(fault, _on_storage)


async def _on_invalid(request: Request, error: Exception) -> Response:
    error = cast("RequestValidationError", error)
    return await _on_http(request, request_invalid(error.errors()))


async def _on_http(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    if isinstance(error, Problem):
        answer = problem(error.status_code, error.code, error.detail, error.details, error.headers)
        return _noted(request, answer, error.code)
    status = error.status_code
    code, text = _HTTP_CODES.get(status, (f"http_{status}", HTTPStatus(status).phrase))
    headers = {"Allow": _allowed(request)} if status == HTTPStatus.METHOD_NOT_ALLOWED else None
    return _noted(request, problem(status, code, text, headers=headers or error.headers), code)


async def _on_refused(request: Request, error: Exception) -> Response:
    error = cast("Refused", error)
    return _noted(request, refused(error), error.code())


async def _on_token(request: Request, error: Exception) -> Response:
    error = cast("TokenRefusedError", error)
    challenge = 'Bearer realm="cogov"'
    if not isinstance(error, TokenMissingError):
        challenge += f', error="invalid_token", error_description="{error.text}"'
    answer = problem(401, error.code, error.text, headers={"WWW-Authenticate": challenge})
    return _noted(request, answer, error.code)


async def _on_storage(request: Request, error: Exception) -> Response:
    log.warning(
        "http.storage_failed",
        error=type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        correlation_id=str(context_of(request.scope).correlation_id),
    )
    answer = problem(
        503,
        "storage_unavailable",
        "The database cannot answer now; try again.",
        headers={"Retry-After": "1"},
    )
    return _noted(request, answer, "storage_unavailable")


def _noted(request: Request, answer: Response, code: str) -> Response:
    context_of(request.scope).code = code
    return answer


def _allowed(request: Request) -> str:
    # Each method of a path is a route of its own, and the framework names only the first one's.
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(methods))


def _pointer(where: Sequence[int | str]) -> str:
    # A JSON Pointer (RFC 6901) below `body` or `query`.
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in where)
    return ("/" + "/".join(parts))[:_POINTER_CHARS_MAX]
