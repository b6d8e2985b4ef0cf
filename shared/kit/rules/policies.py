"""The policies' loop: a page of the log, its commands in log order, then the cursors.

A cursor moves when every command up to it is answered, waits, or is stuck; what was answered and
is sent again after a crash finds its receipt. A policy that cannot read an event, or raises, stops
alone before it, loudly, until the next leadership.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from shared.contracts.registry import unversioned
from shared.decider import Command
from shared.kit.crash import crash_point
from shared.kit.ports import Stored
from shared.kit.rules.sending import Sending, waits, waves
from shared.kit.rules.work import CursorMove, Moves, RuleSource, Work, work_of
from shared.kit.views import Views
from shared.rules import Policy

_log: Final = structlog.get_logger()

POLICY: Final = "policy"


class RulesFencedError(Exception):
    """A later epoch runs the rules of this log."""


def cursor_name(kind: str, rule: str) -> str:
    """Name the cursor of a rule."""
    return f"{kind}:{rule}"


@dataclass(slots=True)
class _Standing:
    """Where a policy is, and where the database knows it to be."""

    policy: Policy
    position: int
    stored: int
    types: frozenset[str]
    unversioned: frozenset[str]
    failure: str = ""


@dataclass(slots=True)
class _Page:
    """What a page asks for, and how far each policy got in it."""

    upto: int
    works: list[Work] = field(default_factory=list[Work])
    reached: dict[str, int] = field(default_factory=dict[str, int])


class Policies:
    """Runs the policies of one service for one epoch."""

    def __init__(
        self,
        policies: Sequence[Policy],
        *,
        source: RuleSource,
        sending: Sending,
        views: Views,
        target: Callable[[Command], str],
        epoch: int,
        page_events_max: int,
        flush_interval_s: float = 1.0,
    ) -> None:
        self._policies = policies
        self._source = source
        self._sending = sending
        self._views = views
        self._target = target
        self._epoch = epoch
        self._page_events_max = page_events_max
        self._flush_interval_s = flush_interval_s
        self._standings: list[_Standing] = []
        self._flush_due = 0.0

    @property
    def stopped(self) -> Mapping[str, str]:
        """Give the policies that stand still, and why."""
        return {one.policy.name: one.failure for one in self._standings if one.failure}

    @property
    def positions(self) -> Mapping[str, int]:
        """Give where each policy is."""
        return {one.policy.name: one.position for one in self._standings}

    def stand(self, positions: Mapping[str, int]) -> None:
        """Begin where the cursors are; those that stood still begin anew."""
        self._standings.clear()
        for policy in self._policies:
            position = positions[cursor_name(POLICY, policy.name)]
            types = frozenset(event.type_name() for event in policy.events)
            bare = frozenset(unversioned(name) for name in types)
            self._standings.append(_Standing(policy, position, position, types, bare))

    async def step(self) -> bool:
        """Bring those that are furthest behind on by a page; tell whether there was any."""
        running = [one for one in self._standings if not one.failure]
        if not running:
            return False
        after = min(one.position for one in running)
        group = [one for one in running if one.position == after]
        ahead = min((one.position for one in running if one.position > after), default=None)
        room = self._page_events_max if ahead is None else min(self._page_events_max, ahead - after)
        types = sorted({name for one in group for name in one.unversioned})
        upto, events = await self._source.page(after, room, types)
        if upto == after:
            await self._move({}, Moves(), force=False)
            return False
        page = _Page(upto)
        for one in group:
            page.reached[one.policy.name] = self._ask(one, events, page)
        page.works.sort(key=lambda work: (work.source_position, work.ordinal))
        moves = Moves()
        await self._send(page.works, moves)
        crash_point("policy.answered")
        await self._move(page.reached, moves, force=bool(page.works))
        return True

    def _ask(self, one: _Standing, events: Sequence[Stored], page: _Page) -> int:
        """Let a policy react to a page; give how far it got."""
        for event in events:
            if event.type not in one.types:
                if unversioned(event.type) in one.unversioned and not self._views.knows(event.type):
                    return self._stop(one, event, "newer_version")
                continue
            try:
                commands = one.policy.react(self._views.fact(event))
            except Exception as error:  # noqa: BLE001 - a policy that raises stops alone
                return self._stop(one, event, f"react_raised {type(error).__name__}", error)
            page.works.extend(
                work_of(
                    POLICY,
                    one.policy.name,
                    event,
                    ordinal=ordinal,
                    command=command,
                    target=self._target,
                )
                for ordinal, command in enumerate(commands)
            )
        return page.upto

    def _stop(self, one: _Standing, event: Stored, why: str, error: Exception | None = None) -> int:
        one.failure = f"{why} at position {event.position}"
        _log.error(
            "policy.stopped",
            policy=one.policy.name,
            position=event.position,
            type=event.type,
            failure=why,
            exc_info=error,
        )
        return event.position - 1

    async def _send(self, works: Sequence[Work], moves: Moves) -> None:
        """Send the work in order; what comes behind work that is held up waits behind it."""
        if not works:
            return
        pairs = list(dict.fromkeys((work.rule, work.target) for work in works))
        held = set(await self._source.blocked(pairs))
        for wave in waves(works):
            free = [work for work in wave if (work.rule, work.target) not in held]
            moves.waiting.extend(waits(work) for work in wave if (work.rule, work.target) in held)
            done = await asyncio.gather(*(self._sending.send(work, moves) for work in free))
            held.update(
                (work.rule, work.target) for work, went in zip(free, done, strict=True) if not went
            )

    async def _move(self, reached: Mapping[str, int], moves: Moves, *, force: bool) -> None:
        """Go on to what was reached, and store it: at once with work, else now and then."""
        now = asyncio.get_running_loop().time()
        goals = {
            one.policy.name: reached.get(one.policy.name, one.position) for one in self._standings
        }
        if force or now >= self._flush_due:
            moves.cursors.extend(
                CursorMove(cursor_name(POLICY, name), one.stored, goals[name])
                for one in self._standings
                if goals[name := one.policy.name] != one.stored
            )
            if moves and not await self._source.move(self._epoch, moves):
                raise RulesFencedError
            for one in self._standings:
                one.stored = goals[one.policy.name]
            self._flush_due = now + self._flush_interval_s
        for one in self._standings:
            one.position = goals[one.policy.name]
