"""The waiting work's loop: what was refused for now is asked again when it may be answered anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from shared.decider import Command
from shared.kit.ports import Clock
from shared.kit.rules.policies import RulesFencedError
from shared.kit.rules.sending import Sending, stuck
from shared.kit.rules.work import Moves, RuleSource, Waiting, Work, rule_command_id
from shared.rules import Policy, Wait

TOO_LONG: Final = "waited_too_long"

Redo = Callable[[Work, Moves], Awaitable[bool]]


class Waking:
    """Asks again, in order, the first of each rule's queue for a target."""

    def __init__(
        self,
        policies: Mapping[str, Policy],
        *,
        source: RuleSource,
        sending: Sending,
        redo: Redo,
        target: Callable[[Command], str],
        clock: Clock,
        epoch: int,
        page_max: int,
    ) -> None:
        """Take `redo`: how the work of an effect or a run, which has no command, is done again."""
        self._policies = policies
        self._source = source
        self._sending = sending
        self._redo = redo
        self._target = target
        self._clock = clock
        self._epoch = epoch
        self._page_max = page_max

    async def step(self) -> bool:
        """Ask a page again; tell whether any of it moved on."""
        now = self._clock.now()
        moved = False
        for one in await self._source.wakeable(now, self._page_max):
            moves = Moves()
            if one.until is not None and one.until <= now:
                went = await self._give_up(one, moves)
            elif one.work.command is None:
                went = await self._redo(one.work, moves)
            else:
                went = await self._sending.send(one.work, moves)
            if went or moves.stuck:
                moves.ended.append(one.work)
            moves.waiting = [_same_deadline(again, one) for again in moves.waiting]
            # What is refused as before, and waits for the same, has not moved.
            moved = moved or went or bool(moves.stuck)
            if moves and not await self._source.move(self._epoch, moves):
                raise RulesFencedError
        return moved

    async def _give_up(self, one: Waiting, moves: Moves) -> bool:
        """Send the policy's last command, or say that it is stuck."""
        policy = self._policies.get(one.work.rule)
        reaction = None if policy is None else _wait_of(policy, one.code)
        if reaction is None or reaction.last is None:
            moves.stuck.append(stuck(one.work, f"{TOO_LONG}: {one.code}"))
            return False
        command = reaction.last(one.work.command)
        target = self._target(command)
        assert one.work.source_event is not None
        last = msgspec.structs.replace(
            one.work,
            command=command,
            target=target,
            command_id=rule_command_id(one.work.source_event, one.work.rule, target, command),
        )
        went = await self._sending.send(last, moves)
        if not went:
            # The last word was not heard either: an operator must know.
            moves.waiting.clear()
            if not moves.stuck:
                moves.stuck.append(stuck(last, f"{TOO_LONG}: {one.code}"))
        return went


def _same_deadline(again: Waiting, before: Waiting) -> Waiting:
    """Keep the time at which it gives up: only the first refusal sets it."""
    if before.until is None or again.until is None:
        return again
    return msgspec.structs.replace(again, until=before.until)


def _wait_of(policy: Policy, code: str) -> Wait | None:
    reaction = policy.reaction(code)
    return reaction if isinstance(reaction, Wait) else None
