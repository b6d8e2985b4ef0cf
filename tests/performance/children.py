"""Processes of their own: each says `ready`, waits for `go`, and may end with a line of JSON."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_START_S = 60.0
_RESULT_S = 1800.0
_STOP_S = 15.0
_ROOT = Path(__file__).parents[2]


class Child:
    """The parent's side of one process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self) -> str:
        """Wait until it can begin; give what it says beside that."""
        line = await self._line(_START_S)
        assert line.startswith("ready"), line
        return line.removeprefix("ready").strip()

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")

    async def result(self) -> dict[str, Any]:
        return json.loads(await self._line(_RESULT_S))

    async def _line(self, timeout_s: float) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(timeout_s):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of the bench ended: {await self._process.wait()}")
        return line.decode().strip()


@asynccontextmanager
async def child(module: str, task: Mapping[str, Any]) -> AsyncGenerator[Child]:
    """Run `python -m <module> <task as JSON>` and end it afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        json.dumps(task),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), _STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()


def task_of(argv: list[str]) -> dict[str, Any]:
    """Give the task, in the child."""
    return json.loads(argv[1])


def say(line: str) -> None:
    print(line, flush=True)


async def told_to_go() -> None:
    """Say that all is prepared, and wait for the start."""
    say("ready")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
