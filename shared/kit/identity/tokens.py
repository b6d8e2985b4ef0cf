"""Bearer tokens: signed by the issuer we trust, for us, in force. They prove identity only."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any, ClassVar, Final

import jwt

from shared.kit.identity.keys import (
    ALLOWED,
    Algorithm,
    IssuerUnavailable,
    Keys,
    PublicKey,
)
from shared.kit.ports import Clock
from shared.kit.submission import Caller

AUDIENCE: Final = "cogov"

_TOKEN_CHARS_MAX: Final = 8192
_SUBJECT_CHARS_MAX: Final = 255
_SCHEME: Final = "bearer "


class TokenRefusedError(Exception):
    """The request is not authenticated (401)."""

    code: ClassVar[str] = "token_invalid"
    text: ClassVar[str] = "The token is not valid here."


class TokenInvalidError(TokenRefusedError):
    """Not a token, or its signature or a claim of it is wrong."""


class TokenMissingError(TokenRefusedError):
    """No bearer token was sent."""

    code = "token_missing"
    text = "Send a token: Authorization: Bearer …"


class TokenExpiredError(TokenRefusedError):
    """The token was in force once."""

    code = "token_expired"
    text = "The token has expired."


class TokenNotYetValidError(TokenRefusedError):
    """The token is in force later, or was issued in the future (`nbf`, `iat`)."""

    code = "token_not_yet_valid"
    text = "The token is not in force yet."


class TokenAudienceWrongError(TokenRefusedError):
    """The token is genuine, but for somebody else (`aud`)."""

    code = "token_audience_wrong"
    text = "The token is meant for another audience."


class TokenIssuerWrongError(TokenRefusedError):
    """The token says that another issuer made it (`iss`)."""

    code = "token_issuer_wrong"
    text = "The token is of an issuer that is not trusted here."


class TokenAlgorithmRefusedError(TokenRefusedError):
    """The token's algorithm is not allowed, or not that of its key."""

    code = "token_algorithm_refused"
    text = "The token is signed with an algorithm that is not accepted here."


class TokenKeyUnknownError(TokenRefusedError):
    """The token names a key that the issuer does not publish, or no longer."""

    code = "token_key_unknown"
    text = "The token is signed with a key that the issuer does not publish."


class TokenVerifier:
    """Checks tokens of one issuer by its public keys.

    A token that was found valid is remembered by its hash until it expires or the keys change,
    `remembered_max` of them, so a client's every further request costs one hash. `clock` is what
    issuers go by; they may differ from it by `skew_s` either way.
    """

    def __init__(
        self,
        *,
        issuer: str,
        keys: Keys,
        clock: Clock,
        audience: str = AUDIENCE,
        algorithms: AbstractSet[Algorithm] = ALLOWED,
        skew_s: int = 30,
        remembered_max: int = 10_000,
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._audience = audience
        self._algorithms = algorithms
        self._clock = clock
        self._skew_s = skew_s
        self._remembered_max = remembered_max
        self._remembered: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._remembered_under: Mapping[str, PublicKey] = {}

    @property
    def remembered(self) -> int:
        """Give how many tokens are remembered now."""
        return len(self._remembered)

    async def verify_header(self, authorization: str) -> Caller:
        """Give who the Authorization header proves; TokenRefusedError or IssuerUnavailable."""
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise TokenMissingError
        token = authorization[len(_SCHEME) :].strip()
        try:
            return self.verify(token)
        except (TokenKeyUnknownError, IssuerUnavailable):
            await self._keys.look_again()
        return self.verify(token)

    def verify(self, token: str) -> Caller:
        """Give who the token proves by the keys at hand; raise as `verify_header` does."""
        keys = self._keys.current()
        if keys is not self._remembered_under:
            self._remembered.clear()
            self._remembered_under = keys
        digest = hashlib.sha256(token.encode()).digest()
        now = self._clock.now().timestamp()
        known = self._remembered.get(digest)
        if known is not None:
            caller, expires = known
            if now < expires + self._skew_s:
                self._remembered.move_to_end(digest)
                return caller
            del self._remembered[digest]
        caller, expires = self._check(token, keys, now)
        self._remembered[digest] = (caller, expires)
        if len(self._remembered) > self._remembered_max:
            self._remembered.popitem(last=False)
        return caller

    def _check(self, token: str, keys: Mapping[str, PublicKey], now: float) -> tuple[Caller, float]:
        claims = self._claims(token, keys)
        subject = claims["sub"]
        if not 0 < len(subject) <= _SUBJECT_CHARS_MAX or not subject.isprintable():
            raise TokenInvalidError
        expires = _seconds(claims["exp"])
        begins = max(_seconds(claims.get("nbf", 0)), _seconds(claims.get("iat", 0)))
        if now >= expires + self._skew_s:
            raise TokenExpiredError
        if begins > now + self._skew_s:
            raise TokenNotYetValidError
        return Caller(issuer=self._issuer, subject=subject), expires

    def _claims(self, token: str, keys: Mapping[str, PublicKey]) -> dict[str, Any]:
        if len(token) > _TOKEN_CHARS_MAX:
            raise TokenInvalidError
        try:
            key = self._key(token, keys)
            # Our caller compares the times: PyJWT would take the machine's clock, not ours.
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
        except jwt.InvalidAudienceError:
            raise TokenAudienceWrongError from None
        except jwt.InvalidIssuerError:
            raise TokenIssuerWrongError from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenInvalidError from None

    def _key(self, token: str, keys: Mapping[str, PublicKey]) -> PublicKey:
        header = jwt.get_unverified_header(token)
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(algorithm, str):
            raise TokenInvalidError
        if algorithm not in self._algorithms:
            raise TokenAlgorithmRefusedError
        key = keys.get(kid) if isinstance(kid, str) else None
        if kid is None and len(keys) == 1:
            (key,) = keys.values()
        if key is not None and algorithm != key.algorithm:
            raise TokenAlgorithmRefusedError
        if key is None and kid is None:
            raise TokenInvalidError
        if key is None:
            # Nobody asks the issuer for a key that by the token's own words is another's.
            claims = jwt.decode(token, options={"verify_signature": False})
            if claims.get("iss") != self._issuer:
                raise TokenIssuerWrongError
            raise TokenKeyUnknownError
        return key


def _seconds(claim: object) -> float:
    # JSON has no NaN, but Python's reader does, and it would pass every comparison.
    try:
        if not isinstance(claim, bool) and isinstance(claim, int | float) and isfinite(claim):
            return float(claim)
    except OverflowError:
        pass
    raise TokenInvalidError
