"""A process lives while its event loop turns and what must live beside it does."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from shared.kit.observability.metrics import Metrics
from shared.kit.pulse import BEAT_S, STILL_S_MAX, Pulse


class HandTime:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize(("still_s", "dead"), [(STILL_S_MAX, []), (STILL_S_MAX + 0.1, ["loop"])])
def test_a_loop_that_has_not_turned_for_so_long_is_dead(still_s: float, dead: list[str]) -> None:
    time = HandTime()
    pulse = Pulse(Metrics(CollectorRegistry()), clock=time)

    time.at += still_s

    assert pulse.dead() == dead
    pulse.beat(time.at)
    assert pulse.dead() == []


def test_a_thread_that_has_ended_is_named() -> None:
    pulse = Pulse(Metrics(CollectorRegistry()), clock=HandTime())
    pulse.watch("lease", lambda: False)
    pulse.watch("child", lambda: True)

    assert pulse.dead() == ["lease"]


def test_how_late_the_loop_comes_back_is_shown() -> None:
    time, metrics = HandTime(), Metrics(CollectorRegistry())
    pulse = Pulse(metrics, clock=time)

    slept_since = time.at
    time.at += BEAT_S + 3
    pulse.beat(slept_since)

    assert metrics.registry.get_sample_value("cogov_loop_lag_seconds_sum") == pytest.approx(3)


async def test_it_beats_while_the_loop_turns() -> None:
    beaten = asyncio.Event()

    class Watched(Pulse):
        def beat(self, slept_since: float) -> None:
            super().beat(slept_since)
            beaten.set()

    pulse = Watched(Metrics(CollectorRegistry()))
    async with pulse.beating():
        await asyncio.wait_for(beaten.wait(), 10)

    assert pulse.dead() == []
