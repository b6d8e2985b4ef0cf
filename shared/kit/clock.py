"""The only reader of time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path


class SystemClock:
    """The live site clock: the operating system's, in UTC, whole microseconds."""

    def now(self) -> datetime:
        """Give the time."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class SiteClock:
    """A clock that a demo or a test sets: the system's, moved by the seconds in a file.

    The file holds one integer; when it is replaced, time jumps. Waiting takes real time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._offset = timedelta()

    def now(self) -> datetime:
        """Give the time."""
        changed_at = self._path.stat().st_mtime_ns
        if changed_at != self._read_at:
            self._offset = timedelta(seconds=int(self._path.read_text(encoding="utf-8")))
            self._read_at = changed_at
        return datetime.now(UTC) + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def site_clock(path: Path | None) -> SystemClock | SiteClock:
    """Give the clock by which matters happen: the system's, unless a file moves it."""
    return SystemClock() if path is None else SiteClock(path)


def set_site_clock(path: Path, offset: timedelta) -> None:
    """Move the clock of every process that reads the file."""
    waiting = path.with_suffix(".new")
    waiting.write_text(f"{int(offset.total_seconds())}\n", encoding="utf-8")
    waiting.replace(path)
