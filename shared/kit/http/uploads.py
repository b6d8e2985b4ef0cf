"""Files over HTTP: the body of a POST is the file, and a GET answers with one.

A file is held in memory whole, so only a few are taken at once; a caller who may not store one is
turned away before a byte of it is read.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Header, Query
from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from shared.decider import Command
from shared.kit.http.answers import CommandAnswer
from shared.kit.http.edge import Edge
from shared.kit.http.middleware import UPLOAD_ENDING
from shared.kit.http.problems import Problem, problem_responses, request_invalid
from shared.kit.http.queries import SECURITY, query_guard
from shared.kit.http.rates import Kind
from shared.kit.http.requests import (
    KEY_CHARS_MAX,
    admit,
    command_headers,
    headers_of,
    media_type_of,
    path_values,
    read_body,
    require_unencoded,
    wait_after,
)
from shared.kit.http.routing import FeatureRoute
from shared.kit.http.submitting import Draft, Order, submit
from shared.kit.submission import Caller

P = TypeVar("P", bound=BaseModel)

_CREATED: Final = 201
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "The file; its Content-Type says what it is.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclass(frozen=True, slots=True)
class Upload(Generic[P]):
    """One authenticated POST of a file, whose caller may store one here."""

    content: bytes
    media_type: str
    parameters: P
    scope: str
    path: Mapping[str, str]
    caller: Caller


@dataclass(frozen=True, slots=True)
class Download:
    """A file to answer with; `name` is what it is saved as."""

    content: bytes
    media_type: str
    name: str


UploadHandler = Callable[[Upload[P]], Awaitable[Draft]]


class UploadEndpoint(Generic[P]):
    """The ASGI application behind one upload route."""

    def __init__(
        self,
        service: str,
        edge: Edge,
        parameters: type[P],
        handler: UploadHandler[P],
        storing: str,
    ) -> None:
        self._service = service
        self._edge = edge
        self._parameters = parameters
        self._handler = handler
        self._storing = storing
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        edge, headers = self._edge, headers_of(scope)
        caller = await admit(edge, headers, Kind.COMMANDS)
        path = path_values(scope)
        require_unencoded(headers)
        asked = command_headers(headers)
        parameters = self._parsed(scope)
        await wait_after(edge, headers)
        await edge.authorise_read(self._storing, path["scope"], caller)
        if self._in_flight >= edge.limits.uploads_in_flight_max:
            retry = {"Retry-After": str(edge.limits.retry_after_s)}
            raise Problem(503, "overloaded", "Too many files at once.", headers=retry)
        self._in_flight += 1
        try:
            content = await read_body(receive)
            media_type = media_type_of(headers)
            upload = Upload(content, media_type, parameters, path["scope"], path, caller)
            draft = await self._handler(upload)
        finally:
            self._in_flight -= 1
        order = Order(
            caller=caller,
            place=path["scope"],
            headers=asked,
            plain={
                "file": hashlib.sha256(content).hexdigest(),
                "media_type": media_type,
                "parameters": parameters.model_dump(mode="json"),
            },
            draft=draft,
            occurred_at=draft.occurred_at,
        )
        response = await submit(self._service, edge, scope, order, status=_CREATED)
        await response(scope, receive, send)

    def _parsed(self, scope: Scope) -> P:
        try:
            return self._parameters.model_validate(dict(QueryParams(scope["query_string"])))
        except ValidationError as error:
            errors = error.errors(include_url=False, include_context=False, include_input=False)
            raise request_invalid(errors) from None


def upload_route(
    service: str,
    path: str,
    edge: Edge,
    parameters: type[P],
    handler: UploadHandler[P],
    *,
    action: type[Command],
    storing: str,
    summary: str,
) -> FeatureRoute:
    """Make a POST whose body is a file."""
    if not path.endswith(UPLOAD_ENDING):
        raise ValueError(f"the path {path} takes a file and does not end in {UPLOAD_ENDING}")
    name = action.__name__
    route = FeatureRoute(
        path,
        _documented(path, parameters),
        actions=(action, storing),
        methods=["POST"],
        status_code=_CREATED,
        summary=summary,
        description=(action.__doc__ or "").strip(),
        operation_id=name[0].lower() + name[1:],
        response_model=CommandAnswer,
        responses=problem_responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503),
        openapi_extra={**SECURITY, **_BODY},
        response_description="The file is stored, and so is the command.",
    )
    route.app = UploadEndpoint(service, edge, parameters, handler, storing)
    return route


def download_route(
    path: str, edge: Edge, handler: Callable[..., Awaitable[Download]], *, action: str, summary: str
) -> FeatureRoute:
    """Make a GET that answers with a file, which no browser shows or runs by itself."""
    signature = inspect.signature(handler, eval_str=True)

    @functools.wraps(handler)
    async def endpoint(**arguments: Any) -> Response:
        found = await handler(**arguments)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{found.name}"',
            "Content-Security-Policy": "sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(found.content, 200, headers, found.media_type)

    vars(endpoint)["__signature__"] = signature.replace(return_annotation=Response)
    first, *rest = handler.__name__.split("_")
    return FeatureRoute(
        path,
        endpoint,
        actions=(action,),
        methods=["GET"],
        summary=summary,
        operation_id=first + "".join(word.capitalize() for word in rest),
        response_class=Response,
        responses=problem_responses(400, 401, 403, 404, 422, 429, 503),
        dependencies=[Depends(query_guard(edge, action, Kind.REVEALS))],
        openapi_extra=SECURITY,
    )


def _documented(path: str, parameters: type[BaseModel]) -> Callable[..., None]:
    """Make a function whose signature says what the route reads; it is never called."""

    def endpoint() -> None:
        """Stand for the route."""

    def parameter(name: str, annotation: Any) -> inspect.Parameter:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, kind, annotation=annotation)

    vars(endpoint)["__signature__"] = inspect.Signature(
        [
            *(parameter(name, str) for name in compile_path(path)[2]),
            parameter("parameters", Annotated[parameters, Query()]),
            parameter(
                "idempotency_key", Annotated[str, Header(min_length=1, max_length=KEY_CHARS_MAX)]
            ),
        ]
    )
    return endpoint
