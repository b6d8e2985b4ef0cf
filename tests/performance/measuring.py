"""What one run of one side gives, and how a row is made of several runs."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from shared.kit.embedded.site import Site

CLIENTS = 64


@dataclass(frozen=True, slots=True)
class Bench:
    """What every row is given; `events` is the length of the logs that are built from."""

    site: Site
    root: Path
    seconds: float
    runs: int
    events: int


@dataclass(frozen=True, slots=True)
class Run:
    """One side, once; `cores` is how many of the machine's cores were busy meanwhile.

    `process_ms` is the processor time that the measured process itself took for each, where it is
    known: what the figure depends on when others use the machine too.
    """

    done: int
    seconds: float
    latencies_ms: Sequence[float]
    cores: float
    process_ms: float = 0.0

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(slots=True)
class Sides:
    """All runs of a row: ours, and the baseline's, taken in turns."""

    ours: list[Run] = field(default_factory=list[Run])
    baseline: list[Run] = field(default_factory=list[Run])

    @property
    def value(self) -> float:
        return middle(self.ours).rate

    @property
    def ratio(self) -> float:
        return self.value / middle(self.baseline).rate


@dataclass(frozen=True, slots=True)
class Row:
    """A measured row, its goal, and every run behind it."""

    name: str
    goal: str
    met: bool
    note: str
    sides: Sides


def middle(runs: Sequence[Run]) -> Run:
    """Give the run with the median rate: its percentiles are the row's."""
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]


def described(side: str, runs: Sequence[Run]) -> str:
    """Say what a side's runs were."""
    run = middle(runs)
    rates = "/".join(f"{each.rate:,.0f}" for each in runs)
    waits = (
        f" p50 {run.percentile(0.5):.1f}, p99 {run.percentile(0.99):.1f} ms,"
        if run.latencies_ms
        else ""
    )
    own = f", {run.process_ms:.3f} ms of its process each" if run.process_ms else ""
    return f"{side}: {rates} per s,{waits} {run.cores:.2f} cores busy{own}"


class Stopwatch:
    """Wall clock, the machine's busy time and one process's own, from its making."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid)
        self._own = _own(self._process)
        self._busy = _busy()
        self._started = time.perf_counter()

    def run(self, done: int, latencies_ms: Sequence[float]) -> Run:
        seconds = time.perf_counter() - self._started
        own_ms = 1000 * (_own(self._process) - self._own) / done
        return Run(done, seconds, latencies_ms, (_busy() - self._busy) / seconds, own_ms)


async def closed_loop(
    clients: Sequence[Callable[[], Awaitable[None]]], *, warm_s: float, seconds: float
) -> Run:
    """Let every client ask again as soon as it is answered; measure after the warm-up."""
    latencies: list[float] = []
    measuring = stopping = False

    async def drive(ask: Callable[[], Awaitable[None]]) -> None:
        while not stopping:
            started = time.perf_counter()
            await ask()
            if measuring and not stopping:
                latencies.append((time.perf_counter() - started) * 1000)

    tasks = [asyncio.create_task(drive(ask)) for ask in clients]
    await asyncio.sleep(warm_s)
    settle_garbage()
    latencies.clear()
    measuring = True
    watch = Stopwatch()
    await asyncio.sleep(seconds)
    run = watch.run(len(latencies), latencies.copy())
    stopping = True
    await asyncio.gather(*tasks)
    return run


def settle_garbage() -> None:
    """Do what the services do after their start."""
    gc.collect()
    gc.freeze()


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)
