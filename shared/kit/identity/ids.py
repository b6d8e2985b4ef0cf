"""Ids derived from an identity: the same question always has the same id."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

_SEPARATOR: Final = b"\0"  # in none of the parts, so that no two requests share a text


@lru_cache(maxsize=4096)
def identity_id(issuer: str, subject: str) -> UUID:
    """Derive the id of a login identity, uuid5(issuer, subject): what logs may name."""
    return uuid5(_issuer_id(issuer), subject)


def command_id(issuer: str, subject: str, scope: str, key: str) -> UUID:
    """Derive a command's id from its Idempotency-Key: uuid5 of issuer, subject, scope and key."""
    return uuid5(identity_id(issuer, subject), f"{len(scope)}:{scope}:{key}")


def fingerprint(secret: bytes, method: str, path: str, body: Any, if_match: str) -> bytes:
    """Digest what the client asked, and nothing that we add: HMAC-SHA256, 32 bytes.

    `body` is the parsed JSON; its members' order and its white space do not count.
    """
    digest = hmac.new(secret, digestmod=hashlib.sha256)
    digest.update(_SEPARATOR.join((method.encode(), path.encode(), if_match.encode(), b"")))
    digest.update(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    return digest.digest()


@lru_cache(maxsize=64)
def _issuer_id(issuer: str) -> UUID:
    return uuid5(NAMESPACE_URL, issuer)
