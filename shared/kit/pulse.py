"""The event loop's pulse: whether this process lives, and how late its loop comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import Final

from shared.kit.observability.metrics import Metrics

BEAT_S: Final = 0.25
STILL_S_MAX: Final = 10.0


class Pulse:
    """Beats while the event loop turns; whoever must be alive beside it is asked, too.

    `clock` gives seconds that never go back.
    """

    def __init__(self, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lag = metrics.loop_lag_seconds
        self._clock = clock
        self._beaten = clock()
        self._others: dict[str, Callable[[], bool]] = {}

    def watch(self, name: str, lives: Callable[[], bool]) -> None:
        """Ask this, too, from now on: a thread, a child."""
        self._others[name] = lives

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            started = self._clock()
            await asyncio.sleep(BEAT_S)
            self.beat(started)

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Beat meanwhile."""
        task = asyncio.create_task(self.run(), name="pulse")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def beat(self, slept_since: float) -> None:
        """Note that the loop has turned, and how much later than it was asked to."""
        self._beaten = self._clock()
        self._lag.observe(max(0.0, self._beaten - slept_since - BEAT_S))

    def dead(self) -> list[str]:
        """Name what no longer lives; empty: this process does."""
        found = [name for name, lives in self._others.items() if not lives()]
        if self._clock() - self._beaten > STILL_S_MAX:
            found.insert(0, "loop")
        return found
