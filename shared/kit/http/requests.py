"""Reading a request: its headers, its path, its body, who sent it; every limit has a code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope

from shared.kit.http.edge import Edge
from shared.kit.http.problems import PathNotFound, Problem, request_invalid
from shared.kit.http.rates import Kind
from shared.kit.position import PositionInvalidError, parse_token
from shared.kit.submission import Caller
from shared.kit.vault.texts import TextHasNul

M = TypeVar("M", bound=BaseModel)

PATH_VALUE_CHARS_MAX: Final = 200
KEY_CHARS_MAX: Final = 200

_VERSION: Final = re.compile(r'"(0|[1-9][0-9]{0,8})"')
_DEPTH_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class CommandHeaders:
    """The headers that mean something to a command."""

    key: str
    if_match: str
    expected_version: int | None


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Give the headers by lower-case name."""
    return dict(scope["headers"])


async def admit(edge: Edge, headers: Mapping[bytes, bytes], kind: Kind) -> Caller:
    """Give the identity behind the request's token, counted; raise what refuses either."""
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    caller = await edge.tokens.verify_header(authorization)
    edge.rates.count(caller, kind)
    return caller


def command_headers(headers: Mapping[bytes, bytes]) -> CommandHeaders:
    """Read Idempotency-Key (needed, 1 to 200 printable characters) and If-Match (a version)."""
    key = headers.get(b"idempotency-key", b"").decode("latin-1")
    if not key:
        raise Problem(400, "idempotency_key_missing", "A POST needs an Idempotency-Key.")
    if len(key) > KEY_CHARS_MAX or not (key.isascii() and key.isprintable()):
        raise Problem(
            400,
            "idempotency_key_invalid",
            "An Idempotency-Key has 1 to 200 printable ASCII characters.",
        )
    if_match = headers.get(b"if-match", b"").decode("latin-1")
    if not if_match:
        return CommandHeaders(key, "", None)
    match = _VERSION.fullmatch(if_match)
    if match is None:
        raise Problem(400, "if_match_invalid", 'If-Match is one version in quotes: "3".')
    return CommandHeaders(key, if_match, int(match[1]))


async def wait_after(edge: Edge, headers: Mapping[bytes, bytes]) -> None:
    """Wait until this service is as far as Cogov-After says, where the request names it."""
    token = headers.get(b"cogov-after")
    if not token:
        return
    try:
        position = parse_token(token.decode("latin-1"))
        async with asyncio.timeout(edge.limits.after_ms_max / 1000):
            await edge.wait_for(position)
    except PositionInvalidError:
        raise Problem(
            400, "position_invalid", "Cogov-After is not a position token that counts here."
        ) from None
    except TimeoutError:
        raise Problem(
            503,
            "not_yet",
            "This service is not yet as far as Cogov-After says.",
            headers={"Retry-After": str(edge.limits.retry_after_s)},
        ) from None


def path_values(scope: Scope) -> dict[str, str]:
    """Give the path's parameters; none of ours is long or holds a control character."""
    values: dict[str, str] = scope["path_params"]
    for value in values.values():
        if len(value) > PATH_VALUE_CHARS_MAX or not value.isprintable():
            raise PathNotFound
    return values


async def read_body(receive: Receive) -> bytes:
    """Read the whole body; the middleware around `receive` keeps it within its limit."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "body_incomplete", "The body ended before it was whole.")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def require_json(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that is not JSON as it is."""
    media_type = media_type_of(headers)
    if media_type != "application/json" or not _plain(headers):
        raise Problem(415, "media_type_unsupported", "Send application/json, not encoded.")


def media_type_of(headers: Mapping[bytes, bytes]) -> str:
    """Give the body's media type without parameters, in small letters."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0]
    return media_type.strip().lower().decode("latin-1")


def require_unencoded(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that is compressed."""
    if not _plain(headers):
        raise Problem(415, "media_type_unsupported", "Send the file as it is, not encoded.")


def parse_body(model: type[M], raw: bytes) -> tuple[M, Any]:
    """Give the body as `model` and as plain JSON; raise a Problem or TextHasNul."""
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Problem(400, "json_malformed", "The body is not JSON.") from None
    if raw.count(b"[") + raw.count(b"{") > _DEPTH_MAX and _depth(plain) > _DEPTH_MAX:
        raise Problem(400, "json_malformed", "The body is nested too deeply.")
    if b"\\u0000" in raw and _has_nul(plain):
        raise TextHasNul
    try:
        return model.model_validate_json(raw), plain
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise request_invalid(errors) from None


def _plain(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-encoding", b"identity").strip().lower() == b"identity"


def _depth(value: Any) -> int:
    depth = 0
    level = [value]
    while level:
        depth += 1
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return depth


def _has_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.keys()
            waiting += item.values()
    return False
