"""A district in containers: `docker compose` with the files of this repository.

Played through its front door; what an operator asks of the servers goes to their loopback ports.
Blocking calls, each with a deadline; what Docker says goes to a file of the site.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from shared.cli.bootstrap import BootstrapFailedError
from shared.cli.compose_settings import (
    LOOPBACK,
    ComposeSettings,
    compose_places,
    write_compose_files,
)
from shared.cli.connections import settings_of
from shared.cli.local_settings import ROOT, inherited_environment, issue_token
from shared.kit.clock import SystemClock
from shared.kit.identity.development_issuer import ISSUER
from shared.kit.servers import ServerFault

_UP_TIMEOUT_S: Final = 1800.0  # the first time pulls and builds images
_WAIT_TIMEOUT_S: Final = 300
_RUN_TIMEOUT_S: Final = 120.0
_DOWN_TIMEOUT_S: Final = 180.0
_END_TIMEOUT_S: Final = 20.0
_TOKEN_TTL_S: Final = 7 * 24 * 3600
_TAIL_CHARS: Final = 2000
_NOTHING_CHANGED: Final = "nothing changed"


class ComposeDistrict:
    """The project that `docker-compose.yml` and its override describe, under one site's folder."""

    def __init__(self, root: Path, settings: ComposeSettings | None = None) -> None:
        self.places = compose_places(root)
        self._settings = settings or ComposeSettings()
        self.district = self._settings.district
        self._clock = SystemClock()
        self._is_up = False

    @property
    def logs(self) -> str:
        """Where the processes' logs are found, in words."""
        return "docker compose logs <service>"

    def up(self) -> None:
        """Build the images, start everything and wait until it is healthy; raise ServerFault."""
        write_compose_files(self.places, self._settings, self._clock)
        self._is_up = True
        self._compose(
            "up", "--build", "--detach", "--wait", f"--wait-timeout={_WAIT_TIMEOUT_S}",
            timeout_s=_UP_TIMEOUT_S,
        )  # fmt: skip

    def down(self) -> None:
        """Stop and remove the containers; the data stay in their volumes. Raises ServerFault."""
        if self._is_up:
            self._is_up = False
            self._compose("down", timeout_s=_DOWN_TIMEOUT_S)

    def url(self, service: str) -> str:
        """Give the front door's origin: it is the same for every service."""
        del service
        return f"http://{LOOPBACK}:{self._settings.http_port}"

    def token(self, subject: str) -> str:
        """Give a token of the development issuer; it is also kept in a file."""
        return issue_token(self.places, self._clock, subject, ttl_s=_TOKEN_TTL_S)

    def owner_dsn(self, service: str) -> str:
        """Give the address of a service's database as its owner."""
        return settings_of(service, self.places.root).owner_dsn.get_secret_value()

    async def bootstrap(self, subject: str, name: str) -> bool:
        """Make a login the first administrator; tell whether it was so already.

        The command runs beside the writer: nobody else can reach it. Raises BootstrapFailedError.
        """
        asked = ("bootstrap", "--issuer", ISSUER, "--subject", subject, "--name", name)
        try:
            said = await asyncio.to_thread(
                self._compose,
                *("run", "--rm", "--no-deps", "-T", "cogov", *asked),
                timeout_s=_RUN_TIMEOUT_S,
            )
        except ServerFault as fault:
            raise BootstrapFailedError(str(fault)) from fault
        return said.startswith(_NOTHING_CHANGED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def _compose(self, verb: str, *arguments: str, timeout_s: float) -> str:
        """Run one command of Compose; give what it printed."""
        environment = {**inherited_environment(), "COGOV_COMPOSE_DIR": str(self.places.root)}
        log = self.places.logs / "compose.log"
        with log.open("ab") as said:
            said.write(f"$ docker compose {verb} {' '.join(arguments)}\n".encode())
            said.flush()
            process = subprocess.Popen(  # noqa: S603 - our own words
                ["docker", "compose", verb, *arguments],  # noqa: S607 - wherever it is installed
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                start_new_session=True,  # a Ctrl-C is ours: we bring down in order what is up
            )
            printed = _end(process, timeout_s)
        if process.returncode != 0:
            tail = log.read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARS:]
            raise ServerFault(f"docker compose {verb} failed; {log} ends with\n{tail}")
        return printed


def _end(process: subprocess.Popen[str], timeout_s: float) -> str:
    """Wait for a process; whatever keeps us from waiting ends it, too."""
    try:
        return process.communicate(timeout=timeout_s)[0]
    except subprocess.TimeoutExpired:
        return ""
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_END_TIMEOUT_S)
