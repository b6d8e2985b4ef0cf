"""Settings come from the environment, else from the files that a container mounts."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.wishes.settings import Settings
from shared.kit.serving import address_at
from shared.kit.settings import ServiceSettings

NEEDED = {
    "database_dsn": "postgresql://app@log/wishes",
    "keys_dsn": "postgresql://app@keys/wishes_keys",
    "kafka_bootstrap": "kafka:9092",
    "issuer": "https://login.example",
    "jwks_file": "/run/jwks.json",
    "internal_secret": "of the replicas",
    "vault_master_key": "aa",
    "vault_pepper": "bb",
    "fingerprint_secret": "cc",
    "district": "district",
}


def read(folder: Path) -> ServiceSettings:
    kind: Any = Settings  # its checker knows the fields, not where they are read from
    return kind(_secrets_dir=folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in NEEDED.items():
        monkeypatch.setenv(f"WISHES_{name.upper()}", value)
    return tmp_path


def test_a_secret_is_read_from_the_file_named_like_its_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WISHES_INTERNAL_SECRET")
    (folder / "wishes_internal_secret").write_text("from a file\n", encoding="utf-8")
    (folder / "deliberation_internal_secret").write_text("another's\n", encoding="utf-8")

    assert read(folder).internal_secret.get_secret_value() == "from a file"


def test_the_environment_goes_before_the_file(folder: Path) -> None:
    (folder / "wishes_internal_secret").write_text("from a file\n", encoding="utf-8")

    assert read(folder).internal_secret.get_secret_value() == "of the replicas"


def test_a_folder_that_is_not_there_is_no_matter(folder: Path) -> None:
    assert read(folder / "none").internal_secret.get_secret_value() == "of the replicas"


def test_services_look_where_containers_mount_their_secrets() -> None:
    assert Settings.model_config.get("secrets_dir") == "/run/secrets"


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", "127.0.0.1"), ("10.1.2.3", "10.1.2.3")])
def test_a_listener_is_reached_at_its_own_address(host: str, told: str) -> None:
    assert address_at(host, 8080) == f"http://{told}:8080"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_listener_on_every_address_is_reached_by_its_machine_s_name(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "replica-1")

    assert address_at(host, 8080) == "http://replica-1:8080"


def test_without_a_file_of_keys_the_issuer_is_one_that_can_be_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WISHES_JWKS_FILE", "")
    assert read(folder).jwks_file is None
    monkeypatch.setenv("WISHES_ISSUER", "urn:cogov:development")
    with pytest.raises(ValidationError, match="URL"):
        read(folder)
    monkeypatch.setenv("WISHES_JWKS_FILE", "/run/jwks.json")
    assert read(folder).jwks_file == Path("/run/jwks.json")


@pytest.mark.parametrize("algorithms", ['["HS256"]', '["none"]', '["RS256", "HS512"]', "[]"])
def test_no_algorithm_with_a_shared_secret_can_be_allowed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, algorithms: str
) -> None:
    monkeypatch.setenv("WISHES_ISSUER_ALGORITHMS", algorithms)
    with pytest.raises(ValidationError, match="issuer_algorithms"):
        read(folder)


@pytest.mark.parametrize(("seconds", "fits"), [("0", True), ("300", True), ("301", False)])
def test_clocks_may_not_be_said_to_differ_by_more_than_five_minutes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: str, *, fits: bool
) -> None:
    monkeypatch.setenv("WISHES_ISSUER_CLOCK_SKEW_S", seconds)
    if fits:
        assert read(folder).issuer_clock_skew_s == int(seconds)
    else:
        with pytest.raises(ValidationError, match="issuer_clock_skew_s"):
            read(folder)
