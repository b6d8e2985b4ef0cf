"""What `docker-compose.yml` mounts: passwords, keys and the development issuer's public keys.

Drawn once, kept under one folder as a local district's are, so that `cogov --site` finds them.
Its `mounted` folder is the owner's alone. The files in it are readable by everybody, because a
container's user is another than ours and Compose mounts a file as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.cli.local_settings import (
    SERVICES,
    DatabaseNames,
    Places,
    development_issuer,
    secret,
    service_environment,
    write_environment,
)
from shared.kit.ports import Clock
from shared.kit.settings import ServiceSettings

LOOPBACK: Final = "127.0.0.1"
NAMES: Final = DatabaseNames(role_per_service=True)
_OPTIONAL: Final = frozenset({"owner_dsn", "keys_owner_dsn", "names_secret"})
# Ours to draw; the other optional ones (an object store's, a sink's) whoever runs it gives.
SECRETS: Final = tuple(
    name
    for name, field in ServiceSettings.model_fields.items()
    if field.annotation is SecretStr and (field.is_required() or name in _OPTIONAL)
)

_SERVERS: Final = ("postgres", "postgres_keys")
_PUBLIC_FILE: Final = 0o444
_PRIVATE_DIR: Final = 0o700


class ComposeSettings(BaseSettings):
    """What `docker-compose.yml` leaves to the environment, or to a file `.env` beside it."""

    model_config = SettingsConfigDict(
        env_prefix="COGOV_", env_file=".env", frozen=True, extra="ignore"
    )

    district: str = "demo-district"
    http_port: int = Field(default=8080, ge=1, le=65535)
    postgres_port: int = Field(default=15432, ge=1, le=65535)
    postgres_keys_port: int = Field(default=15433, ge=1, le=65535)
    kafka_port: int = Field(default=19092, ge=1, le=65535)


def compose_places(root: Path) -> Places:
    """Give where a district in containers keeps its files, under a site's folder."""
    return Places(root.resolve() / "compose")


def write_compose_files(places: Places, settings: ComposeSettings, clock: Clock) -> None:
    """Write what is missing; what was drawn before stays, since the servers' data know it."""
    places.make()
    mounted = places.root / "mounted"
    mounted.mkdir(mode=_PRIVATE_DIR, exist_ok=True)
    jwks = development_issuer(places, clock).jwks()
    _write(mounted / "jwks.json", jwks)
    for server in _SERVERS:
        _write(mounted / f"{server}_password", secret(places, f"{server}-password"))
    for service in SERVICES:
        for name, value in _inside(service, places, settings).items():
            _write(mounted / name, value)
        write_environment(places.settings(service), _outside(service, places, settings))


def _inside(service: str, places: Places, settings: ComposeSettings) -> dict[str, str]:
    """Give a service's secrets by the names of their files."""
    hosts = {"postgres": "postgres:5432", "postgres_keys": "postgres-keys:5432"}
    known = _environment(service, places, settings, hosts, "kafka:9092")
    return {f"{service}_{name}": known[f"{service}_{name}".upper()] for name in SECRETS}


def _outside(service: str, places: Places, settings: ComposeSettings) -> dict[str, str]:
    """Give a service's settings as an operator on this machine needs them."""
    hosts = {
        "postgres": f"{LOOPBACK}:{settings.postgres_port}",
        "postgres_keys": f"{LOOPBACK}:{settings.postgres_keys_port}",
    }
    return _environment(service, places, settings, hosts, f"{LOOPBACK}:{settings.kafka_port}")


def _environment(
    service: str,
    places: Places,
    settings: ComposeSettings,
    hosts: Mapping[str, str],
    bootstrap: str,
) -> dict[str, str]:
    log, keys = NAMES.log(service), NAMES.keys(service)
    return service_environment(
        service,
        places,
        names=NAMES,
        owner_dsns={
            log: _owner_dsn(places, "postgres", hosts, log),
            keys: _owner_dsn(places, "postgres_keys", hosts, keys),
        },
        bootstrap=bootstrap,
        district=settings.district,
        names_url="http://deliberation:8080",
    )


def _owner_dsn(places: Places, server: str, hosts: Mapping[str, str], database: str) -> str:
    password = secret(places, f"{server}-password")
    return f"postgresql://postgres:{password}@{hosts[server]}/{database}"


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text + "\n":
        return  # a container that runs has this very file mounted
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PUBLIC_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    path.chmod(_PUBLIC_FILE)  # whatever the umask is
