"""What is drawn for the containers: once, for the owner alone, and as the settings name it."""

import stat
from pathlib import Path

import pytest

from shared.cli.compose_settings import (
    SECRETS,
    ComposeSettings,
    compose_places,
    write_compose_files,
)
from shared.cli.connections import settings_of
from shared.cli.local_settings import SERVICES
from shared.kit.clock import SystemClock

SETTINGS = ComposeSettings(postgres_port=4001, postgres_keys_port=4002, kafka_port=4003)


def draw(root: Path, settings: ComposeSettings = SETTINGS) -> dict[str, str]:
    places = compose_places(root)
    write_compose_files(places, settings, SystemClock())
    mounted = places.root / "mounted"
    return {path.name: path.read_text(encoding="utf-8") for path in mounted.iterdir()}


def test_every_secret_of_every_service_is_a_file(tmp_path: Path) -> None:
    drawn = draw(tmp_path)

    assert {f"{service}_{name}" for service in SERVICES for name in SECRETS} <= drawn.keys()
    assert all(text.strip() for text in drawn.values())


def test_what_was_drawn_before_stays(tmp_path: Path) -> None:
    assert draw(tmp_path) == draw(tmp_path)


def test_two_sites_share_no_password(tmp_path: Path) -> None:
    first, second = draw(tmp_path / "first"), draw(tmp_path / "second")

    assert not set(first.values()) & set(second.values())


def test_a_file_that_is_mounted_stays_the_same_file(tmp_path: Path) -> None:
    draw(tmp_path)
    file = tmp_path / "compose" / "mounted" / "wishes_database_dsn"
    before = file.stat().st_ino

    draw(tmp_path)

    assert file.stat().st_ino == before


def test_only_the_owner_enters_the_folder_and_containers_read_the_files(tmp_path: Path) -> None:
    draw(tmp_path)
    mounted = tmp_path / "compose" / "mounted"

    assert stat.S_IMODE(mounted.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in mounted.iterdir()} == {0o444}


def test_the_key_of_the_development_issuer_is_in_no_container(tmp_path: Path) -> None:
    assert not any("PRIVATE KEY" in text for text in draw(tmp_path).values())


def test_a_service_has_a_role_of_its_own_and_its_keys_another_server(tmp_path: Path) -> None:
    drawn = draw(tmp_path)

    assert drawn["wishes_database_dsn"].startswith("postgresql://wishes_app:")
    assert drawn["wishes_database_dsn"].endswith("@postgres:5432/wishes\n")
    assert drawn["wishes_keys_dsn"].endswith("@postgres-keys:5432/wishes_keys\n")


@pytest.mark.parametrize("service", SERVICES)
def test_an_operator_on_this_machine_finds_the_servers_by_the_site(
    tmp_path: Path, service: str
) -> None:
    draw(tmp_path)

    settings = settings_of(service, tmp_path / "compose")

    assert f"@127.0.0.1:4001/{service}" in settings.database_dsn.get_secret_value()
    assert f"@127.0.0.1:4002/{service}_keys" in settings.keys_dsn.get_secret_value()
    assert settings.kafka_bootstrap == "127.0.0.1:4003"


def test_another_port_moves_the_operators_settings_and_no_secret(tmp_path: Path) -> None:
    before = draw(tmp_path)

    assert draw(tmp_path, SETTINGS.model_copy(update={"postgres_port": 5001})) == before
    dsn = settings_of("wishes", tmp_path / "compose").database_dsn.get_secret_value()
    assert "@127.0.0.1:5001/" in dsn
