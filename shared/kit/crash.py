"""Named points at which a test may kill the process, to prove what survives."""

from __future__ import annotations

import os
import signal
from functools import cache
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class _CrashSettings(BaseSettings):
    """`COGOV_CRASH_AT` names the point, `COGOV_CRASH_FILE` the file to say it was reached."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="COGOV_CRASH_")

    at: str = ""
    file: Path | None = None


def armed(name: str) -> bool:
    """Tell whether this process is to die at that point."""
    return _settings().at == name


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if it is armed for that point; else do nothing."""
    if not armed(name):
        return
    path = _settings().file
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)


@cache
def _settings() -> _CrashSettings:
    return _CrashSettings()
