"""Keeps child processes that build tables, so that the projector's own loop stays at the head.

What is to be built stands in the database, so a child that dies is simply started again: it goes
on at its cursor. Children end when their parent does: they read a pipe that it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from shared.kit.backoff import Backoff
from shared.kit.ports import Random
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.read_models.cursors import ModelStatus

_log: Final = structlog.get_logger()

_FAULTS: Final = (asyncpg.PostgresError, *STORAGE_FAULTS, OSError)


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """How many children there may be, and how long one may take to stop at its cursor."""

    children_max: int = 2
    build_here_events_max: int = 20_000
    poll_s: float = 1.0
    stop_s: float = 20.0
    retry_first_s: float = 0.5
    retry_max_s: float = 30.0


@dataclass(frozen=True, slots=True)
class _Child:
    models: frozenset[str]
    process: asyncio.subprocess.Process
    watching: asyncio.Task[int]


class Children:
    """Starts, watches and stops the children of one release.

    `look` says where the models stand; `command(names)` is the program that builds those.
    """

    def __init__(
        self,
        *,
        look: Callable[[], Awaitable[Sequence[ModelStatus]]],
        command: Callable[[Sequence[str]], Sequence[str]],
        is_active: Callable[[], bool],
        random: Random,
        limits: ChildLimits,
    ) -> None:
        self._look = look
        self._command = command
        self._is_active = is_active
        self._limits = limits
        self._backoff = Backoff(random, first_s=limits.retry_first_s, max_s=limits.retry_max_s)
        self._children: list[_Child] = []

    @property
    def pids(self) -> list[int]:
        """Give the processes that build now."""
        return [child.process.pid for child in self._children]

    async def run(self) -> None:
        """Keep children while there is something to build; stop them when cancelled."""
        try:
            while True:
                with contextlib.suppress(*_FAULTS):
                    await self._step()
                await self._pause()
        finally:
            await self._stop()

    async def _step(self) -> None:
        if not self._is_active():
            await self._stop()
            return
        found = await self._look()
        waiting = self._waiting(found)
        free = self._limits.children_max - len(self._children)
        shares = [waiting[n::free] for n in range(min(free, len(waiting)))]
        for share in shares:
            await self._start(share)

    def _waiting(self, found: Sequence[ModelStatus]) -> list[str]:
        taken = {name for child in self._children for name in child.models}
        return [
            one.name
            for one in found
            if one.build is not None
            and not one.build.failure
            and one.head > self._limits.build_here_events_max
            and one.name not in taken
        ]

    async def _start(self, names: Sequence[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command(names), stdin=asyncio.subprocess.PIPE
        )
        _log.info("build.started", models=list(names), pid=process.pid)
        watching = asyncio.create_task(process.wait())
        self._children.append(_Child(frozenset(names), process, watching))

    async def _pause(self) -> None:
        """Wait for the next look, or until a child ends; one that failed is mourned for longer."""
        watching = [child.watching for child in self._children]
        if not watching:
            await asyncio.sleep(self._limits.poll_s)
            return
        await asyncio.wait(
            watching, timeout=self._limits.poll_s, return_when=asyncio.FIRST_COMPLETED
        )
        ended = [child for child in self._children if child.watching.done()]
        self._children = [child for child in self._children if not child.watching.done()]
        for child in ended:
            code = child.watching.result()
            if code == 0:
                self._backoff.reset()
                _log.info("build.ended", models=sorted(child.models))
            else:
                _log.warning("build.died", models=sorted(child.models), code=code)
                await self._backoff.wait()

    async def _stop(self) -> None:
        children, self._children = self._children, []
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
        if children:
            await asyncio.wait([c.watching for c in children], timeout=self._limits.stop_s)
        for child in children:
            if not child.watching.done():
                _log.warning("build.killed", models=sorted(child.models), pid=child.process.pid)
                with contextlib.suppress(ProcessLookupError):
                    child.process.kill()
                await child.watching
