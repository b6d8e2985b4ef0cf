"""What one run of one side gives, and how a row is made of several runs."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from shared.kit.embedded.site import Site

CLIENTS = 64


@dataclass(frozen=True, slots=True)
class Bench:
    """What every row is given."""

    site: Site
    root: Path
    seconds: float
    runs: int


@dataclass(frozen=True, slots=True)
class Run:
    """One side, once; `cores` is how many of the machine's cores were busy meanwhile."""

    done: int
    seconds: float
    latencies_ms: Sequence[float]
    cores: float

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(slots=True)
class Sides:
    """All runs of a row: ours, and the baseline's, taken in turns."""

    ours: list[Run] = field(default_factory=list[Run])
    baseline: list[Run] = field(default_factory=list[Run])


@dataclass(frozen=True, slots=True)
class Row:
    """A measured row, its goal, and every run behind it."""

    name: str
    goal: str
    met: bool
    note: str
    sides: Sides

    @property
    def value(self) -> float:
        return median(run.rate for run in self.sides.ours)

    @property
    def baseline(self) -> float:
        return median(run.rate for run in self.sides.baseline)

    @property
    def ratio(self) -> float:
        return self.value / self.baseline


def middle(runs: Sequence[Run]) -> Run:
    """Give the run with the median rate: its percentiles are the row's."""
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]


def described(side: str, runs: Sequence[Run]) -> str:
    """Say what a side's runs were."""
    run = middle(runs)
    rates = "/".join(f"{each.rate:,.0f}" for each in runs)
    return (
        f"{side}: {rates} per s, p50 {run.percentile(0.5):.1f}, p99 {run.percentile(0.99):.1f} ms,"
        f" {run.cores:.2f} cores busy"
    )


class Stopwatch:
    """Wall clock and the machine's busy time, from its making."""

    def __init__(self) -> None:
        self._busy = _busy()
        self._started = time.perf_counter()

    def run(self, done: int, latencies_ms: Sequence[float]) -> Run:
        seconds = time.perf_counter() - self._started
        return Run(done, seconds, latencies_ms, (_busy() - self._busy) / seconds)


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


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)
