"""Delays between tries: longer each time, capped, back to the first after a success."""

import asyncio

import pytest

from shared.kit.backoff import Backoff


class Middle:
    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


async def test_delays_double_up_to_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    backoff = Backoff(Middle(), first_s=1, max_s=5)
    for _ in range(4):
        await backoff.wait()
    backoff.reset()
    await backoff.wait()
    assert waited == [0.75, 1.5, 3.0, 3.75, 0.75]
