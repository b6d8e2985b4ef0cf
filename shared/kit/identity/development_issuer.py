"""An issuer for the embedded mode, where there is no identity provider: its keys are a local file.

Whoever may read the file can be anyone, so a deployment trusts a real issuer instead.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.kit.identity.tokens import AUDIENCE
from shared.kit.ports import Clock

ISSUER: Final = "urn:cogov:development"

_FILE: Final = "development-issuer.pem"


class DevelopmentIssuer:
    """Signs tokens with the Ed25519 key of a folder; makes the key when there is none."""

    issuer: Final = ISSUER

    def __init__(self, folder: Path, clock: Clock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _FILE
        if not path.exists():
            _make_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{path} holds no Ed25519 key")
        self._key = key
        self._clock = clock
        self._jwk = _public_jwk(key)

    def issue(self, subject: str, *, ttl_s: int, audience: str = AUDIENCE) -> str:
        """Sign a token that is in force from now for `ttl_s` seconds of the site clock."""
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + ttl_s,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._jwk["kid"]})

    def jwks(self) -> str:
        """Give the public key as the JSON text of a JWKS."""
        return json.dumps({"keys": [self._jwk]})


def _make_key(path: Path) -> None:
    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # Written aside and linked when complete: of two processes that start at once, one key stays.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def _public_jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    members = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    # The key's id is its thumbprint (RFC 7638): members in this order, no white space.
    thumbprint = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return {**members, "alg": "EdDSA", "use": "sig", "kid": _base64url(thumbprint)}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
