"""Waiting longer after each failure, capped, with jitter so that replicas do not march in step."""

from __future__ import annotations

import asyncio

from shared.kit.ports import Random

_DOUBLINGS_MAX = 16


class Backoff:
    """Delays of one retry loop; machinery waits in real time, whatever the site clock shows."""

    def __init__(self, random: Random, *, first_s: float, max_s: float) -> None:
        self._random = random
        self._first_s = first_s
        self._max_s = max_s
        self.failures = 0

    async def wait(self) -> None:
        """Wait half to all of the next delay."""
        delay = min(self._max_s, self._first_s * 2 ** min(self.failures, _DOUBLINGS_MAX))
        self.failures += 1
        await asyncio.sleep(delay * self._random.uniform(0.5, 1.0))

    def reset(self) -> None:
        """Start over: it worked."""
        self.failures = 0
