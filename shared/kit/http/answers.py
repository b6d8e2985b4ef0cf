"""The writer's answers as HTTP responses."""

from __future__ import annotations

from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from shared.decider import RefusalKind
from shared.kit.http.problems import STATUS, problem
from shared.kit.position import Position, format_token
from shared.kit.submission import (
    Accepted,
    Answer,
    Fault,
    KeyReused,
    Refusal,
    Unavailable,
)

_FLAG: Final = {True: "true", False: "false"}


class CommandAnswer(BaseModel):
    """The command is stored: its stream, that stream's version, how many events it wrote."""

    model_config = ConfigDict(title="CommandAnswer")

    stream: str
    version: int
    events: int
    id: str | None = None


def answer_response(
    service: str, answer: Answer, *, scope: str, path: str, status: int, created: bool
) -> Response:
    """Make the response; `created`: the answer names the new stream's id and its Location."""
    match answer:
        case Accepted():
            return _accepted(service, answer, path=path, status=status, created=created)
        case Refusal():
            position = Position(service, answer.epoch, answer.position, scope)
            headers = {
                "Cogov-Position": format_token(position),
                "Idempotency-Replayed": _FLAG[answer.replayed],
            }
            kind = RefusalKind(answer.kind)
            if kind is RefusalKind.UNAVAILABLE:
                headers["Retry-After"] = "1"
            return problem(STATUS[kind], answer.code, answer.text, answer.details, headers)
        case Unavailable():
            retry = {"Retry-After": str(answer.retry_after_s)}
            return problem(503, answer.code, answer.text, headers=retry)
        case Fault():
            return problem(answer.status, answer.code, answer.text)
        case KeyReused():
            return problem(
                422,
                "idempotency_key_reused",
                "This Idempotency-Key was used before for another request.",
            )


def answer_code(answer: Answer) -> str:
    """Give the code that the access log names; empty for an accepted command."""
    match answer:
        case Accepted():
            return ""
        case KeyReused():
            return "idempotency_key_reused"
        case _:
            return answer.code


def _accepted(service: str, answer: Accepted, *, path: str, status: int, created: bool) -> Response:
    content: dict[str, Any] = {
        "stream": answer.stream,
        "version": answer.version,
        "events": answer.events,
    }
    position = Position(service, answer.epoch, answer.position, answer.scope)
    headers = {
        "ETag": f'"{answer.version}"',
        "Cogov-Position": format_token(position),
        "Idempotency-Replayed": _FLAG[answer.replayed],
    }
    if created:
        # Not the id that this request drew: of a repeated request the first one's counts.
        content["id"] = answer.stream.rsplit("/", 1)[-1]
        headers["Location"] = f"{path}/{content['id']}"
    return Response(orjson.dumps(content), status, headers, "application/json")
