"""The timers' loop: what is due becomes a command whose append removes the timer's row."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog

from shared.decider import Command, Decider
from shared.kit.crash import crash_point
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import Clock, Ids
from shared.kit.rules.policies import RulesFencedError
from shared.kit.rules.sending import Sending, stuck
from shared.kit.rules.work import CHANNEL, DueTimer, Moves, RuleSource, Work, timer_command_id
from shared.kit.submission import Accepted, Answer, Fault, Refusal, Submission
from shared.kit.views import Views
from shared.kit.writer import TIMER_GONE

_log: Final = structlog.get_logger()

TIMER: Final = "timer"

_SAID: Final = {
    "fired": "ok",
    "refused": "refused",
    "nothing": "nothing",
    "gone": "nothing",
    "unavailable": "fault",
}


class TimerLoop:
    """Fires the timers of one service for one epoch, on the site clock."""

    def __init__(
        self,
        *,
        source: RuleSource,
        sending: Sending,
        views: Views,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        epoch: int,
        page_max: int,
    ) -> None:
        self._source = source
        self._sending = sending
        self._views = views
        self._clock = clock
        self._ids = ids
        self._fired = metrics.timers_fired
        self._epoch = epoch
        self._page_max = page_max

    async def step(self) -> bool:
        """Fire a page of what is due; tell whether any of it is settled now."""
        due = await self._source.due(self._clock.now(), self._page_max)
        if not due:
            return False
        crash_point("timer.firing")
        moves = Moves()
        settled = await asyncio.gather(*(self.fire(one, moves) for one in due))
        crash_point("timer.fired")
        if moves and not await self._source.move(self._epoch, moves):
            raise RulesFencedError
        return any(settled)

    async def fire(self, one: DueTimer, moves: Moves) -> bool:
        """Bring one timer to its end; False when it stays as it is."""
        work = self._work(one)
        if work.command is None or work.command_id is None:
            return self._stuck(one, work, "timer_unknown", moves)
        answer = await self._sending.answered(
            Submission(
                command_id=work.command_id,
                fingerprint=b"",
                scope=work.scope,
                command=work.command,
                caller=None,
                correlation_id=work.correlation_id,
                channel=CHANNEL,
                actor=f"timer:{one.due.name}",
                timer=one.due,
            )
        )
        if isinstance(answer, Fault) and answer.code != TIMER_GONE.code:
            return self._stuck(one, work, answer.code, moves)
        outcome = _outcome(answer)
        self._fired.labels(_SAID[outcome]).inc()
        return outcome != "unavailable"

    def _stuck(self, one: DueTimer, work: Work, code: str, moves: Moves) -> bool:
        self._fired.labels("fault").inc()
        moves.stuck.append(stuck(work, code, one.due))
        return True

    def _work(self, one: DueTimer) -> Work:
        owner = self._views.owner(one.due.stream)
        command = None
        if owner is not None and owner.timers is not None:
            command = _command(owner, one)
        return Work(
            kind=TIMER,
            rule=one.due.name,
            source_position=0,
            ordinal=0,
            source_event=None,
            scope=one.scope,
            target=one.due.stream,
            command_id=timer_command_id(one.due),
            command=command,
            correlation_id=self._ids.new(),
            traceparent="",
            hops=0,
        )


def _command(owner: Decider[Any, Any], one: DueTimer) -> Command | None:
    assert owner.timers is not None
    try:
        return owner.timers.fire(one.due)
    except Exception:  # noqa: BLE001 - a rule's bug costs its timer alone
        _log.exception("timer.failed", stream=one.due.stream, timer=one.due.name)
        return None


def _outcome(answer: Answer) -> str:
    match answer:
        case Accepted(events=0):
            return "nothing"
        case Accepted():
            return "fired"
        case Refusal(kind="unavailable"):
            return "unavailable"
        case Refusal():
            return "refused"
        case _:
            return "gone"
