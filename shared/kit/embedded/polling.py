"""Waiting with a deadline, from code that may or may not run inside an event loop."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_POLL_S = 0.02

Answer = TypeVar("Answer")


def until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Poll until the condition holds; False when the time is over first."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def run_apart(make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run a coroutine to its end in a thread and loop of its own, so that any caller may block."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded") as thread:
        return thread.submit(lambda: asyncio.run(make())).result()
