"""From a draft to the writer, and from the writer's answer to a response."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from shared.decider import Command
from shared.kit.http.answers import answer_code, answer_response
from shared.kit.http.context import context_of
from shared.kit.http.edge import Edge
from shared.kit.http.requests import CommandHeaders
from shared.kit.identity.ids import command_id, fingerprint
from shared.kit.ports import Claim, Secret
from shared.kit.submission import Answer, Caller, Submission, Unavailable


@dataclass(frozen=True, slots=True)
class Draft:
    """What a handler makes of a call.

    `secrets` are stored and `claims` made only if the command is accepted. `created` is set when
    the command starts the stream it targets: the answer's id is then that stream's last part (for
    a repeated request the first one's, whatever new id this draft drew). `occurred_at` overrides a
    TimedBody's.
    """

    command: Command
    occurred_at: datetime | None = None
    secrets: tuple[Secret, ...] = ()
    claims: tuple[Claim, ...] = ()
    on_behalf_of: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A draft, and the request that it was made of; `plain` is what its fingerprint is taken of."""

    caller: Caller
    place: str
    headers: CommandHeaders
    plain: Any
    draft: Draft
    occurred_at: datetime | None


async def submit(service: str, edge: Edge, scope: Scope, order: Order, *, status: int) -> Response:
    """Give a draft to the writer and make the response of its answer."""
    context = context_of(scope)
    url_path: str = scope["path"]
    caller, draft, headers = order.caller, order.draft, order.headers
    answer = await _ask(
        edge,
        Submission(
            command_id=command_id(caller.issuer, caller.subject, order.place, headers.key),
            fingerprint=fingerprint(
                edge.fingerprint_secret, scope["method"], url_path, order.plain, headers.if_match
            ),
            scope=order.place,
            command=draft.command,
            caller=caller,
            correlation_id=context.correlation_id,
            on_behalf_of=draft.on_behalf_of,
            occurred_at=order.occurred_at,
            expected_version=headers.expected_version,
            secrets=draft.secrets,
            claims=draft.claims,
            traceparent=context.traceparent,
        ),
    )
    context.code = answer_code(answer)
    return answer_response(
        service,
        answer,
        scope=order.place,
        path=url_path,
        status=status,
        created=bool(draft.created),
    )


async def _ask(edge: Edge, submission: Submission) -> Answer:
    try:
        async with asyncio.timeout(edge.limits.answer_ms_max / 1000):
            return await edge.submit(submission)
    except TimeoutError:
        return Unavailable(
            code="answer_late",
            text="No answer yet: send the same request again, with the same Idempotency-Key.",
            retry_after_s=edge.limits.retry_after_s,
        )
