"""What an operator says of stuck work: it tries again at its turn, or is done without."""

from __future__ import annotations

from typing import Final, Literal

from shared.kit.acts import STUCK, Acts, NotOpenError, StuckRetried, StuckSkipped, Word, settled
from shared.kit.delivery import Delivery
from shared.kit.rules.work import RuleSource

How = Literal["retried", "skipped"]

_TOLD: Final = {"retried": StuckRetried, "skipped": StuckSkipped}


class Settling:
    """Settles stuck work through the writer's loop, in the append of the act's event."""

    def __init__(self, *, source: RuleSource, delivery: Delivery, acts: Acts) -> None:
        self._source = source
        self._delivery = delivery
        self._acts = acts

    async def settle(self, stuck: int, how: How, word: Word) -> None:
        """Settle it; raise NotOpenError, or DeliveryError when it cannot be done now."""
        found = await self._source.stuck(stuck - 1, 1)
        if not found or found[0].id != stuck:
            raise NotOpenError
        row = found[0]
        told = _TOLD[how](
            reason=word.reason,
            stuck=stuck,
            kind=row.kind,
            rule=row.rule,
            target=row.target,
            code=row.code,
        )
        settles = (settled(STUCK, stuck, how, word),)
        await self._delivery.deliver([], self._acts.act(word, told, settles=settles))
