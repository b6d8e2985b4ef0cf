"""One running process of a service: its roles, its metrics, its traces, its pulse."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import asyncpg
from prometheus_client import CollectorRegistry

from shared.kit.observability.exporting import Traces, open_traces
from shared.kit.observability.metrics import Metrics
from shared.kit.pulse import Pulse
from shared.kit.service import Service
from shared.kit.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Running:
    """What every role of a process is given."""

    service: Service
    settings: ServiceSettings
    roles: AbstractSet[str]
    metrics: Metrics
    traces: Traces
    pulse: Pulse

    @classmethod
    def open(
        cls,
        service: Service,
        settings: ServiceSettings,
        roles: AbstractSet[str],
        stack: contextlib.AsyncExitStack,
    ) -> Running:
        """Open it; its traces are closed last."""
        common = {
            "service": service.name,
            "role": ",".join(sorted(roles)),
            "release": settings.release,
        }
        metrics = Metrics(CollectorRegistry(), common)
        metrics.build_info.labels(str(service.revision)).set(1)
        traces = open_traces(settings, metrics, common)
        stack.callback(traces.close)
        return cls(service, settings, roles, metrics, traces, Pulse(metrics))


def show_pools(metrics: Metrics, pools: Mapping[str, asyncpg.Pool]) -> None:
    """Show how many connections of these pools are lent out."""
    for name, pool in pools.items():
        metrics.pg_pool_in_use.labels(name).set_function(_lent(pool))


def _lent(pool: asyncpg.Pool) -> Callable[[], float]:
    return lambda: pool.get_size() - pool.get_idle_size()
