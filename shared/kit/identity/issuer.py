"""The keys of an OpenID provider, fetched as it publishes them and kept up to date.

They are fetched at the start, at an interval, and once more for a token whose key is unknown (a
rotation). Everybody who wants that waits for the same fetch, and what tokens ask for is done at
most once in a while, so that made-up keys do not become requests to the issuer. While it does not
answer, the keys known last are used on, until they are too old.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from typing import Final

import httpx
import structlog

from shared.kit.backoff import Backoff
from shared.kit.identity.discovery import configuration_url, jwks_url
from shared.kit.identity.keys import ALLOWED, Algorithm, IssuerUnavailable, PublicKey, public_keys
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import Random

_log: Final = structlog.get_logger()
_RETRY_FIRST_S: Final = 0.2
# Not compressed: a small answer could be a large one.
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerLimits:
    """The bounds of asking an issuer; units are in the names."""

    timeout_s: float = 5.0  # both documents together
    document_bytes_max: int = 256 * 1024
    refresh_interval_s: float = 300.0
    refetch_interval_s: float = 10.0  # for unknown keys; also the longest wait after a failure
    keys_age_s_max: float = 24 * 3600.0


class IssuerKeys:
    """Keeps the keys of one issuer while `kept`."""

    def __init__(
        self,
        issuer: str,
        client: httpx.AsyncClient,
        metrics: Metrics,
        random: Random,
        *,
        limits: IssuerLimits,
        algorithms: AbstractSet[Algorithm] = ALLOWED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._url = configuration_url(issuer)
        self._client = client
        self._limits = limits
        self._algorithms = algorithms
        self._monotonic = monotonic
        self._backoff = Backoff(random, first_s=_RETRY_FIRST_S, max_s=limits.refetch_interval_s)
        self._fetches = metrics.issuer_fetches
        metrics.issuer_keys_age_seconds.set_function(self._age_s)
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at = -inf
        self._asked_at = -inf
        self._fetching: asyncio.Task[None] | None = None
        self._trouble = "not asked yet"

    @property
    def trouble(self) -> str:
        """Why the keys may be out of date; empty: they are not."""
        return self._trouble

    def current(self) -> Mapping[str, PublicKey]:
        """Give the keys by their ids, the same object until they change; IssuerUnavailable."""
        if self._age_s() > self._limits.keys_age_s_max:
            raise IssuerUnavailable
        return self._keys

    async def look_again(self) -> None:
        """Fetch for a token whose key is unknown; IssuerUnavailable while nobody answers.

        Within the interval after the last time nothing is fetched: what is known then is new.
        """
        now = self._monotonic()
        if self._fetching is None and now - self._asked_at < self._limits.refetch_interval_s:
            if self._trouble:
                raise IssuerUnavailable
            return
        if self._fetching is None:
            self._asked_at = now
        await self._fetched()
        if self._trouble:
            raise IssuerUnavailable

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Refresh the keys again and again, beside what is done meanwhile."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            tasks = [keeping] if self._fetching is None else [keeping, self._fetching]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await self._fetched()
            if self._trouble:
                await self._backoff.wait()
            else:
                self._backoff.reset()
                await asyncio.sleep(self._limits.refresh_interval_s)

    async def _fetched(self) -> None:
        """Fetch, or wait for the fetch that is under way, whoever gives up waiting meanwhile."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        asked_at = self._monotonic()
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                document = await self._get(self._url)
                jwks = await self._get(jwks_url(self._issuer, document))
            self._take(public_keys(jwks, self._algorithms), asked_at)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            self._failed(str(error) if isinstance(error, ValueError) else type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a stranger's document must not end the loop
            _log.exception("issuer.fetch_crashed")
            self._failed(type(error).__name__)
        finally:
            self._fetching = None

    async def _get(self, url: str) -> bytes:
        content = bytearray()
        async with self._client.stream(
            "GET", url, headers=_HEADERS, follow_redirects=False
        ) as response:
            if response.status_code != HTTPStatus.OK:
                raise ValueError(f"the issuer answered {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("the issuer's answer is compressed")
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > self._limits.document_bytes_max:
                    raise ValueError("the issuer's answer is too large")
        return bytes(content)

    def _take(self, found: dict[str, PublicKey], asked_at: float) -> None:
        if self._trouble and self._keys:
            _log.info("issuer.resumed", keys=len(found))
        if found != self._keys:
            _log.info("issuer.keys_changed", keys=len(found))
            self._keys = found
        self._trouble = ""
        self._fetched_at = asked_at
        self._fetches.labels("ok").inc()

    def _failed(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("issuer.not_answered", reason=trouble, keys=len(self._keys))
        self._trouble = trouble
        self._fetches.labels("failed").inc()

    def _age_s(self) -> float:
        return self._monotonic() - self._fetched_at
