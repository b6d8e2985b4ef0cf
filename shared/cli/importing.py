"""Enters messages of another system as requests, through the public HTTP API of wishes.

Each message becomes up to four commands in this order, all entered late at their own dates:
receive and, because a desk that takes a message in has accepted it, accept and dispatch, each when
it was submitted; answer when it was replied to. An answer whose date is not known is marked
undated. A message without an area has the area `unknown`.

The kind is the first of these that fits, read in the subject alone, because a long text mentions
much in passing:

1. enquiry: it contains 咨询, or its last character is a question mark, in either width;
2. complaint: it contains 投诉, 举报 or 反对;
3. opinion: it contains 建议;
4. problem: everything else.

The request goes to the unit of its category in the category policy, one without a category to the
community desk. Every command has a key made of the message's id, so entering a file again changes
nothing, and an import that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Protocol

from shared.cli.client import Answered, RefusedByApiError
from shared.cli.messages import BrokenLine, Line, Message

DESK_UNIT: Final = "community-desk"
UNKNOWN_AREA: Final = "unknown"

_ENQUIRY: Final = ("咨询",)
_QUESTION_MARKS: Final = ("?", "？")  # noqa: RUF001 - both are in use
_COMPLAINT: Final = ("投诉", "举报", "反对")
_OPINION: Final = ("建议",)

# Not the line's fault: every other line would be refused likewise.
_STOPS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


@dataclass(slots=True)
class ImportReport:
    """What became of a file."""

    messages: int = 0
    commands: int = 0
    replayed: int = 0
    broken: list[BrokenLine] = field(default_factory=list[BrokenLine])
    seconds: float = 0.0

    @property
    def nothing_changed(self) -> bool:
        """Tell whether every command had been given before."""
        return self.replayed == self.commands

    @property
    def messages_per_second(self) -> float:
        """Give the throughput over HTTP."""
        return self.messages / self.seconds if self.seconds else 0.0

    @property
    def commands_per_second(self) -> float:
        """Give how many commands were answered in a second."""
        return self.commands / self.seconds if self.seconds else 0.0


def kind_of(subject: str) -> str:
    """Give the kind of a request by the rule at the top of this file."""
    if _contains(subject, _ENQUIRY) or subject.rstrip().endswith(_QUESTION_MARKS):
        return "enquiry"
    if _contains(subject, _COMPLAINT):
        return "complaint"
    if _contains(subject, _OPINION):
        return "opinion"
    return "problem"


def _contains(subject: str, words: Iterable[str]) -> bool:
    return any(word in subject for word in words)


class Commands(Protocol):
    """What an import needs of a client."""

    async def post(self, path: str, body: dict[str, Any], *, key: str) -> Answered:
        """Give one command; raise RefusedByApiError or ApiUnavailableError."""
        ...


class MessageImport:
    """One run over one file; messages go side by side, the steps of one in their order."""

    def __init__(
        self,
        api: Commands,
        scope: str,
        *,
        unit_of: Callable[[Message], str],
        in_flight_max: int,
        on_line: Callable[[], None],
    ) -> None:
        """Take `unit_of`, the unit a message is dispatched to; `on_line` is called once a line."""
        self._api = api
        self._requests = f"/api/wishes/v1/communities/{scope}/requests"
        self._unit_of = unit_of
        self._in_flight_max = in_flight_max
        self._on_line = on_line
        self._report = ImportReport()

    async def run(self, lines: Iterator[Line | BrokenLine]) -> ImportReport:
        """Enter every line; raise RefusedByApiError or ApiUnavailableError when it must stop."""
        started = time.monotonic()
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._in_flight_max):
                    workers.create_task(self._work(lines))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        self._report.seconds = time.monotonic() - started
        self._report.broken.sort(key=lambda broken: broken.number)
        return self._report

    async def _work(self, lines: Iterator[Line | BrokenLine]) -> None:
        for line in lines:
            match line:
                case BrokenLine():
                    self._report.broken.append(line)
                case Line(number=number, message=message):
                    await self._enter(number, message)
            self._on_line()

    async def _enter(self, number: int, message: Message) -> None:
        try:
            await self._steps(message)
        except RefusedByApiError as refusal:
            if refusal.status in _STOPS:
                raise
            self._report.broken.append(BrokenLine(number, f"refused: {refusal}"))
        else:
            self._report.messages += 1

    async def _steps(self, message: Message) -> None:
        submitted = _late(message.submitted_at)
        received = await self._give(message, "receive", "", received_body(message))
        path = f"/{received}"
        await self._give(message, "accept", f"{path}/acceptance", submitted)
        unit = self._unit_of(message)
        await self._give(message, "dispatch", f"{path}/dispatch", {**submitted, "unit": unit})
        if message.reply is not None:
            await self._give(message, "answer", f"{path}/answer", answer_body(message))

    async def _give(self, message: Message, step: str, path: str, body: dict[str, Any]) -> str:
        answer = await self._api.post(
            self._requests + path, body, key=f"message-{message.id}-{step}"
        )
        self._report.commands += 1
        self._report.replayed += answer.replayed
        return str(answer.content.get("id", ""))


def received_body(message: Message) -> dict[str, Any]:
    """Give the body of the command that takes a message in."""
    return {
        **_late(message.submitted_at),
        "kind": kind_of(message.subject),
        "account": message.user,
        "area": message.area or UNKNOWN_AREA,
        "subject": message.subject,
        "text": message.text,
    }


def answer_body(message: Message) -> dict[str, Any]:
    """Give the body of the answer; one without a date stands at the request's own."""
    return {
        **_late(message.replied_at or message.submitted_at),
        "account": message.user,
        "text": message.reply,
        "dated": message.replied_at is not None,
    }


def _late(when: datetime) -> dict[str, Any]:
    return {"entered": "late", "occurred_at": when.isoformat()}
