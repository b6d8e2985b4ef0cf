"""A client of a service's public HTTP API that knows when to ask again (the key makes it safe)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

_PASSING: Final = frozenset({429, 502, 503, 504})
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_BAD_REQUEST: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """How much a client asks at once, and how long it goes on asking."""

    in_flight_max: int = 48
    request_timeout_s: float = 30.0
    retry_budget_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An accepted command: its JSON, whether it is a stored answer, and the place in the log."""

    content: dict[str, Any]
    replayed: bool
    position: str


class RefusedByApiError(Exception):
    """The service said no (4xx), and would again."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}" if detail else f"{code} (HTTP {status})")
        self.status = status
        self.code = code


class ApiUnavailableError(Exception):
    """The service gave no answer within the retry budget."""


class ApiClient:
    """Sends requests under one token; each is repeated under its key until it is answered."""

    def __init__(
        self,
        url: str,
        token: str,
        limits: ClientLimits,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Connect when first asked; `transport` may stand in for the network."""
        self._url = url
        self._limits = limits
        self._transport = transport
        self._headers = {"Authorization": f"Bearer {token}"}
        self._tls = httpx.create_ssl_context(trust_env=False) if url.startswith("https") else False
        # A connection a lane: one pool for all of them would look through all at each request.
        self._lanes = asyncio.Semaphore(limits.in_flight_max)
        self._idle: list[httpx.AsyncClient] = []
        self._opened: list[httpx.AsyncClient] = []

    async def post(self, path: str, body: dict[str, Any], *, key: str, after: str = "") -> Answered:
        """Give one command; raise RefusedByApiError or ApiUnavailableError.

        With a position `after` it is decided once the service has heard that far.
        """
        headers = {"Idempotency-Key": key}
        if after:
            headers["Cogov-After"] = after
        response = await self._send("POST", path, json=body, headers=headers)
        return Answered(
            content=response.json(),
            replayed=response.headers.get("Idempotency-Replayed") == "true",
            position=response.headers.get("Cogov-Position", ""),
        )

    async def get(
        self, path: str, parameters: Mapping[str, str | int] | None = None, *, after: str = ""
    ) -> Any:
        """Ask one question, answered once the service is as far as the position `after`."""
        headers = {"Cogov-After": after} if after else {}
        return (await self._send("GET", path, params=parameters or {}, headers=headers)).json()

    async def close(self) -> None:
        """Give up the connections."""
        for lane in self._opened:
            await lane.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        async with self._lanes:
            lane = self._idle.pop() if self._idle else self._open()
            try:
                return await self._ask(lane, method, path, **request)
            finally:
                self._idle.append(lane)

    def _open(self) -> httpx.AsyncClient:
        lane = httpx.AsyncClient(
            base_url=self._url,
            headers=self._headers,
            timeout=self._limits.request_timeout_s,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            verify=self._tls,
            trust_env=False,
            transport=self._transport,
        )
        self._opened.append(lane)
        return lane

    async def _ask(
        self, lane: httpx.AsyncClient, method: str, path: str, **request: Any
    ) -> httpx.Response:
        give_up_at = time.monotonic() + self._limits.retry_budget_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                response = await lane.request(method, path, **request)
            except httpx.TransportError as error:
                said = f"{type(error).__name__} at {self._url}"
            else:
                if response.status_code not in _PASSING:
                    return _checked(response)
                said = str(_refusal(response))
                pause_s = max(pause_s, _retry_after_s(response))
            if time.monotonic() + pause_s > give_up_at:
                raise ApiUnavailableError(said)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def _checked(response: httpx.Response) -> httpx.Response:
    if response.status_code >= _BAD_REQUEST:
        raise _refusal(response)
    return response


def _refusal(response: httpx.Response) -> RefusedByApiError:
    try:
        problem = response.json()
        code, detail = str(problem["code"]), str(problem["detail"])
        details = [f"{each['at']}: {each['text']}" for each in problem.get("errors", ())]
    except (ValueError, KeyError, TypeError):
        return RefusedByApiError(response.status_code, f"http_{response.status_code}", "")
    return RefusedByApiError(response.status_code, code, " ".join([detail, *details]))


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return min(float(response.headers["Retry-After"]), _LONGEST_PAUSE_S)
    except (KeyError, ValueError):
        return 0.0
