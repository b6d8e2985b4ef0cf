"""Kafka's published jars: resolved once per user by the Maven client, checked, then reused."""

import fcntl
import hashlib
import json
import os
from pathlib import Path

from pydantic_settings import BaseSettings

from shared.kit.servers import ServerFault

COORDINATES = "org.apache.kafka:kafka_2.13:4.2.0+org.slf4j:slf4j-simple:1.7.36"

_SUMS = Path(__file__).with_name("kafka.sha256")
_TRIES_MAX = 3


class CacheSettings(BaseSettings):
    """Where a second clone of the repository finds what the first one fetched."""

    cogov_cache: Path | None = None
    xdg_cache_home: Path | None = None

    @property
    def folder(self) -> Path:
        if self.cogov_cache is not None:
            return self.cogov_cache
        return (self.xdg_cache_home or Path.home() / ".cache") / "cogov"


def class_path(cache: Path | None = None) -> str:
    """Give Java's class path of the Kafka server; the first call on a machine fetches 44 MB."""
    folder = (cache or CacheSettings().folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sums = _SUMS.read_bytes()
    known = folder / f"kafka-{hashlib.sha256(sums).hexdigest()[:16]}.json"
    with (folder / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two clones may start at once
        jars = _read(known)
        if not jars:
            jars = _fetch(folder)
            _check(jars, sums.decode())
            known.write_text(json.dumps([str(jar) for jar in jars]), encoding="utf-8")
    return os.pathsep.join(str(jar) for jar in jars)


def _read(known: Path) -> list[Path]:
    """Give the jars of an earlier call, none if any of them is gone."""
    try:
        jars = [Path(jar) for jar in json.loads(known.read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError):
        return []
    return jars if all(jar.exists() for jar in jars) else []


def _fetch(folder: Path) -> list[Path]:
    import jgo  # noqa: PLC0415 - slow to import, needed once per machine

    faults: list[str] = []
    for _ in range(_TRIES_MAX):
        try:
            path = jgo.build(COORDINATES, update=bool(faults), cache_dir=folder / "jgo").path
        except Exception as fault:  # noqa: BLE001 - its client raises as it likes
            faults.append(repr(fault))
        else:
            return sorted([*(path / "jars").glob("*.jar"), *(path / "modules").glob("*.jar")])
    message = f"Kafka's jars could not be fetched from Maven: {'; '.join(faults)}"
    raise ServerFault(message)


def _check(jars: list[Path], sums: str) -> None:
    expected = {name: digest for digest, name in (line.split() for line in sums.splitlines())}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}
    if found != expected:
        differing = sorted(name for name, _ in found.items() ^ expected.items())
        message = f"Kafka's jars are not the pinned ones: {', '.join(dict.fromkeys(differing))}"
        raise ServerFault(message)
