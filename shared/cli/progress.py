"""Progress for people: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_LINES_EVERY_S: Final = 5.0
_CHUNK_BYTES: Final = 1024 * 1024


@contextmanager
def counting(console: Console, what: str, total: int) -> Generator[Callable[[], None]]:
    """Give a function to call once a step of `total`."""
    if not console.is_terminal:
        yield _lines(console, what, total)
        return
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total, rate="0")
        started = time.monotonic()

        def step() -> None:
            done = progress.tasks[task].completed + 1
            rate = done / max(time.monotonic() - started, 0.001)
            progress.update(task, advance=1, rate=f"{rate:.0f}")

        yield step


def count_lines(path: Path) -> int:
    """Count a file's lines without reading it whole. Raises OSError."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")


def _lines(console: Console, what: str, total: int) -> Callable[[], None]:
    done = 0
    said_at = time.monotonic()

    def step() -> None:
        nonlocal done, said_at
        done += 1
        if time.monotonic() - said_at >= _LINES_EVERY_S:
            said_at = time.monotonic()
            console.print(f"  {what} {done:,} of {total:,}")

    return step
