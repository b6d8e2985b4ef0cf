"""Bearer tokens: signed by the issuer we trust, for us, in force. They prove identity only."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Final, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.kit.ports import Clock
from shared.kit.submission import Caller

AUDIENCE: Final = "cogov"

_RSA_BITS_MIN: Final = 2048
_TOKEN_CHARS_MAX: Final = 8192
_SUBJECT_CHARS_MAX: Final = 255
_SCHEME: Final = "bearer "


class TokenRefusedError(Exception):
    """The request is not authenticated (401)."""

    code: ClassVar[str] = "token_invalid"
    text: ClassVar[str] = "The token is not valid here."


class TokenInvalidError(TokenRefusedError):
    """Not a token, not signed by the issuer, or not meant for us."""


class TokenMissingError(TokenRefusedError):
    """No bearer token was sent."""

    code = "token_missing"
    text = "Send a token: Authorization: Bearer …"


class TokenExpiredError(TokenRefusedError):
    """The token was in force once."""

    code = "token_expired"
    text = "The token has expired."


@dataclass(frozen=True, slots=True)
class _Key:
    algorithm: str
    public: Ed25519PublicKey | RSAPublicKey


class TokenVerifier:
    """Checks tokens of one issuer against its public keys (a JWKS), Ed25519 or RS256 only.

    A token that was found valid is remembered by its hash until it expires, `remembered_max` of
    them, so a client's every further request costs one hash. Time is the site clock's, with
    `leeway_s` either way.
    """

    def __init__(
        self,
        *,
        issuer: str,
        jwks: str,
        clock: Clock,
        audience: str = AUDIENCE,
        leeway_s: int = 30,
        remembered_max: int = 10_000,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._leeway_s = leeway_s
        self._remembered_max = remembered_max
        self._remembered: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._keys: dict[str, _Key] = {}
        self.load(jwks)

    @property
    def remembered(self) -> int:
        """Give how many tokens are remembered now."""
        return len(self._remembered)

    def load(self, jwks: str) -> None:
        """Take these keys instead (a rotation); tokens remembered under the old ones are forgotten.

        Raises ValueError when there is no usable key: keys of other kinds are passed over.
        """
        keys = _public_keys(jwks)
        if not keys:
            raise ValueError("the JWKS holds no Ed25519 or RS256 signing key")
        self._keys = keys
        self._remembered.clear()

    def verify_header(self, authorization: str) -> Caller:
        """Give who the Authorization header proves; raise a TokenRefusedError."""
        if not authorization:
            raise TokenMissingError
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise TokenMissingError
        return self.verify(authorization[len(_SCHEME) :].strip())

    def verify(self, token: str) -> Caller:
        """Give who the token proves; raise a TokenRefusedError."""
        digest = hashlib.sha256(token.encode()).digest()
        now = self._clock.now().timestamp()
        known = self._remembered.get(digest)
        if known is not None:
            caller, expires = known
            if now < expires + self._leeway_s:
                self._remembered.move_to_end(digest)
                return caller
            del self._remembered[digest]
        caller, expires = self._check(token, now)
        self._remembered[digest] = (caller, expires)
        if len(self._remembered) > self._remembered_max:
            self._remembered.popitem(last=False)
        return caller

    def _check(self, token: str, now: float) -> tuple[Caller, float]:
        claims = self._claims(token)
        subject = claims["sub"]
        if not 0 < len(subject) <= _SUBJECT_CHARS_MAX or not subject.isprintable():
            raise TokenInvalidError
        expires = _seconds(claims["exp"])
        if now >= expires + self._leeway_s:
            raise TokenExpiredError
        if _seconds(claims.get("nbf", 0)) > now + self._leeway_s:
            raise TokenInvalidError
        return Caller(issuer=self._issuer, subject=subject), expires

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _TOKEN_CHARS_MAX:
            raise TokenInvalidError
        try:
            key = self._key(jwt.get_unverified_header(token))
            # Our caller compares the times: PyJWT would take the machine's clock, not the site's.
            return jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                options={
                    "require": ["iss", "sub", "aud", "exp"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenInvalidError from None

    def _key(self, header: dict[str, Any]) -> _Key:
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if kid is None and len(self._keys) == 1:
            (key,) = self._keys.values()
        if key is None or header.get("alg") != key.algorithm:
            raise TokenInvalidError
        return key


def _seconds(claim: object) -> float:
    # JSON has no NaN, but Python's reader does, and it would pass every comparison.
    try:
        if not isinstance(claim, bool) and isinstance(claim, int | float) and isfinite(claim):
            return float(claim)
    except OverflowError:
        pass
    raise TokenInvalidError


def _public_keys(jwks: str) -> dict[str, _Key]:
    document = json.loads(jwks)
    found: dict[str, _Key] = {}
    for entry in cast("list[dict[str, Any]]", document["keys"]):
        if entry.get("use", "sig") != "sig":
            continue
        key = _public_key(entry)
        if key is not None:
            found[str(entry.get("kid", ""))] = key
    return found


def _public_key(entry: dict[str, Any]) -> _Key | None:
    # The key decides the algorithm, never the token: else a public key could pass as a secret.
    algorithm = {"OKP": "EdDSA", "RSA": "RS256"}.get(str(entry.get("kty")))
    if algorithm is None or entry.get("alg", algorithm) not in {algorithm, "Ed25519"}:
        return None
    if algorithm == "EdDSA" and entry.get("crv") != "Ed25519":
        return None
    public = jwt.PyJWK.from_dict(entry, algorithm=algorithm).key
    if isinstance(public, Ed25519PublicKey):
        return _Key(algorithm, public)
    if isinstance(public, RSAPublicKey) and public.key_size >= _RSA_BITS_MIN:
        return _Key(algorithm, public)
    return None
