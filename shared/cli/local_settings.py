"""The settings of a district on one machine: made once, kept under its folder, owner-only.

`<root>/settings/<service>.env` holds a service's environment, so every other `cogov` command in
that folder speaks to the same district. Secrets are drawn once and never printed.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from shared.kit.identity.development_issuer import ISSUER, DevelopmentIssuer
from shared.kit.ports import Clock

SERVICES: Final = ("deliberation", "wishes")
ROOT: Final = Path(__file__).parents[2]
HEARTBEAT_MS: Final = 500
_PRIVATE_DIR: Final = 0o700
_PRIVATE_FILE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie under a district's folder."""

    root: Path

    @property
    def secrets(self) -> Path:
        """Keys, passwords and tokens."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """What the processes say."""
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """Which processes run."""
        return self.root / "processes"

    @property
    def jwks(self) -> Path:
        """The development issuer's public keys."""
        return self.root / "jwks.json"

    def settings(self, service: str) -> Path:
        """Give the file with a service's environment."""
        return self.root / "settings" / f"{service}.env"

    def token(self, subject: str) -> Path:
        """Give the file that holds a subject's token."""
        return self.secrets / f"{subject}.token"

    def make(self) -> None:
        """Make the folders; only their owner may look into those with secrets."""
        for folder in (self.secrets, self.settings("any").parent):
            folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_DIR)
        for folder in (self.logs, self.processes):
            folder.mkdir(parents=True, exist_ok=True)


def secret(places: Places, name: str) -> str:
    """Give a secret of 32 bytes in hexadecimal, drawn the first time it is asked for."""
    path = places.secrets / name
    if not path.exists():
        write_private(path, secrets.token_hex(32) + "\n")
    return path.read_text(encoding="utf-8").strip()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseNames:
    """The databases and roles of one district; a prefix keeps districts of one cluster apart."""

    prefix: str = ""
    role_per_service: bool = False

    def role(self, service: str) -> str:
        """Give the role that a service connects as."""
        return f"{self.prefix}{service if self.role_per_service else 'cogov'}_app"

    def log(self, service: str) -> str:
        """Give the database of a service's log."""
        return f"{self.prefix}{service}"

    def keys(self, service: str) -> str:
        """Give the database of a service's vault keys."""
        return f"{self.prefix}{service}_keys"

    def all(self) -> tuple[str, ...]:
        """Give every database."""
        return tuple(name for each in SERVICES for name in (self.log(each), self.keys(each)))


def as_role(dsn: str, role: str, password: str) -> str:
    """Give the same address for another role."""
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))


def service_environment(
    service: str,
    places: Places,
    *,
    names: DatabaseNames,
    owner_dsns: Mapping[str, str],
    bootstrap: str,
    district: str,
    names_url: str,
) -> dict[str, str]:
    """Give a service's settings as environment variables; `owner_dsns` is by database name."""
    log, keys, role = names.log(service), names.keys(service), names.role(service)
    password = secret(places, f"{role}-password")
    settings = {
        "database_dsn": as_role(owner_dsns[log], role, password),
        "owner_dsn": owner_dsns[log],
        "keys_dsn": as_role(owner_dsns[keys], role, password),
        "keys_owner_dsn": owner_dsns[keys],
        "application_role": role,
        "kafka_bootstrap": bootstrap,
        "topic_replication": "1",
        "heartbeat_interval_ms": str(HEARTBEAT_MS),
        # A demo and a bench send the work of a whole district under one identity.
        "rate_commands_max": "1000000",
        "issuer": ISSUER,
        "jwks_file": str(places.jwks),
        "internal_secret": secret(places, f"{service}-internal"),
        "vault_master_key": secret(places, f"{service}-vault-master-key"),
        # One for the whole district: a person has the same pseudonym in every service.
        "vault_pepper": secret(places, "vault-pepper"),
        "fingerprint_secret": secret(places, f"{service}-fingerprint"),
        "attachments_url": f"file://{places.root}/attachments",
        "names_url": names_url,
        "names_secret": secret(places, "names-secret"),
        "district": district,
    }
    return {f"{service.upper()}_{name.upper()}": value for name, value in settings.items()}


def inherited_environment() -> dict[str, str]:
    """Give what a service's process inherits: PATH and the like, but no stray setting of ours."""
    prefixes = tuple(f"{service.upper()}_" for service in SERVICES)
    inherited = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 - handed on, not read
        if not name.startswith(prefixes)
    }
    return {**inherited, "PYTHONPATH": str(ROOT)}


def environment_with(known: Mapping[str, str]) -> dict[str, str]:
    """Give our whole environment, which goes before what is `known` from elsewhere."""
    return {**known, **os.environ, "PYTHONPATH": str(ROOT)}  # noqa: TID251 - handed on, not read


def write_environment(path: Path, environment: Mapping[str, str]) -> None:
    """Write an environment as a file of NAME="value" lines."""
    lines = [f"{name}={json.dumps(value)}\n" for name, value in environment.items()]
    write_private(path, "".join(lines))


def issue_token(places: Places, clock: Clock, subject: str, *, ttl_s: int) -> str:
    """Sign a token of the development issuer and keep it in the subject's file."""
    token = development_issuer(places, clock).issue(subject, ttl_s=ttl_s)
    write_private(places.token(subject), token + "\n")
    return token


def development_issuer(places: Places, clock: Clock) -> DevelopmentIssuer:
    """Give the folder's development issuer; its public keys are written for the services."""
    places.make()
    issuer = DevelopmentIssuer(places.secrets, clock)
    places.jwks.write_text(issuer.jwks(), encoding="utf-8")
    return issuer
