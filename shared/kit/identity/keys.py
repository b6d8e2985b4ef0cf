"""The public keys by which tokens are checked: read from a JWKS, of allowed algorithms only."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.decider import RefusalKind, Refused

# Asymmetric ones alone: with a shared secret, whoever can check a token could make one.
Algorithm = Literal[
    "EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"
]
ALLOWED: Final[frozenset[Algorithm]] = frozenset({"EdDSA", "ES256", "RS256"})

_RSA_BITS_MIN: Final = 2048
_RSA: Final = ("RSA", "")
# What a key is, and which algorithm it has where it names none: the first one of its kind.
_KINDS: Final[dict[Algorithm, tuple[str, str]]] = {
    "EdDSA": ("OKP", "Ed25519"),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "RS256": _RSA,
    "RS384": _RSA,
    "RS512": _RSA,
    "PS256": _RSA,
    "PS384": _RSA,
    "PS512": _RSA,
}
_OTHER_NAMES: Final = {"Ed25519": "EdDSA"}  # RFC 9864


class IssuerUnavailable(Refused):
    """The issuer's keys are not known here now, so no token can be checked; try again."""

    kind = RefusalKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key and the one algorithm it is for."""

    algorithm: Algorithm
    public: Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey


class Keys(Protocol):
    """Where the keys come from."""

    @property
    def trouble(self) -> str:
        """Why they may be out of date; empty: they are not."""
        ...

    def current(self) -> Mapping[str, PublicKey]:
        """Give the keys by their ids, the same object until they change; IssuerUnavailable."""
        ...

    async def look_again(self) -> None:
        """Ask whether there are others by now; IssuerUnavailable where that cannot be known."""
        ...


class FixedKeys:
    """Keys that stay as they are: those of a file."""

    def __init__(self, jwks: str | bytes, algorithms: AbstractSet[Algorithm] = ALLOWED) -> None:
        self._keys = public_keys(jwks, algorithms)

    @property
    def trouble(self) -> str:
        """A file is as it is."""
        return ""

    def current(self) -> Mapping[str, PublicKey]:
        """Give the keys by their ids."""
        return self._keys

    async def look_again(self) -> None:
        """There is nobody to ask."""


def public_keys(jwks: str | bytes, algorithms: AbstractSet[Algorithm]) -> dict[str, PublicKey]:
    """Read the signing keys of a JWKS by their ids; pass over what is not allowed.

    Raises ValueError when it is no JWKS or no key is left.
    """
    document = orjson.loads(jwks)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("this is no JWKS")  # noqa: TRY004 - a content, not a type of ours
    found: dict[str, PublicKey] = {}
    for entry in entries:
        key = _public_key(cast("dict[str, Any]", entry)) if isinstance(entry, dict) else None
        if key is not None and key.algorithm in algorithms:
            found[str(entry.get("kid", ""))] = key
    if not found:
        raise ValueError("the JWKS holds no signing key of an allowed algorithm")
    return found


def _public_key(entry: dict[str, Any]) -> PublicKey | None:
    algorithm = _algorithm(entry)
    if algorithm is None or entry.get("use", "sig") != "sig":
        return None
    try:
        public = jwt.PyJWK.from_dict(entry, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(public, Ed25519PublicKey | EllipticCurvePublicKey):
        return PublicKey(algorithm, public)
    if isinstance(public, RSAPublicKey) and public.key_size >= _RSA_BITS_MIN:
        return PublicKey(algorithm, public)
    return None


def _algorithm(entry: dict[str, Any]) -> Algorithm | None:
    # The key decides the algorithm, never the token: else a public key could pass as a secret.
    kind = (entry.get("kty"), "" if entry.get("kty") == "RSA" else entry.get("crv"))
    named = _OTHER_NAMES.get(str(entry.get("alg")), entry.get("alg"))
    for algorithm, known in _KINDS.items():
        if known == kind and (named is None or named == algorithm):
            return algorithm
    return None
