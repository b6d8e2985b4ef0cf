"""The only reader of time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """The live site clock: the operating system's, in UTC, whole microseconds."""

    def now(self) -> datetime:
        """Give the time."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
