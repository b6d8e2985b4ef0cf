"""Tokens, the development issuer, and the ids derived from an identity."""

from __future__ import annotations

import base64
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from shared.kit.identity.development_issuer import ISSUER, DevelopmentIssuer
from shared.kit.identity.ids import command_id, fingerprint, identity_id
from shared.kit.identity.tokens import (
    TokenExpiredError,
    TokenInvalidError,
    TokenMissingError,
    TokenVerifier,
)
from shared.kit.submission import Caller
from tests.fixtures.edge import NOW, HandClock

EXP = int(NOW.timestamp()) + 600
GOOD = {"iss": "https://login.example", "sub": "anna", "aud": "cogov", "exp": EXP}
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: Any, algorithm: str, kid: str) -> dict[str, Any]:
    kind = {"EdDSA": OKPAlgorithm, "RS256": RSAAlgorithm}[algorithm]
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": algorithm}


def verifier(*keys: dict[str, Any], clock: HandClock | None = None) -> TokenVerifier:
    jwks = json.dumps({"keys": list(keys or (jwk(ED25519, "EdDSA", "e"),))})
    return TokenVerifier(
        issuer="https://login.example",
        jwks=jwks,
        clock=clock or HandClock(),
        remembered_max=2,
    )


def token(claims: dict[str, Any] | None = None, **headers: Any) -> str:
    return jwt.encode(claims or GOOD, ED25519, algorithm="EdDSA", headers={"kid": "e", **headers})


def test_a_good_token_names_its_caller_however_often_it_is_sent() -> None:
    tokens = verifier()
    for _ in range(3):
        assert tokens.verify(token()) == Caller("https://login.example", "anna")


def test_rs256_is_accepted_under_an_rsa_key() -> None:
    tokens = verifier(jwk(ED25519, "EdDSA", "e"), jwk(RSA, "RS256", "r"))
    signed = jwt.encode(GOOD, RSA, algorithm="RS256", headers={"kid": "r"})
    assert tokens.verify(signed).subject == "anna"


def test_a_token_without_a_key_id_is_accepted_only_while_there_is_one_key() -> None:
    signed = jwt.encode(GOOD, ED25519, algorithm="EdDSA")
    assert verifier().verify(signed).subject == "anna"
    with pytest.raises(TokenInvalidError):
        verifier(jwk(ED25519, "EdDSA", "e"), jwk(RSA, "RS256", "r")).verify(signed)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "other"},
        {"aud": None},
        {"iss": None},
        {"sub": None},
        {"exp": None},
        {"sub": ""},
        {"sub": "a" * 256},
        {"sub": "a\0"},
        {"sub": 7},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"nbf": EXP},
        {"nbf": "later"},
    ],
)
def test_a_token_with_other_claims_is_invalid(changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    # Signed by hand: the library would not encode some of these.
    head = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"e"}').rstrip(b"=")
    signed = head + b"." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    text = signed + b"." + base64.urlsafe_b64encode(ED25519.sign(signed)).rstrip(b"=")
    with pytest.raises(TokenInvalidError):
        verifier().verify(text.decode())


def test_the_longest_subject_is_accepted() -> None:
    assert verifier().verify(token({**GOOD, "sub": "a" * 255})).subject == "a" * 255


def test_the_leeway_is_thirty_seconds_either_way() -> None:
    clock = HandClock()
    tokens = verifier(clock=clock)
    early = token({**GOOD, "nbf": int(NOW.timestamp()) + 30})
    assert tokens.verify(early).subject == "anna"
    with pytest.raises(TokenInvalidError):
        tokens.verify(token({**GOOD, "nbf": int(NOW.timestamp()) + 31}))
    signed = token()
    clock.at = NOW + timedelta(seconds=629)
    assert tokens.verify(signed).subject == "anna"
    clock.at = NOW + timedelta(seconds=630)
    with pytest.raises(TokenExpiredError):
        tokens.verify(signed)


def test_a_remembered_token_expires_too() -> None:
    clock = HandClock()
    tokens = verifier(clock=clock)
    signed = token()
    tokens.verify(signed)
    clock.at = NOW + timedelta(seconds=630)
    with pytest.raises(TokenExpiredError):
        tokens.verify(signed)


def test_after_a_rotation_old_tokens_are_invalid() -> None:
    tokens = verifier()
    signed = token()
    tokens.verify(signed)
    tokens.load(json.dumps({"keys": [jwk(RSA, "RS256", "r")]}))
    with pytest.raises(TokenInvalidError):
        tokens.verify(signed)


def test_only_so_many_tokens_are_remembered() -> None:
    tokens = verifier()
    for n in range(5):
        tokens.verify(token({**GOOD, "sub": str(n)}))
    assert tokens.remembered == 2


def test_the_key_decides_the_algorithm() -> None:
    public = jwk(RSA, "RS256", "r")
    tokens = verifier(public, jwk(ED25519, "EdDSA", "e"))
    secret = base64.urlsafe_b64decode(public["n"] + "==")
    forged = [
        jwt.encode(GOOD, "", algorithm="none", headers={"kid": "e"}),
        jwt.encode(GOOD, secret, algorithm="HS256", headers={"kid": "r"}),
        jwt.encode(GOOD, RSA, algorithm="RS512", headers={"kid": "r"}),
        jwt.encode(GOOD, RSA, algorithm="RS256", headers={"kid": "e"}),
        jwt.encode(GOOD, ed25519.Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "e"}),
        jwt.encode(
            GOOD, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": "e"}
        ),
        token(kid="unknown"),
        token(crit=["x"], x=1),
        token() + "x",
        token()[:-4],
        "a.b.c",
        "",
        "x" * 10_000,
        token() + "." * 9000,
    ]
    for text in forged:
        with pytest.raises(TokenInvalidError):
            tokens.verify(text)


def test_a_key_of_another_kind_or_too_small_is_passed_over() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for unfit in (
        jwk(small, "RS256", "s"),
        {**jwk(RSA, "RS256", "x"), "use": "enc"},
        {**jwk(RSA, "RS256", "x"), "alg": "RS512"},
        {"kty": "oct", "k": "AAAA", "kid": "o"},
    ):
        with pytest.raises(ValueError, match="no Ed25519"):
            verifier(unfit)


@pytest.mark.parametrize("header", ["", "Basic x", "Bearer", "x"])
def test_without_a_bearer_token_it_is_missing(header: str) -> None:
    with pytest.raises(TokenMissingError):
        verifier().verify_header(header)


def test_the_scheme_is_read_in_any_case() -> None:
    assert verifier().verify_header(f"bEARER {token()}").subject == "anna"


def test_the_development_issuer_keeps_its_key_to_itself(tmp_path: Path) -> None:
    clock = HandClock()
    first, second = (DevelopmentIssuer(tmp_path / "keys", clock) for _ in range(2))
    assert first.jwks() == second.jwks()
    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    tokens = TokenVerifier(issuer=ISSUER, jwks=first.jwks(), clock=clock)
    assert tokens.verify(second.issue("li", ttl_s=60)) == Caller(ISSUER, "li")
    with pytest.raises(TokenInvalidError):
        tokens.verify(second.issue("li", ttl_s=60, audience="other"))
    assert "PRIVATE" not in first.jwks()
    assert "d" not in json.loads(first.jwks())["keys"][0]


def test_identities_have_the_id_that_the_directory_links() -> None:
    assert identity_id(ISSUER, "李") == Caller(ISSUER, "李").identity


def test_a_command_s_id_depends_on_all_four_and_on_where_they_end() -> None:
    base = command_id("i", "s", "c", "k")
    assert base == command_id("i", "s", "c", "k") == UUID(str(base))
    others = {
        command_id("j", "s", "c", "k"),
        command_id("i", "t", "c", "k"),
        command_id("i", "s", "d", "k"),
        command_id("i", "s", "c", "l"),
        command_id("i", "s", "c:", "k"),
        command_id("i", "s", "", "c:k"),
        command_id("i", "s", "c:k", ""),
    }
    assert len(others | {base}) == 8


def test_a_fingerprint_depends_on_every_part_and_on_the_secret() -> None:
    base = fingerprint(b"s", "POST", "/p", {"a": 1, "b": [2]}, "")
    assert base == fingerprint(b"s", "POST", "/p", {"b": [2], "a": 1}, "")
    assert len(base) == 32
    others = {
        fingerprint(b"t", "POST", "/p", {"a": 1, "b": [2]}, ""),
        fingerprint(b"s", "PUT", "/p", {"a": 1, "b": [2]}, ""),
        fingerprint(b"s", "POST", "/q", {"a": 1, "b": [2]}, ""),
        fingerprint(b"s", "POST", "/p", {"a": 1, "b": [3]}, ""),
        fingerprint(b"s", "POST", "/p", {"a": 1, "b": [2]}, '"1"'),
    }
    assert len(others | {base}) == 6
