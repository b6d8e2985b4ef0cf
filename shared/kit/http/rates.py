"""How often one caller may ask: a moving window for each identity and kind of request.

Each replica counts by itself, and only what comes to it from outside: a command that another
replica forwards was counted there. What is refused is not counted.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from shared.kit.http.problems import Problem
from shared.kit.submission import Caller

_CODE: Final = "rate_limited"


class Kind(StrEnum):
    """What is counted apart."""

    COMMANDS = "commands"
    QUERIES = "queries"
    REVEALS = "reveals"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """How many requests of a kind one identity may send within a window.

    `integrations` are the subjects of other systems, which speak for many people. `callers_max` is
    how many windows are kept; of the one not used for longest the count is forgotten.
    """

    window_s: int = 10
    commands_max: int = 10_000
    queries_max: int = 5_000
    reveals_window_s: int = 60
    reveals_max: int = 300
    integrations: frozenset[str] = frozenset()
    integration_commands_max: int = 50_000
    callers_max: int = 10_000


class Rates:
    """Counts every caller's requests; `now` gives seconds that never go back."""

    def __init__(self, limits: RateLimits, *, now: Callable[[], float] = time.monotonic) -> None:
        self._integrations = limits.integrations
        self._now = now
        self._windows = _Windows(limits.callers_max, now)
        self._limiter = MovingWindowRateLimiter(self._windows)
        self._items = {
            Kind.COMMANDS: RateLimitItemPerSecond(limits.commands_max, limits.window_s),
            Kind.QUERIES: RateLimitItemPerSecond(limits.queries_max, limits.window_s),
            Kind.REVEALS: RateLimitItemPerSecond(limits.reveals_max, limits.reveals_window_s),
        }
        self._of_integrations = RateLimitItemPerSecond(
            limits.integration_commands_max, limits.window_s
        )

    @property
    def kept(self) -> int:
        """Give how many windows are kept now."""
        return len(self._windows.hits)

    def count(self, caller: Caller, kind: Kind) -> None:
        """Count one request; raise a Problem, `rate_limited`, instead when there were too many."""
        item = self._item(caller, kind)
        key = (kind.value, caller.identity.hex)
        if self._limiter.hit(item, *key):
            return
        left = self._limiter.get_window_stats(item, *key)
        wait_s = max(1, ceil(left.reset_time - self._now()))
        raise Problem(
            429,
            _CODE,
            "You ask too often; wait as long as Retry-After says.",
            headers={
                "Retry-After": str(wait_s),
                "RateLimit-Policy": f'"{kind.value}";q={item.amount};w={item.get_expiry()}',
                "RateLimit": f'"{kind.value}";r={max(0, left.remaining)};t={wait_s}',
            },
            kind=kind.value,
            requests_max=item.amount,
            window_s=item.get_expiry(),
        )

    def _item(self, caller: Caller, kind: Kind) -> RateLimitItem:
        if kind is Kind.COMMANDS and caller.subject in self._integrations:
            return self._of_integrations
        return self._items[kind]


class _Windows(Storage, MovingWindowSupport):
    """The times of each key's latest requests, in memory.

    The library's own storage keeps every key for ever, and starts a thread to clean up.
    """

    STORAGE_SCHEME = None

    def __init__(self, keys_max: int, now: Callable[[], float]) -> None:
        super().__init__(uri=None, wrap_exceptions=False)
        self.hits: OrderedDict[str, deque[float]] = OrderedDict()
        self._keys_max = keys_max
        self._now = now

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note `amount` requests, if there is room for them."""
        hits = self._recent(key, expiry)
        if len(hits) + amount > limit:
            return False
        hits.extend([self._now()] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Give when the oldest request of the window was, and how many there are."""
        del limit
        hits = self._recent(key, expiry)
        return (hits[0] if hits else self._now()), len(hits)

    def clear(self, key: str) -> None:
        """Forget a key."""
        self.hits.pop(key, None)

    def reset(self) -> int:
        """Forget everything; give how many keys there were."""
        count = len(self.hits)
        self.hits.clear()
        return count

    def check(self) -> bool:
        """Memory is always there."""
        return True

    @property
    def base_exceptions(self) -> type[Exception]:
        """Give what it may raise."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Raise: a fixed window's operation."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Raise: a fixed window's operation."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Raise: a fixed window's operation."""
        raise NotImplementedError

    def _recent(self, key: str, expiry: int) -> deque[float]:
        hits = self.hits.get(key)
        if hits is None:
            hits = self.hits[key] = deque()
            if len(self.hits) > self._keys_max:
                self.hits.popitem(last=False)
        else:
            self.hits.move_to_end(key)
        begin = self._now() - expiry
        while hits and hits[0] <= begin:
            hits.popleft()
        return hits
