"""Which issuers are asked, and which of their documents are believed."""

import json
from typing import Any

import pytest

from shared.kit.identity.discovery import configuration_url, jwks_url

ISSUER = "https://login.example"
DOCUMENT = {"issuer": ISSUER, "jwks_uri": "https://login.example/keys"}


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example",
        "https://login.example/",
        "https://login.example:8443/realms/x",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "http://localhost/realms/x",
    ],
)
def test_an_issuer_is_a_url_of_https_or_of_this_machine(issuer: str) -> None:
    assert configuration_url(issuer) == issuer.rstrip("/") + "/.well-known/openid-configuration"


def test_the_keys_may_be_at_another_host() -> None:
    elsewhere = {**DOCUMENT, "jwks_uri": "https://keys.example/x?v=1"}
    assert jwks_url(ISSUER, json.dumps(elsewhere).encode()) == "https://keys.example/x?v=1"


def test_an_issuer_on_this_machine_may_keep_its_keys_there() -> None:
    issuer = "http://127.0.0.1:9000"
    here = {"issuer": issuer, "jwks_uri": "http://localhost:9001/keys"}
    assert jwks_url(issuer, json.dumps(here).encode()) == "http://localhost:9001/keys"


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "login.example",
        "urn:cogov:development",
        "http://login.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "https://",
        "https://user:word@login.example",
        "https://login.example?x=1",
        "https://login.example#x",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
def test_anything_else_is_no_issuer(issuer: str) -> None:
    with pytest.raises(ValueError, match=r"issuer|URL"):
        configuration_url(issuer)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://login.example/"},
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "http://login.example/keys"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": "https://user@login.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "/keys"},
    ],
)
def test_a_document_that_is_of_another_or_leads_astray_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"another issuer|jwks_uri|URL"):
        jwks_url(ISSUER, json.dumps({**DOCUMENT, **changed}).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"[" * 100_000])
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"no object|line 1|exceeded"):
        jwks_url(ISSUER, content)
