"""Where an OpenID provider says what it is (OpenID Connect Discovery 1.0), and what we accept.

An issuer is a URL of https. Plain http is for one on this machine: there is no wire to listen on.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final, cast
from urllib.parse import urlsplit

import orjson

_PATH: Final = "/.well-known/openid-configuration"
_LOOPBACK_NAME: Final = "localhost"


def configuration_url(issuer: str) -> str:
    """Give where an issuer's document is; raise ValueError for what can be no issuer."""
    parts = urlsplit(issuer)
    if parts.query or parts.fragment:
        raise ValueError("an issuer has neither query nor fragment")
    _require_safe(issuer, loopback=_is_loopback(issuer))
    return issuer.rstrip("/") + _PATH


def jwks_url(issuer: str, document: bytes) -> str:
    """Give where the document says the keys are; raise ValueError for one that cannot be right."""
    found = orjson.loads(document)
    if not isinstance(found, dict):
        raise ValueError("the configuration is no object")  # noqa: TRY004 - a content
    configuration = cast("dict[str, Any]", found)
    if configuration.get("issuer") != issuer:
        raise ValueError("the configuration is of another issuer")
    url = configuration.get("jwks_uri")
    if not isinstance(url, str):
        raise ValueError("the configuration names no jwks_uri")  # noqa: TRY004 - a content
    # Only an issuer on this machine may send us to this machine.
    _require_safe(url, loopback=_is_loopback(issuer))
    return url


def _require_safe(url: str, *, loopback: bool) -> None:
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None:
        raise ValueError("this URL names no host, or a user")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback and _is_loopback(url)):
        raise ValueError("this URL is not https")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == _LOOPBACK_NAME or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
