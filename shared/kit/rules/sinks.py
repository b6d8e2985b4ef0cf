"""Where effects go: a file a deed, or a webhook; each takes the same key twice as once.

Tests use a sink of their own that records. A sink raises SinkUnavailableError for what may pass and
answers with an outcome that is not `done` for what will not.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

import httpx
import msgspec

from shared.rules import Outcome, Outside

_FILE: Final = "file:"
_RETRIED: Final = frozenset({408, 425, 429})
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class SinkUnavailableError(Exception):
    """The outside cannot be reached, or asks to come again."""


class Sink(Protocol):
    """Does one thing outside under a key."""

    async def send(self, key: UUID, outside: Outside) -> Outcome:
        """Do it, or find it done under that key; raise SinkUnavailableError."""
        ...


class FileSink:
    """Writes each deed into a folder as `<key>.json`; the file appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, key: UUID, outside: Outside) -> Outcome:
        """Write the file; one that is there stays as it is."""
        try:
            await asyncio.to_thread(self._write, key, _ENCODER.encode(outside))
        except OSError as error:
            raise SinkUnavailableError(type(error).__name__) from error
        return Outcome(done=True, reference=f"{key}.json")

    def _write(self, key: UUID, text: bytes) -> None:
        path = self._folder / f"{key}.json"
        if path.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        waiting = path.with_suffix(".new")
        waiting.write_bytes(text + b"\n")
        waiting.replace(path)


class WebhookSink:
    """Posts each deed as JSON, with its key as Idempotency-Key and a signature over the body.

    `Cogov-Signature` is `v1=` and the HMAC-SHA256 of the body in hexadecimal digits. Answers 2xx
    are done; 408, 425, 429, 5xx and no answer are tried again; others are a refusal.
    """

    def __init__(self, url: str, secret: bytes, client: httpx.AsyncClient) -> None:
        self._url = url
        self._secret = secret
        self._client = client

    async def send(self, key: UUID, outside: Outside) -> Outcome:
        """Post it."""
        body = _ENCODER.encode(outside)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(key),
            "Cogov-Signature": f"v1={hmac.new(self._secret, body, hashlib.sha256).hexdigest()}",
        }
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise SinkUnavailableError(type(error).__name__) from error
        status = answer.status_code
        if answer.is_success:
            return Outcome(done=True, reference=answer.headers.get("location", ""))
        if status in _RETRIED or answer.is_server_error:
            raise SinkUnavailableError(f"http_{status}")
        return Outcome(done=False, code=f"http_{status}")


class NoSink:
    """Stands where an operator has configured nothing: every deed is told as not done."""

    async def send(self, key: UUID, outside: Outside) -> Outcome:
        """Say that there is nowhere to send it."""
        del key, outside
        return Outcome(done=False, code="no_sink")


def sinks_of(
    places: Mapping[str, str], secret: bytes, client: httpx.AsyncClient
) -> dict[str, Sink]:
    """Make the sinks that settings name: `file:<folder>`, or the URL of a webhook."""
    return {
        name: FileSink(Path(place.removeprefix(_FILE)))
        if place.startswith(_FILE)
        else WebhookSink(place, secret, client)
        for name, place in places.items()
    }
