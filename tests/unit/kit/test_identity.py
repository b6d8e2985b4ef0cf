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
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from shared.kit.identity.development_issuer import ISSUER, DevelopmentIssuer
from shared.kit.identity.ids import command_id, fingerprint, identity_id
from shared.kit.identity.keys import ALLOWED, Algorithm, FixedKeys
from shared.kit.identity.tokens import (
    TokenAlgorithmRefusedError,
    TokenAudienceWrongError,
    TokenExpiredError,
    TokenInvalidError,
    TokenIssuerWrongError,
    TokenKeyUnknownError,
    TokenMissingError,
    TokenNotYetValidError,
    TokenRefusedError,
    TokenVerifier,
)
from shared.kit.submission import Caller
from tests.fixtures.edge import NOW, HandClock

EXP = int(NOW.timestamp()) + 600
GOOD = {"iss": "https://login.example", "sub": "anna", "aud": "cogov", "exp": EXP}
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
MEMBERS = ("kty", "crv", "alg", "use", "kid", "x", "y", "n", "e", "d")
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
OF_RSA: tuple[Algorithm, ...] = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


def jwk(key: Any, algorithm: str, kid: str) -> dict[str, Any]:
    kind = {"Ed": OKPAlgorithm, "ES": ECAlgorithm}.get(algorithm[:2], RSAAlgorithm)
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": algorithm}


def verifier(
    *keys: dict[str, Any],
    clock: HandClock | None = None,
    skew_s: int = 30,
    algorithms: frozenset[Algorithm] = ALLOWED,
) -> TokenVerifier:
    jwks = json.dumps({"keys": list(keys or (jwk(ED25519, "EdDSA", "e"),))})
    return TokenVerifier(
        issuer="https://login.example",
        keys=FixedKeys(jwks, algorithms),
        clock=clock or HandClock(),
        algorithms=algorithms,
        skew_s=skew_s,
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


@pytest.mark.parametrize("algorithm", OF_RSA)
def test_an_algorithm_counts_only_where_it_is_allowed(algorithm: Algorithm) -> None:
    public = jwk(RSA, algorithm, "r")
    signed = jwt.encode(GOOD, RSA, algorithm=algorithm, headers={"kid": "r"})
    assert verifier(public, algorithms=frozenset({algorithm})).verify(signed).subject == "anna"
    with pytest.raises(TokenAlgorithmRefusedError):
        verifier(algorithms=frozenset({"EdDSA"})).verify(signed)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_a_curve_has_its_own_algorithm(algorithm: Algorithm) -> None:
    key = ec.generate_private_key(CURVES[algorithm])
    public = jwk(key, algorithm, "c")
    del public["alg"]
    signed = jwt.encode(GOOD, key, algorithm=algorithm, headers={"kid": "c"})
    tokens = verifier(public, algorithms=frozenset({"ES256", "ES384", "ES512"}))
    assert tokens.verify(signed).subject == "anna"
    for other in {"ES256", "ES384", "ES512"} - {algorithm}:
        with pytest.raises(ValueError, match="no signing key"):
            verifier({**public, "alg": other}, algorithms=frozenset({"ES256", "ES384", "ES512"}))


def test_an_rsa_key_that_names_no_algorithm_is_for_rs256() -> None:
    public = jwk(RSA, "RS256", "r")
    del public["alg"]
    tokens = verifier(public, algorithms=frozenset({"PS256", "RS256"}))
    signed = jwt.encode(GOOD, RSA, algorithm="RS256", headers={"kid": "r"})
    assert tokens.verify(signed).subject == "anna"
    other = jwt.encode(GOOD, RSA, algorithm="PS256", headers={"kid": "r"})
    with pytest.raises(TokenAlgorithmRefusedError):
        tokens.verify(other)


def test_an_ed25519_key_is_known_by_its_newer_name_too() -> None:
    tokens = verifier({**jwk(ED25519, "EdDSA", "e"), "alg": "Ed25519"})
    assert tokens.verify(token()).subject == "anna"


def test_a_token_without_a_key_id_is_accepted_only_while_there_is_one_key() -> None:
    signed = jwt.encode(GOOD, ED25519, algorithm="EdDSA")
    assert verifier().verify(signed).subject == "anna"
    with pytest.raises(TokenInvalidError):
        verifier(jwk(ED25519, "EdDSA", "e"), jwk(RSA, "RS256", "r")).verify(signed)


def signed_by_hand(claims: dict[str, Any]) -> str:
    """Sign what the library would not encode."""
    head = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"e"}').rstrip(b"=")
    signed = head + b"." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    signature = base64.urlsafe_b64encode(ED25519.sign(signed)).rstrip(b"=")
    return (signed + b"." + signature).decode()


@pytest.mark.parametrize(
    "changed",
    [
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
        {"nbf": "later"},
        {"iat": True},
        {"iat": "now"},
        {"iat": float("nan")},
    ],
)
def test_a_token_whose_claims_do_not_fit_is_invalid(changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(TokenInvalidError):
        verifier().verify(signed_by_hand(claims))


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"iss": "https://elsewhere.example"}, TokenIssuerWrongError),
        ({"iss": "https://login.example/"}, TokenIssuerWrongError),
        ({"aud": "other"}, TokenAudienceWrongError),
        ({"aud": ["other", "cogov-test"]}, TokenAudienceWrongError),
        ({"nbf": EXP}, TokenNotYetValidError),
        ({"iat": EXP}, TokenNotYetValidError),
        ({"exp": int(NOW.timestamp()) - 600}, TokenExpiredError),
    ],
)
def test_a_token_that_is_not_for_here_or_now_is_refused_by_name(
    changed: dict[str, Any], refusal: type[TokenRefusedError]
) -> None:
    with pytest.raises(refusal):
        verifier().verify(token({**GOOD, **changed}))


def test_one_of_several_audiences_may_be_ours() -> None:
    assert verifier().verify(token({**GOOD, "aud": ["other", "cogov"]})).subject == "anna"


def test_the_longest_subject_is_accepted() -> None:
    assert verifier().verify(token({**GOOD, "sub": "a" * 255})).subject == "a" * 255


@pytest.mark.parametrize("skew_s", [0, 30, 300])
def test_clocks_may_differ_by_the_skew_either_way(skew_s: int) -> None:
    clock = HandClock()
    tokens = verifier(clock=clock, skew_s=skew_s)
    edge = int(NOW.timestamp()) + skew_s
    for claim in ("nbf", "iat"):
        assert tokens.verify(token({**GOOD, claim: edge})).subject == "anna"
        with pytest.raises(TokenNotYetValidError):
            tokens.verify(token({**GOOD, claim: edge + 1}))
    signed = token()
    clock.at = NOW + timedelta(seconds=599 + skew_s)
    assert tokens.verify(signed).subject == "anna"
    clock.at = NOW + timedelta(seconds=600 + skew_s)
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
        jwt.encode(GOOD, "", algorithm="none", headers={"kid": "unknown"}),
        jwt.encode(GOOD, secret, algorithm="HS256", headers={"kid": "r"}),
        jwt.encode(GOOD, RSA, algorithm="RS512", headers={"kid": "r"}),
        jwt.encode(GOOD, RSA, algorithm="RS256", headers={"kid": "e"}),
        jwt.encode(GOOD, CURVE, algorithm="ES256", headers={"kid": "e"}),
    ]
    for text in forged:
        with pytest.raises(TokenAlgorithmRefusedError):
            tokens.verify(text)


def test_what_is_no_genuine_token_is_invalid() -> None:
    tokens = verifier()
    forged = [
        jwt.encode(GOOD, ed25519.Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "e"}),
        token(crit=["x"], x=1),
        token() + "x",
        token()[:-4],
        "a.b.c",
        "e30.e30.e30",
        "",
        "x" * 10_000,
        token() + "." * 9000,
    ]
    for text in forged:
        with pytest.raises(TokenInvalidError):
            tokens.verify(text)


def test_a_token_of_an_unknown_key_is_judged_by_whose_it_says_it_is() -> None:
    with pytest.raises(TokenKeyUnknownError):
        verifier().verify(token(kid="unknown"))
    with pytest.raises(TokenIssuerWrongError):
        verifier().verify(token({**GOOD, "iss": "https://elsewhere.example"}, kid="unknown"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys": 1}',
        '{"keys": [1, null]}',
        '{"keys": [{"kty": "OKP"}]}',
        '{"keys": [{"kty": "RSA", "n": "!", "e": "AQAB", "kid": "r"}]}',
        '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "e"}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_jwks_gives_no_keys(text: str) -> None:
    with pytest.raises(ValueError, match=r"JWKS|JSON|line 1"):
        FixedKeys(text)


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
ODD = JSON | st.lists(JSON, max_size=2) | st.dictionaries(st.text(max_size=3), JSON, max_size=2)
REAL = (jwk(ED25519, "EdDSA", "e"), jwk(RSA, "RS256", "r"), jwk(CURVE, "ES256", "c"))


@given(entry=st.sampled_from(REAL), changed=st.dictionaries(st.sampled_from(MEMBERS), ODD))
def test_whatever_a_jwks_says_of_its_keys_it_gives_keys_or_a_value_error(
    entry: dict[str, Any], changed: dict[str, Any]
) -> None:
    try:
        keys = FixedKeys(json.dumps({"keys": [{**entry, **changed}]})).current()
    except ValueError:
        return
    assert {key.algorithm for key in keys.values()} <= ALLOWED


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    private = OKPAlgorithm.to_jwk(ED25519, as_dict=True)
    with pytest.raises(ValueError, match="no signing key"):
        FixedKeys(json.dumps({"keys": [{**private, "kid": "e"}]}))


def test_a_key_of_another_kind_or_too_small_is_passed_over() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for unfit in (
        jwk(small, "RS256", "s"),
        {**jwk(RSA, "RS256", "x"), "use": "enc"},
        {**jwk(RSA, "RS256", "x"), "alg": "RS512"},
        {"kty": "oct", "k": "AAAA", "kid": "o"},
    ):
        with pytest.raises(ValueError, match="no signing key"):
            verifier(unfit)


@pytest.mark.parametrize("header", ["", "Basic x", "Bearer", "x"])
async def test_without_a_bearer_token_it_is_missing(header: str) -> None:
    with pytest.raises(TokenMissingError):
        await verifier().verify_header(header)


async def test_the_scheme_is_read_in_any_case() -> None:
    assert (await verifier().verify_header(f"bEARER {token()}")).subject == "anna"


async def test_with_fixed_keys_an_unknown_key_stays_unknown() -> None:
    with pytest.raises(TokenKeyUnknownError):
        await verifier().verify_header(f"Bearer {token(kid='unknown')}")


def test_the_development_issuer_keeps_its_key_to_itself(tmp_path: Path) -> None:
    clock = HandClock()
    first, second = (DevelopmentIssuer(tmp_path / "keys", clock) for _ in range(2))
    assert first.jwks() == second.jwks()
    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    tokens = TokenVerifier(issuer=ISSUER, keys=FixedKeys(first.jwks()), clock=clock)
    assert tokens.verify(second.issue("li", ttl_s=60)) == Caller(ISSUER, "li")
    with pytest.raises(TokenAudienceWrongError):
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
