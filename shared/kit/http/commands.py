"""Command routes: one POST is one command; the fast path of the edge.

The route reads the body itself and solves no dependencies; FastAPI only matches the path and
writes the OpenAPI page, from a signature made for that purpose.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from fastapi import Header
from pydantic import BaseModel
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from shared.decider import Command
from shared.kit.http.answers import CommandAnswer
from shared.kit.http.bodies import TimedBody
from shared.kit.http.edge import Edge, Sealer
from shared.kit.http.problems import PathNotFound, problem_responses
from shared.kit.http.queries import AFTER_TEXT, SECURITY, query_route
from shared.kit.http.rates import Kind
from shared.kit.http.requests import (
    KEY_CHARS_MAX,
    admit,
    command_headers,
    headers_of,
    parse_body,
    path_values,
    read_body,
    require_json,
    wait_after,
)
from shared.kit.http.routing import FeatureRoute
from shared.kit.http.submitting import Draft, Order, submit
from shared.kit.http.uploads import Download, UploadHandler, download_route, upload_route
from shared.kit.submission import Caller

B = TypeVar("B", bound=BaseModel)

_KEY_TEXT: Final = "Names this request: sent again with the same key it has the same answer."
_IF_MATCH_TEXT: Final = "The version that the target must be at, in quotes (else 412)."


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """One authenticated POST, its body valid; whether the caller may is the writer's to decide.

    `path` holds the path's parameters, `scope` among them. `now` is the site clock.
    """

    body: B
    scope: str
    path: Mapping[str, str]
    caller: Caller
    new_id: Callable[[], UUID]
    now: Callable[[], datetime]
    vault: Sealer

    def id(self, name: str) -> UUID:
        """Give a path parameter that is an id; raise PathNotFound for anything else."""
        try:
            return UUID(self.path[name])
        except ValueError:
            raise PathNotFound from None


Handler = Callable[[Call[B]], Awaitable[Draft] | Draft]


class CommandEndpoint(Generic[B]):
    """The ASGI application behind one command route."""

    def __init__(
        self, service: str, edge: Edge, body: type[B], handler: Handler[B], status: int
    ) -> None:
        self._service = service
        self._edge = edge
        self._body = body
        self._handler = handler
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST; what goes wrong is raised and answered by the problem handlers."""
        edge = self._edge
        headers = headers_of(scope)
        caller = await admit(edge, headers, Kind.COMMANDS)
        path = path_values(scope)
        require_json(headers)
        asked = command_headers(headers)
        body, plain = parse_body(self._body, await read_body(receive))
        await wait_after(edge, headers)
        call = Call(body, path["scope"], path, caller, edge.ids.new, edge.clock.now, edge.vault)
        occurred_at = body.happened_at(edge.clock.now()) if isinstance(body, TimedBody) else None
        made = self._handler(call)
        draft = await made if inspect.isawaitable(made) else made
        order = Order(
            caller=caller,
            place=call.scope,
            headers=asked,
            plain=plain,
            draft=draft,
            occurred_at=draft.occurred_at or occurred_at,
        )
        response = await submit(self._service, edge, scope, order, status=self._status)
        await response(scope, receive, send)


def command_route(
    path: str,
    endpoint: CommandEndpoint[B],
    body: type[B],
    *,
    action: type[Command],
    status: int,
    summary: str,
) -> FeatureRoute:
    """Make a route that FastAPI matches and documents, and that `endpoint` answers."""
    route = FeatureRoute(
        path,
        _documented(path, body),
        actions=(action,),
        methods=["POST"],
        status_code=status,
        summary=summary,
        description=(action.__doc__ or "").strip(),
        operation_id=_operation_id(action),
        response_model=CommandAnswer,
        responses=problem_responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503),
        openapi_extra=SECURITY,
        response_description="The command is stored, or it was already so (`events` is 0).",
    )
    route.app = endpoint
    return route


class Routes:
    """The routes of one feature under `/api/<service>/v1`; every path names its `{scope}`."""

    def __init__(self, service: str, edge: Edge) -> None:
        self.routes: list[FeatureRoute] = []
        self._service = service
        self._edge = edge
        self._prefix = api_prefix(service)

    def command(
        self,
        path: str,
        body: type[B],
        handler: Handler[B],
        *,
        action: type[Command],
        summary: str,
        status: int = 200,
    ) -> None:
        """Add a POST; `action` is the command it gives, which the writer's policy table judges."""
        endpoint = CommandEndpoint(self._service, self._edge, body, handler, status)
        self.routes.append(
            command_route(
                self._path(path), endpoint, body, action=action, status=status, summary=summary
            )
        )

    def query(
        self,
        path: str,
        handler: Callable[..., Awaitable[Any]],
        *,
        action: str,
        summary: str,
        versioned: bool = False,
        reveals: bool = False,
    ) -> None:
        """Add a GET whose caller must be allowed `action` on the path's scope.

        `handler` has a FastAPI signature (`Paging`, `Reading` and queries among its parameters)
        and a return annotation, which documents the answer. `versioned`: the answer has a
        `version`, which becomes its ETag; If-None-Match is then honoured. `reveals`: it opens
        personal texts, so it is counted with those.
        """
        self.routes.append(
            query_route(
                self._path(path),
                self._edge,
                handler,
                action=action,
                summary=summary,
                versioned=versioned,
                reveals=reveals,
            )
        )

    def upload(
        self,
        path: str,
        parameters: type[B],
        handler: UploadHandler[B],
        *,
        action: type[Command],
        storing: str,
        summary: str,
    ) -> None:
        """Add a POST whose body is a file; the path ends in `/attachments`.

        Whoever may not do `storing` is turned away before the file is read; `action` is the command
        it gives, which the writer's policy table judges. `parameters` are those of the query.
        """
        self.routes.append(
            upload_route(
                self._service,
                self._path(path),
                self._edge,
                parameters,
                handler,
                action=action,
                storing=storing,
                summary=summary,
            )
        )

    def download(
        self, path: str, handler: Callable[..., Awaitable[Download]], *, action: str, summary: str
    ) -> None:
        """Add a GET that answers with a file; otherwise as `query`."""
        self.routes.append(
            download_route(self._path(path), self._edge, handler, action=action, summary=summary)
        )

    def _path(self, path: str) -> str:
        if "{scope}" not in path:
            raise ValueError(f"the path {path} names no scope")
        return f"{self._prefix}/{path.lstrip('/')}"


def api_prefix(service: str) -> str:
    """Give the path under which a service's routes are."""
    return f"/api/{service}/v1"


def _documented(path: str, body: type[BaseModel]) -> Callable[..., None]:
    """Make a function whose signature says what the route reads; it is never called."""

    def endpoint() -> None:
        """Stand for the route."""

    def parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> Any:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, kind, default=default, annotation=annotation)

    named = [parameter(name, str) for name in compile_path(path)[2]]
    key = Annotated[str, Header(min_length=1, max_length=KEY_CHARS_MAX, description=_KEY_TEXT)]
    version = Annotated[str | None, Header(description=_IF_MATCH_TEXT)]
    after = Annotated[str | None, Header(description=AFTER_TEXT)]
    signature = inspect.Signature(
        [
            *named,
            parameter("body", body),
            parameter("idempotency_key", key),
            parameter("if_match", version, None),
            parameter("cogov_after", after, None),
        ]
    )
    vars(endpoint)["__signature__"] = signature
    return endpoint


def _operation_id(action: type[Command]) -> str:
    return action.__name__[0].lower() + action.__name__[1:]
