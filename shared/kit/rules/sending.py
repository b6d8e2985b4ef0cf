"""Sends a rule's commands to the writer and says what each answer means to the rule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from shared.decider import Due, RefusalKind
from shared.kit.backoff import Backoff
from shared.kit.ports import Clock
from shared.kit.rules.work import QUEUED, Moves, StuckWork, Waiting, Work
from shared.kit.submission import (
    Accepted,
    Answer,
    Fault,
    KeyReused,
    Refusal,
    Submission,
    Unavailable,
)
from shared.rules import HOPS_MAX, Done, Reaction, Stuck, Wait

_log: Final = structlog.get_logger()

Submit = Callable[[Submission], Awaitable[Answer]]
React = Callable[[Work, str], Reaction]


class Sending:
    """One rule loop's way to the writer; `reaction` says what a refusal means."""

    def __init__(self, submit: Submit, reaction: React, clock: Clock, backoff: Backoff) -> None:
        self._submit = submit
        self._reaction = reaction
        self._clock = clock
        self._backoff = backoff

    async def send(self, work: Work, moves: Moves) -> bool:
        """Bring one piece of work to its answer; False when it waits or is stuck now."""
        if work.hops > HOPS_MAX:
            moves.stuck.append(stuck(work, "too_many_hops"))
            return False
        answer = await self.answered(work.submission())
        return self.judge(work, answer, moves)

    async def answered(self, submission: Submission) -> Answer:
        """Submit until the writer has answered; it may be away, or have too much to do."""
        while True:
            answer = await self._submit(submission)
            if not isinstance(answer, Unavailable):
                self._backoff.reset()
                return answer
            await self._backoff.wait()

    def judge(self, work: Work, answer: Answer, moves: Moves) -> bool:
        """Note what an answer means; False when the work waits or is stuck now."""
        match answer:
            case Accepted():
                return True
            case Refusal(kind=kind) if kind == RefusalKind.UNAVAILABLE.value:
                # It may pass at any time: it is asked again at each turn, and others go on.
                moves.waiting.append(waits(work, answer.code))
                return False
            case Refusal(code=code, position=position):
                return self._refused(work, code, position, moves)
            case Fault(code=code):
                moves.stuck.append(stuck(work, code))
                return False
            case KeyReused() | Unavailable():
                moves.stuck.append(stuck(work, "unanswered"))
                return False

    def _refused(self, work: Work, code: str, position: int, moves: Moves) -> bool:
        match self._reaction(work, code):
            case Done():
                return True
            case Stuck():
                moves.stuck.append(stuck(work, code))
            case Wait() as wait:
                moves.waiting.append(
                    Waiting(
                        work=work,
                        code=code,
                        streams=tuple(wait.streams(work.command)),
                        position=position,
                        until=self._clock.now() + wait.within,
                    )
                )
        return False


def stuck(work: Work, code: str, timer: Due | None = None) -> StuckWork:
    """Say that work is stuck, in the log as well: an operator is needed."""
    _log.error(
        "rule.stuck",
        kind=work.kind,
        rule=work.rule,
        target=work.target,
        code=code,
        source_position=work.source_position,
    )
    return StuckWork(work=work, code=code, timer=timer)


def waits(work: Work, code: str = QUEUED) -> Waiting:
    """Let work wait for its turn."""
    return Waiting(work=work, code=code, streams=(), position=0, until=None)


def waves(works: Sequence[Work]) -> list[list[Work]]:
    """Cut work, in order, where a rule's target comes again: the first must be answered before."""
    found: list[list[Work]] = [[]]
    seen: set[tuple[str, str]] = set()
    for work in works:
        pair = (work.rule, work.target)
        if pair in seen:
            found.append([])
            seen.clear()
        seen.add(pair)
        found[-1].append(work)
    return found
