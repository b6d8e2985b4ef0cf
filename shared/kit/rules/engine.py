"""What happens by itself, as the loops of one epoch: policies, timers, waiting work, effects."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from shared.decider import Command
from shared.kit.backoff import Backoff
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import Clock, Ids, LogUnavailableError, Random
from shared.kit.rules.effects import EFFECT, EffectLoop, Projected
from shared.kit.rules.policies import POLICY, Policies, RulesFencedError, cursor_name
from shared.kit.rules.sending import Sending, Submit, stuck
from shared.kit.rules.sinks import Sink
from shared.kit.rules.timers import TimerLoop
from shared.kit.rules.waking import Waking
from shared.kit.rules.work import Moves, RuleSource, Work
from shared.kit.views import Views
from shared.rules import Begins, Effect, Policy, Reaction, Rule, Run, Stuck

_log: Final = structlog.get_logger()


Stand = Callable[[Mapping[str, int]], None]


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """The loops' bounds; `effect_attempts_max` tries make an effect stuck.

    A loop looks at most once in `look_interval_s`: while the log grows all the time, what came
    meanwhile is one page, not a query for each append.
    """

    page_events_max: int = 500
    timers_page_max: int = 256
    waiting_page_max: int = 100
    poll_interval_s: float = 0.2
    look_interval_s: float = 0.02
    effect_attempts_max: int = 8
    backoff_first_s: float = 0.1
    backoff_max_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleParts:
    """What the loops stand on; `ear()` gives an event that is set when the log grew."""

    source: RuleSource
    submit: Submit
    views: Views
    target: Callable[[Command], str]
    clock: Clock
    ids: Ids
    random: Random
    metrics: Metrics
    ear: Callable[[], asyncio.Event]
    sinks: Mapping[str, Sink]
    tables: Any
    projected: Projected


class RuleEngine:
    """Runs the rules of one service for one epoch."""

    def __init__(
        self, rules: Sequence[Rule], parts: RuleParts, *, epoch: int, limits: RuleLimits
    ) -> None:
        self._rules = rules
        self._parts = parts
        self._epoch = epoch
        self._limits = limits
        policies = [rule for rule in rules if isinstance(rule, Policy)]
        self._by_name = {policy.name: policy for policy in policies}
        self.policies = Policies(
            policies,
            source=parts.source,
            sending=self._sending(),
            views=parts.views,
            target=parts.target,
            epoch=epoch,
            page_events_max=limits.page_events_max,
        )
        self.timers = TimerLoop(
            source=parts.source,
            sending=self._sending(),
            views=parts.views,
            clock=parts.clock,
            ids=parts.ids,
            metrics=parts.metrics,
            epoch=epoch,
            page_max=limits.timers_page_max,
        )
        self.effects = [self._effect(rule) for rule in rules if isinstance(rule, Effect | Run)]
        self.waking = Waking(
            self._by_name,
            source=parts.source,
            sending=self._sending(),
            redo=self._redo,
            target=parts.target,
            clock=parts.clock,
            epoch=epoch,
            page_max=limits.waiting_page_max,
        )

    @property
    def positions(self) -> Mapping[str, int]:
        """Give where each rule is; those that have not begun stand at 0."""
        policies = self.policies.positions
        found = {name: policies.get(name, 0) for name in self._by_name}
        return {**found, **{one.rule.name: one.position for one in self.effects}}

    @property
    def stopped(self) -> Mapping[str, str]:
        """Give the rules that stand still until a new release or leadership, and why."""
        effects = {one.rule.name: one.failure for one in self.effects if one.failure}
        return {**self.policies.stopped, **effects}

    async def run(self) -> None:
        """Run until cancelled; raise RulesFencedError when a later epoch has the rules."""
        await self._claim(self.policies.stand, *(one.stand for one in self.effects))
        loops = [
            self.repeat(self.policies.step, self.policies.stand),
            self.repeat(self.timers.step),
            self.repeat(self.waking.step),
            *(self.repeat(one.step, one.stand) for one in self.effects),
        ]
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def repeat(self, step: Callable[[], Awaitable[bool]], *stands: Stand) -> None:
        """Take steps while there is something to do, at each append or poll; until cancelled."""
        grew, backoff = self._parts.ear(), self._backoff()
        now = asyncio.get_running_loop().time
        while True:
            grew.clear()
            look_at = now() + self._limits.look_interval_s
            try:
                moved = await step()
                backoff.reset()
            except LogUnavailableError as error:
                _log.warning("rule.interrupted", error=str(error))
                await backoff.wait()
                # Whether the last step was stored is not known: the cursors tell.
                await self._claim(*stands)
                continue
            if not moved:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.poll_interval_s):
                        await grew.wait()
            await asyncio.sleep(max(0.0, look_at - now()))

    async def _claim(self, *stands: Stand) -> None:
        """Take the cursors and stand where they are; wait while the log is away."""
        names = {_cursor_of(rule): _begins_live(rule) for rule in self._rules}
        backoff = self._backoff()
        while True:
            try:
                positions = await self._parts.source.claim(self._epoch, names)
                break
            except LogUnavailableError as error:
                _log.warning("rule.interrupted", error=str(error))
                await backoff.wait()
        if positions is None:
            raise RulesFencedError
        for stand in stands:
            stand(positions)

    async def _redo(self, work: Work, moves: Moves) -> bool:
        for effect in self.effects:
            if effect.rule.name == work.rule:
                return await effect.again(work, moves)
        moves.stuck.append(stuck(work, "no_such_rule"))
        return False

    def _effect(self, rule: Effect | Run) -> EffectLoop:
        parts, limits = self._parts, self._limits
        return EffectLoop(
            rule,
            source=parts.source,
            sending=self._sending(),
            views=parts.views,
            sinks=parts.sinks,
            tables=parts.tables,
            projected=parts.projected,
            target=parts.target,
            metrics=parts.metrics,
            epoch=self._epoch,
            page_events_max=limits.page_events_max,
            attempts_max=limits.effect_attempts_max,
            backoff=self._backoff(),
        )

    def _sending(self) -> Sending:
        parts = self._parts
        return Sending(parts.submit, self._reaction, parts.clock, self._backoff())

    def _reaction(self, work: Work, code: str) -> Reaction:
        policy = self._by_name.get(work.rule)
        return Stuck() if policy is None else policy.reaction(code)

    def _backoff(self) -> Backoff:
        limits = self._limits
        return Backoff(
            self._parts.random, first_s=limits.backoff_first_s, max_s=limits.backoff_max_s
        )


def _cursor_of(rule: Rule) -> str:
    return cursor_name(POLICY if isinstance(rule, Policy) else EFFECT, rule.name)


def _begins_live(rule: Rule) -> bool:
    return not isinstance(rule, Policy) or rule.begins is Begins.LIVE
