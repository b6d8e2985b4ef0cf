"""Migrations of the kit's own schema: numbered SQL files, each applied once, in order."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import asyncpg

_FOLDER: Final = Path(__file__).parent / "sql"
_LOCK: Final = 0x0C060  # one migration at a time per database

_SETUP: Final = """
CREATE SCHEMA IF NOT EXISTS kit;
CREATE TABLE IF NOT EXISTS kit.migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

# The application may add to the log and read it, never change or delete an event.
_GRANTS: Final = """
GRANT USAGE ON SCHEMA kit TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA kit TO {role};
GRANT INSERT ON kit.event, kit.receipt TO {role};
GRANT INSERT, UPDATE ON kit.stream, kit.state, kit.cursor, kit.heard, kit.lease, kit.dead_letter,
    kit.read_model, kit.fence, kit.stuck, kit.state_build, kit.timer_revision TO {role};
GRANT INSERT, DELETE ON kit.vault, kit.claim TO {role};
GRANT INSERT, UPDATE, DELETE ON kit.timer, kit.waiting, kit.model_build, kit.replica TO {role};
GRANT DELETE ON kit.read_model TO {role};
GRANT UPDATE ON kit.head TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA kit TO {role};
GRANT USAGE, CREATE ON SCHEMA public TO {role};
"""


class MigrationChangedError(Exception):
    """A migration that was applied to this database has another content now."""


async def migrate(owner_dsn: str, *, application_role: str) -> list[str]:
    """Bring the kit's schema up to date; give the names of the files applied now.

    Runs as the schema's owner with lock and statement timeouts, so that it fails rather than
    stops the writer. The application role must exist.
    """
    if not application_role.replace("_", "").isalnum():
        message = f"not a plain role name: {application_role}"
        raise ValueError(message)
    connection = await asyncpg.connect(
        owner_dsn, server_settings={"lock_timeout": "4s", "statement_timeout": "60s"}
    )
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_SETUP)
        applied = [path.name for path in _files() if await _apply(connection, path)]
        await connection.execute(_GRANTS.format(role=application_role))
    finally:
        await connection.close()
    return applied


async def missing_migrations(connection: asyncpg.Pool | asyncpg.Connection) -> list[str]:
    """Name this release's migrations that the database lacks or has with another content."""
    rows = await connection.fetch("SELECT m.name, m.sha256 FROM kit.migration AS m")
    known = {row["name"]: row["sha256"] for row in rows}
    return [path.name for path in _files() if known.get(path.name) != _digest(path)]


async def _apply(connection: asyncpg.Connection, path: Path) -> bool:
    text = _text(path)
    digest = _digest(path)
    known = await connection.fetchval(
        "SELECT m.sha256 FROM kit.migration AS m WHERE m.name = $1", path.name
    )
    if known == digest:
        return False
    if known is not None:
        message = f"{path.name} was applied with another content"
        raise MigrationChangedError(message)
    async with connection.transaction():
        await connection.execute(text)
        await connection.execute(
            "INSERT INTO kit.migration (name, sha256) VALUES ($1, $2)", path.name, digest
        )
    return True


def _files() -> list[Path]:
    return sorted(_FOLDER.glob("*.sql"))


def _digest(path: Path) -> str:
    return hashlib.sha256(_text(path).encode()).hexdigest()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
