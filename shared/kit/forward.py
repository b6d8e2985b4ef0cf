"""One door for commands: to the writer here, or to wherever the lease says it is.

A replica forwards a submission with its personal texts already sealed and the fingerprint of the
client's own request. A replica that is asked and does not lead answers 421; then, and when a
connection breaks, the lease is asked again and the same submission is sent again until its
deadline: its command id makes that safe. The same where the writer is of another release and cannot
read the command, or gives an answer that cannot be read here: 503 `newer_version` at the deadline.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any, Final, Protocol
from uuid import UUID

import httpx
import msgspec
import structlog
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from shared.decider import Command
from shared.kit.lease import Holding
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import Claim, Secret
from shared.kit.submission import (
    Accepted,
    Answer,
    Caller,
    Fault,
    KeyReused,
    Refusal,
    Submission,
    Unavailable,
)

PATH: Final = "/internal/v1/submissions"
_PROOF_HEADER: Final = "cogov-internal"
_log: Final = structlog.get_logger()
_NO_WRITER: Final = Unavailable("writer_moving", "The writer is moving to another replica.")
_NEWER_VERSION: Final = Unavailable(
    "newer_version", "The writer is of another release and does not know this command; try again."
)
_OK: Final = 200
_MISDIRECTED: Final = 421
_ANSWERS: Final = msgspec.json.Decoder(Accepted | Refusal | Unavailable | Fault | KeyReused)
_ENCODER: Final = msgspec.json.Encoder()


class _Forwarded(msgspec.Struct, frozen=True):
    command_id: UUID
    fingerprint: bytes
    scope: str
    command: msgspec.Raw
    caller: Caller | None
    correlation_id: UUID
    channel: str
    on_behalf_of: str
    occurred_at: datetime | None
    expected_version: int | None
    secrets: tuple[Secret, ...]
    claims: tuple[Claim, ...]
    causation_id: UUID | None
    traceparent: str


class SubmissionCodec:
    """Submissions as JSON, for the commands of one service."""

    def __init__(self, commands: Iterable[type[Command]]) -> None:
        union: Any = None
        for command in commands:
            union = command if union is None else union | command
        self._commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(union)
        self._forwarded = msgspec.json.Decoder(_Forwarded)

    def encode(self, submission: Submission) -> bytes:
        """Write a submission."""
        fields = {
            name: getattr(submission, name)
            for name in _Forwarded.__struct_fields__
            if name != "command"
        }
        raw = msgspec.Raw(_ENCODER.encode(submission.command))
        return _ENCODER.encode(_Forwarded(command=raw, **fields))

    def decode(self, body: bytes) -> Submission:
        """Read one; raises msgspec.DecodeError or ValidationError."""
        forwarded = self._forwarded.decode(body)
        fields = {
            name: getattr(forwarded, name)
            for name in _Forwarded.__struct_fields__
            if name != "command"
        }
        return Submission(command=self._commands.decode(forwarded.command), **fields)


@dataclass(slots=True)
class _Way:
    """How a command came to the writer's process."""

    outcome: str = "ok"
    started: float = field(default_factory=perf_counter)


class LocalWriter(Protocol):
    """The writer of this process, while it leads."""

    async def submit(self, submission: Submission) -> Answer:
        """Decide and answer."""
        ...


class Door:
    """Where every command of this process enters."""

    def __init__(
        self,
        *,
        codec: SubmissionCodec,
        who_leads: Callable[[], Awaitable[Holding | None]],
        client: httpx.AsyncClient,
        secret: str,
        deadline_s: float,
        metrics: Metrics | None = None,
    ) -> None:
        self._codec = codec
        self._who_leads = who_leads
        self._client = client
        self._secret = secret
        self._deadline_s = deadline_s
        self._seconds = (metrics or Metrics(CollectorRegistry())).forward_seconds
        self.local: LocalWriter | None = None
        self._closed = False

    def close(self) -> None:
        """Keep nobody waiting for a writer: this process is about to end or to start anew."""
        self.local = None
        self._closed = True

    async def submit(self, submission: Submission) -> Answer:
        """Send a command to the writer, wherever it is, until the deadline."""
        if self.local is not None:
            return await self.local.submit(submission)
        body = self._codec.encode(submission)
        answer: Answer = _NO_WRITER
        way = _Way()
        try:
            async with asyncio.timeout(self._deadline_s):
                while not self._closed:
                    answer = await self._try_once(submission, body, way)
                    pause_s = _again_after_s(answer)
                    if pause_s is None:
                        self._seconds.labels(way.outcome).observe(perf_counter() - way.started)
                        return answer
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            pass
        self._seconds.labels("deadline").observe(perf_counter() - way.started)
        return answer

    async def _try_once(self, submission: Submission, body: bytes, way: _Way) -> Answer:
        if self.local is not None:
            return await self.local.submit(submission)
        try:
            leader = await self._who_leads()
            if leader is None:
                way.outcome = "moved"
                return _NO_WRITER
            response = await self._client.post(
                f"{leader.address}{PATH}", content=body, headers={_PROOF_HEADER: self._secret}
            )
        except (httpx.TransportError, OSError) as error:
            _log.info("command.forwarding_failed", error=type(error).__name__)
            way.outcome = "resent"
            return _NO_WRITER
        if response.status_code != _OK:
            # Not the writer, or it has too much to do, or another process has its address.
            way.outcome = "moved"
            return _NO_WRITER
        try:
            return _ANSWERS.decode(response.content)
        except msgspec.MsgspecError:
            return _NEWER_VERSION

    async def receive(self, request: Request) -> Response:
        """Take a forwarded submission: answer it here, or 421 when this is not the writer."""
        given = request.headers.get(_PROOF_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return Response(status_code=404)
        if self.local is None:
            return Response(status_code=_MISDIRECTED)
        body = await request.body()
        try:
            submission = self._codec.decode(body)
        except msgspec.MsgspecError as error:
            # Nothing of the content: only which command, or which field of it, is not known.
            _log.warning("command.not_decoded", error=str(error))
            answer: Answer = _NEWER_VERSION
        else:
            answer = await self.local.submit(submission)
        return Response(_ENCODER.encode(answer), media_type="application/json")


def _again_after_s(answer: Answer) -> float | None:
    """Say when to send a submission again, by what became of it; None: that is the answer."""
    if answer == _NO_WRITER:
        return 0.1
    return 0.5 if answer == _NEWER_VERSION else None
