"""What a lease tells of itself: held, taken, lost, and how long nobody had it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from shared.kit.observability.metrics import Metrics

LossKind = Literal["stalled", "unreachable", "taken"]


class LeaseWatch:
    """Counts and shows one process's lease of one role."""

    def __init__(self, metrics: Metrics, role: str) -> None:
        self._metrics = metrics
        self._role = role
        self._held = metrics.lease_held.labels(role)
        self._epoch = metrics.lease_epoch.labels(role)
        self._remaining = metrics.lease_remaining_seconds.labels(role)
        self.gone()

    def taken(self, epoch: int, before: str | None, free_s: float | None) -> None:
        """Note that it was taken from its last holder (empty: given back; None: never held)."""
        reason = "free" if before is None else "expired" if before else "handover"
        self._metrics.lease_acquired.labels(self._role, reason).inc()
        if free_s is not None:
            self._metrics.takeover_seconds.labels(self._role).observe(free_s)
        self._held.set(1)
        self._epoch.set(epoch)

    def keeps(self, remaining: Callable[[], float]) -> None:
        """Show from now on how long it lasts unless it is renewed."""
        self._remaining.set_function(lambda: max(0.0, remaining()))

    def lost(self, kind: LossKind) -> None:
        """Note that it was lost, and why."""
        self._metrics.lease_lost.labels(self._role, kind).inc()
        self.gone()

    def gone(self) -> None:
        """Show that it is not held."""
        self._held.set(0)
        self._epoch.set(0)
        self._remaining.set_function(lambda: 0.0)
