"""Names of residents, asked of the directory: the one synchronous read between services.

Only `api.py` of a feature asks, for showing who acted. Whoever has no name, or while the directory
is away, is shown by a pseudonym: nothing waits long for a name, and nothing depends on one.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final
from uuid import UUID

import httpx
import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_log: Final = structlog.get_logger()

PATH: Final = "/internal/v1/names"
NAMES_MAX: Final = 200
_PROOF_HEADER: Final = "cogov-internal"
_AWAY_S: Final = 2.0  # so long the directory is left alone after it did not answer
_PSEUDONYM_CHARS: Final = 8

Lookup = Callable[[str, Sequence[UUID]], Awaitable[dict[UUID, str]]]


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: str
    residents: tuple[UUID, ...]


_ASKED: Final = msgspec.json.Decoder(_Asked)
_NAMES: Final = msgspec.json.Decoder(dict[UUID, str])


def names_route(secret: str, lookup: Lookup) -> Route:
    """Answer other services of the district; without a secret nobody is answered."""

    async def answer(request: Request) -> Response:
        given = request.headers.get(_PROOF_HEADER, "")
        if not secret or not hmac.compare_digest(given.encode(), secret.encode()):
            return Response(status_code=404)
        try:
            asked = _ASKED.decode(await request.body())
        except msgspec.DecodeError:
            return Response(status_code=400)
        if len(asked.residents) > NAMES_MAX:
            return Response(status_code=400)
        names = await lookup(asked.service, asked.residents)
        return Response(msgspec.json.encode(names), media_type="application/json")

    return Route(PATH, answer, methods=["POST"])


class Names:
    """What residents are called, remembered for a short while; `url` empty: nobody can be asked."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        service: str,
        *,
        url: str,
        secret: str,
        timeout_s: float = 0.5,
        cached_s: float = 60.0,
        cached_max: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._service = service
        self._url = url
        self.secret = secret
        self._timeout_s = timeout_s
        self._cached_s = cached_s
        self._cached_max = cached_max
        self._monotonic = monotonic
        self._cached: OrderedDict[UUID, tuple[str, float]] = OrderedDict()
        self._away_until = 0.0

    async def of(self, residents: Iterable[str]) -> dict[str, str]:
        """Give a name, or a pseudonym, for each of up to 200 residents; never an error."""
        wanted = {one: UUID(one) for one in dict.fromkeys(residents) if _is_id(one)}
        found = {one: self._recall(resident) for one, resident in wanted.items()}
        unknown = [wanted[one] for one, name in found.items() if name is None][:NAMES_MAX]
        if unknown:
            for resident, name in (await self._ask(unknown)).items():
                found[str(resident)] = name
        return {one: name or pseudonym(one) for one, name in found.items()}

    async def _ask(self, residents: Sequence[UUID]) -> dict[UUID, str]:
        now = self._monotonic()
        if not self._url or now < self._away_until:
            return {}
        asked = msgspec.json.encode(_Asked(self._service, tuple(residents)))
        try:
            response = await self._client.post(
                f"{self._url}{PATH}",
                content=asked,
                headers={_PROOF_HEADER: self.secret},
                timeout=self._timeout_s,
            )
            names = _NAMES.decode(response.raise_for_status().content)
        except (httpx.HTTPError, OSError, msgspec.DecodeError) as error:
            self._away_until = now + _AWAY_S
            _log.warning("names.not_answered", error=type(error).__name__)
            return {}
        for resident in residents:
            self._remember(resident, names.get(resident, ""), now + self._cached_s)
        return names

    def _recall(self, resident: UUID) -> str | None:
        """Give a name; empty when the directory knows none; None when it must be asked."""
        known = self._cached.get(resident)
        if known is None or self._monotonic() >= known[1]:
            return None
        self._cached.move_to_end(resident)
        return known[0]

    def _remember(self, resident: UUID, name: str, until: float) -> None:
        self._cached[resident] = (name, until)
        self._cached.move_to_end(resident)
        if len(self._cached) > self._cached_max:
            self._cached.popitem(last=False)


def pseudonym(resident: str) -> str:
    """Give what is shown of somebody without a name."""
    return f"resident {resident[-_PSEUDONYM_CHARS:]}"


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
