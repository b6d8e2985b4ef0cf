"""The loop of effects and runs: deeds outside, and work in pages, each asked for by an event.

An effect's cursor starts live and never goes back. Its key outside is made of the command that
asked for it, so a log that was restored and decides again asks under the same key (architecture,
§6). Promise: at least once under one key, and its outcome told as an event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
import structlog

from shared.contracts.registry import unversioned
from shared.decider import Command, Fact
from shared.kit.backoff import Backoff
from shared.kit.crash import crash_point
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import LogUnavailableError, Stored
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.rules.policies import RulesFencedError, cursor_name
from shared.kit.rules.sending import Sending, stuck, waits
from shared.kit.rules.sinks import NoSink, Sink, SinkUnavailableError
from shared.kit.rules.work import CursorMove, Moves, RuleSource, Work, work_of
from shared.kit.views import Views
from shared.rules import Effect, Outcome, Outside, Run

_log: Final = structlog.get_logger()

EFFECT: Final = "effect"

Projected = Callable[[int], Awaitable[None]]


class EffectLoop:
    """Does what the events of one effect (or run) ask for, in log order, for one epoch."""

    def __init__(
        self,
        rule: Effect | Run,
        *,
        source: RuleSource,
        sending: Sending,
        views: Views,
        sinks: Mapping[str, Sink],
        tables: Any,
        projected: Projected,
        target: Callable[[Command], str],
        metrics: Metrics,
        epoch: int,
        page_events_max: int,
        attempts_max: int,
        backoff: Backoff,
        flush_interval_s: float = 1.0,
    ) -> None:
        """Take `projected(position)`: it returns when the read models have folded that far."""
        self.rule = rule
        self._source = source
        self._sending = sending
        self._views = views
        self._sinks = sinks
        self._tables = tables
        self._projected = projected
        self._target = target
        self._seconds = metrics.effect_seconds
        self._epoch = epoch
        self._page_events_max = page_events_max
        self._attempts_max = attempts_max
        self._backoff = backoff
        self._flush_interval_s = flush_interval_s
        self._flush_due = 0.0
        self._types = frozenset(event.type_name() for event in rule.events)
        self._unversioned = sorted({unversioned(name) for name in self._types})
        self._stored = 0
        self.position = 0
        self.failure = ""

    @property
    def cursor(self) -> str:
        """Name its cursor."""
        return cursor_name(EFFECT, self.rule.name)

    def stand(self, positions: Mapping[str, int]) -> None:
        """Begin where the cursor is."""
        self._stored = self.position = positions[self.cursor]

    async def step(self) -> bool:
        """Do what the next page asks for; tell whether there was any."""
        if self.failure:
            return False
        upto, events = await self._source.page(
            self.position, self._page_events_max, self._unversioned
        )
        for event in events:
            if event.type not in self._types:
                if not self._views.knows(event.type):
                    self._stop(event)
                    return False
                continue
            moves = Moves()
            await self._take(event, moves)
            crash_point("effect.done")
            await self._move(event.position, moves)
        moved = upto > self.position
        self.position = upto
        if asyncio.get_running_loop().time() >= self._flush_due:
            await self._move(upto, Moves())
        return moved or bool(events)

    async def again(self, work: Work, moves: Moves) -> bool:
        """Do the work of one event again, because an operator says so."""
        event = await self._source.event(work.source_position)
        if event is None:
            moves.stuck.append(stuck(work, "event_missing"))
            return False
        return await self._do(event, work, moves)

    async def _take(self, event: Stored, moves: Moves) -> None:
        work = work_of(EFFECT, self.rule.name, event, target=self._target)
        if (work.rule, work.target) in await self._source.blocked([(work.rule, work.target)]):
            moves.waiting.append(waits(work))
            return
        await self._do(event, work, moves)

    async def _do(self, event: Stored, work: Work, moves: Moves) -> bool:
        try:
            fact = self._views.fact(event)
            if isinstance(self.rule, Run):
                return await self._run(self.rule, event, fact, work, moves)
            return await self._perform(self.rule, event, fact, moves)
        except SinkUnavailableError as error:
            moves.stuck.append(stuck(work, f"sink_unavailable: {error}"))
        except STORAGE_FAULTS as error:
            raise LogUnavailableError(type(error).__name__, unknown=False) from error
        except LogUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - a rule's bug costs its event alone
            _log.exception("effect.raised", effect=self.rule.name, position=event.position)
            moves.stuck.append(stuck(work, f"raised {type(error).__name__}"))
        return False

    async def _perform(self, effect: Effect, event: Stored, fact: Fact, moves: Moves) -> bool:
        outside = effect.request(fact)
        if outside is None:
            return True
        key = effect_key(event, await self._source.index_in_command(event))
        outcome = await self._sent(effect, key, outside)
        crash_point("effect.sent")
        command = effect.outcome(fact, outcome)
        told = work_of(EFFECT, effect.name, event, command=command, target=self._target)
        return await self._sending.send(told, moves)

    async def _sent(self, effect: Effect, key: UUID, outside: Outside) -> Outcome:
        sink = self._sinks.get(effect.sink, NoSink())
        self._backoff.reset()
        began = time.monotonic()
        while True:
            try:
                outcome = await sink.send(key, outside)
            except SinkUnavailableError:
                if self._backoff.failures + 1 >= self._attempts_max:
                    raise
                await self._backoff.wait()
            else:
                said = "done" if outcome.done else "failed"
                self._seconds.labels(effect.name, said).observe(time.monotonic() - began)
                return outcome

    async def _run(self, run: Run, event: Stored, fact: Fact, whole: Work, moves: Moves) -> bool:
        """Give one command a page until there are no candidates past the last.

        A page that cannot be done makes the whole run stuck: tried again, it begins anew.
        """
        await self._projected(event.position)
        after, ordinal = "", 0
        while ids := await run.candidates(self._tables, fact, after, run.page_max):
            command = run.command(fact, ids)
            work = work_of(
                EFFECT, run.name, event, ordinal=ordinal, command=command, target=self._target
            )
            # Pages may have one target: the first of their ids tells them apart.
            page_id = uuid5(event.event_id, f"{run.name}|{ids[0]}")
            work = msgspec.structs.replace(work, command_id=page_id)
            page = Moves()
            if not await self._sending.send(work, page):
                code = page.stuck[0].code if page.stuck else page.waiting[0].code
                moves.stuck.append(stuck(whole, f"page: {code}"))
                return False
            crash_point("run.page")
            after, ordinal = ids[-1], ordinal + 1
        _log.info("run.done", run=run.name, position=event.position, pages=ordinal)
        return True

    def _stop(self, event: Stored) -> None:
        self.failure = f"newer_version at position {event.position}"
        _log.error("effect.stopped", effect=self.rule.name, failure=self.failure, type=event.type)

    async def _move(self, position: int, moves: Moves) -> None:
        """Store how far it is, and what is held up on the way."""
        if position > self._stored:
            moves.cursors.append(CursorMove(self.cursor, self._stored, position))
        if moves and not await self._source.move(self._epoch, moves):
            raise RulesFencedError
        self._stored = self.position = position
        self._flush_due = asyncio.get_running_loop().time() + self._flush_interval_s


def effect_key(event: Stored, index: int) -> UUID:
    """Derive the key outside: uuid5(command id, index of the event within its command)."""
    return uuid5(event.command_id or event.event_id, str(index))
