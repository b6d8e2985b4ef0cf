"""Both servers under one folder, for one run at a time."""

import atexit
import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from shared.kit.embedded.kafka import EmbeddedKafka
from shared.kit.embedded.ports import free_port
from shared.kit.embedded.postgres import EmbeddedPostgres
from shared.kit.servers import ServerFault

LOCK = "site.lock"


class SiteBusy(ServerFault):
    """Another live run holds this site's folder."""


class Site:
    """PostgreSQL and Kafka of one folder; their ports and data outlive a restart.

    Ended by `stop`, by leaving the `with` block, or when the interpreter exits in order. What a
    killed run left behind is ended by the next start.
    """

    def __init__(self, root: Path = Path(".cogov")) -> None:
        self.root = root.resolve()
        self.postgres = EmbeddedPostgres(self.root / "postgres")
        self.kafka = EmbeddedKafka(self.root / "kafka")
        self._lock: IO[str] | None = None

    @property
    def bootstrap(self) -> str:
        """Kafka's address, `host:port`."""
        return self.kafka.bootstrap

    def dsn(self, database: str) -> str:
        """Give the address of a database."""
        return self.postgres.dsn(database)

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists."""
        self.postgres.ensure_database(name)

    def start(self) -> None:
        """Start both side by side and wait until both serve; `SiteBusy` if another run has them."""
        if self._lock is not None:
            return
        self._take()
        try:
            self._end_servers()  # what a killed run left behind still has the ports
            self._choose_ports()
            self._start_servers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both and let go of the folder; nothing happens if this run does not hold it."""
        if self._lock is None:
            return
        self._end_servers()
        atexit.unregister(self.stop)
        self._lock.close()
        self._lock = None

    def clear(self) -> None:
        """End what a killed run left behind, and nothing else; `SiteBusy` if a live run has it."""
        self._take()
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _take(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(self.root / LOCK)
        atexit.register(self.stop)

    def _start_servers(self) -> None:
        # Kafka starts in the calling thread: its first start downloads, and Ctrl-C must reach it.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="postgres") as beside:
            postgres = beside.submit(self.postgres.start)
            self.kafka.start()
            postgres.result()

    def _end_servers(self) -> None:
        # No threads: this also runs while the interpreter exits.
        self.kafka.request_stop()
        self.postgres.stop()
        self.kafka.stop()

    def _choose_ports(self) -> None:
        path = self.root / "site.json"
        remembered = _read_ports(path)
        chosen: dict[str, int] = {}
        for name in ("postgres", "kafka", "kafka_controller"):
            taken = frozenset(chosen.values())
            chosen[name] = free_port(remembered.get(name), besides=taken)
        path.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
        self.postgres.port = chosen["postgres"]
        self.kafka.listen_on(chosen["kafka"], chosen["kafka_controller"])


def holder(root: Path) -> int | None:
    """Give the process id of the live run that holds a folder."""
    try:
        lock = (root / LOCK).open("r+", encoding="utf-8")
    except FileNotFoundError:
        return None
    with lock:
        if _locked(lock):
            return None
        return int(lock.read())


def _take_lock(path: Path) -> IO[str]:
    lock = path.open("a+", encoding="utf-8")
    if not _locked(lock):
        lock.seek(0)
        process = lock.read().strip()
        lock.close()
        message = f"Cogov already runs in {path.parent} (process {process}): stop it first"
        raise SiteBusy(message)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _locked(lock: IO[str]) -> bool:
    # The system lets go of it when its process ends, however it ends.
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_ports(path: Path) -> dict[str, int]:
    try:
        return {name: int(port) for name, port in json.loads(path.read_bytes()).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}
