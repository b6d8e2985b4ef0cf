"""Query routes: FastAPI GETs whose caller the kit has authenticated and authorised."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from shared.kit.http.edge import Edge
from shared.kit.http.problems import problem_responses
from shared.kit.http.rates import Kind
from shared.kit.http.requests import admit, headers_of, path_values, wait_after
from shared.kit.http.routing import FeatureRoute
from shared.kit.submission import Caller
from shared.kit.vault.texts import TextHasNul

AFTER_TEXT: Final = "A Cogov-Position: answer only once this service is at least that far."
SECURITY: Final = {"security": [{"bearer": []}]}

_READER: Final = "cogov.reader"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the identity, and the resident it stands for ("" where that is not known)."""

    caller: Caller
    scope: str
    resident: str


def _reader(request: Request) -> Reader:
    return cast("Reader", request.scope[_READER])


Reading = Annotated[Reader, Depends(_reader)]


def query_route(
    path: str,
    edge: Edge,
    handler: Callable[..., Awaitable[Any]],
    *,
    action: str,
    summary: str,
    versioned: bool,
    reveals: bool,
) -> FeatureRoute:
    """Make a GET route; the checks run before any of the handler's own parameters is read."""
    if not inspect.iscoroutinefunction(handler):
        raise TypeError(f"the handler of {path} is not an async function")
    answer = inspect.signature(handler, eval_str=True).return_annotation
    if not (inspect.isclass(answer) and issubclass(answer, BaseModel)):
        raise TypeError(f"the handler of {path} must say which pydantic model it gives")
    kind = Kind.REVEALS if reveals else Kind.QUERIES
    return FeatureRoute(
        path,
        _answering(handler, versioned=versioned),
        actions=(action,),
        methods=["GET"],
        summary=summary,
        operation_id=_operation_id(handler),
        response_model=answer,
        responses=problem_responses(400, 401, 403, 404, 422, 429, 503),
        dependencies=[Depends(query_guard(edge, action, kind))],
        openapi_extra=SECURITY,
    )


def query_guard(edge: Edge, action: str, kind: Kind) -> Callable[..., Awaitable[None]]:
    """Give what authenticates, counts and authorises a GET before anything else of it is read."""

    async def guard(
        request: Request,
        scope: str,
        cogov_after: Annotated[str | None, Header(description=AFTER_TEXT)] = None,  # noqa: ARG001
    ) -> None:
        headers = headers_of(request.scope)
        caller = await admit(edge, headers, kind)
        path_values(request.scope)
        if b"%00" in request.scope["query_string"]:
            raise TextHasNul
        # First the waiting: a role given a moment ago, elsewhere, counts as soon as it is heard.
        await wait_after(edge, headers)
        resident = await edge.authorise_read(action, scope, caller)
        request.scope[_READER] = Reader(caller, scope, resident or "")

    return guard


def _answering(
    handler: Callable[..., Awaitable[Any]], *, versioned: bool
) -> Callable[..., Awaitable[Response]]:
    """Let `handler` keep its signature and answer with bytes, past FastAPI's slow encoder."""
    signature = inspect.signature(handler, eval_str=True)
    request_parameter = inspect.Parameter(
        "cogov_request", inspect.Parameter.KEYWORD_ONLY, annotation=Request
    )

    @functools.wraps(handler)
    async def endpoint(cogov_request: Request, **arguments: Any) -> Response:
        answer = await handler(**arguments)
        headers = {"Cache-Control": "no-store"}
        if versioned:
            headers = {"Cache-Control": "private, no-cache", "ETag": f'"{answer.version}"'}
            if cogov_request.headers.get("if-none-match") == headers["ETag"]:
                return Response(None, 304, headers)
        return Response(answer.model_dump_json(), 200, headers, "application/json")

    vars(endpoint)["__signature__"] = signature.replace(
        parameters=[*signature.parameters.values(), request_parameter]
    )
    return endpoint


def _operation_id(handler: Callable[..., Any]) -> str:
    first, *rest = handler.__name__.split("_")
    return first + "".join(word.capitalize() for word in rest)
