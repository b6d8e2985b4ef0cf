"""A server process that outlives a killed parent, and is found again by the next one.

Its record (process id, start time, a marker that its command line holds) lies beside its data.
All three must agree before anything is signalled, so a recycled process id is never harmed.
"""

import json
import signal
import subprocess
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from shared.kit.embedded.polling import until
from shared.kit.servers import ServerFault

_START_TIME_TOLERANCE_S = 2.0  # the kernel's clock ticks and boot time round differently
_LOG_BYTES_MAX = 16 * 1024 * 1024  # checked at each launch; one older log is kept
_LOG_TAIL_CHARS = 2_000
_KILL_TIMEOUT_S = 10.0

Steps = Sequence[tuple[signal.Signals, float]]
"""Signals in order, each with the seconds to wait for the end before the next; then SIGKILL."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a started process; `started` is in seconds since the epoch."""

    pid: int
    started: float
    marker: str


class ServerProcess:
    """One server at most, in a session of its own so that the terminal's Ctrl-C passes it by."""

    def __init__(self, *, name: str, folder: Path, log: Path | None = None) -> None:
        self.name = name
        self.log = log or folder / "server.log"
        self._record = folder / "process.json"
        self._child: subprocess.Popen[bytes] | None = None

    def launch(
        self,
        command: Sequence[str],
        *,
        marker: str,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the command; `marker` is the argument that tells it from every other server.

        Without an environment it inherits ours. It is recorded before an interrupt can end us.
        """
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log, _interrupts_wait():
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._record.parent,
                start_new_session=True,
                env=environment,
                user=user,
                group=None if user is None else group_of(user),
                extra_groups=None if user is None else (),
            )
            started = psutil.Process(self._child.pid).create_time()
            record = Record(pid=self._child.pid, started=started, marker=marker)
            self._record.write_text(json.dumps(asdict(record)), encoding="utf-8")

    def find(self) -> psutil.Process | None:
        """Find the recorded process, of this run or a killed one, if it still runs."""
        try:
            record = Record(**json.loads(self._record.read_text(encoding="utf-8")))
            process = psutil.Process(record.pid)
            same = abs(
                process.create_time() - record.started
            ) < _START_TIME_TOLERANCE_S and _carries(process, record.marker)
        except (FileNotFoundError, ValueError, TypeError, psutil.Error):
            return None
        return process if same else None

    def ended(self) -> bool:
        """Tell whether the child launched last has ended (or none was launched)."""
        return self._child is None or self._child.poll() is not None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the child launched last, once it has ended."""
        return None if self._child is None else self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send one signal and do not wait; nothing happens when nothing runs."""
        process = self.find()
        if process is not None:
            _send(process, number)

    def end(self, steps: Steps) -> None:
        """End the recorded process, of this run or a killed one; return when it is gone."""
        process = self.find()
        if process is not None:
            _end(process, (*steps, (signal.SIGKILL, _KILL_TIMEOUT_S)), name=self.name)
        if self._child is not None:
            self._child.wait(timeout=_KILL_TIMEOUT_S)
            self._child = None
        self._record.unlink(missing_ok=True)

    def fault(self, what: str) -> ServerFault:
        """Make the fault that says what went wrong and what the server said last."""
        said = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return ServerFault(f"{self.name} {what}; {self.log} ends:\n{said[-_LOG_TAIL_CHARS:]}")


def group_of(user: str) -> int:
    """Give the primary group of a system user."""
    import pwd  # noqa: PLC0415 - absent on Windows, where nobody runs as root

    return pwd.getpwnam(user).pw_gid


def run_to_end(
    command: Sequence[str],
    *,
    log: Path,
    timeout_s: float,
    cwd: Path | None = None,
    user: str | None = None,
) -> int:
    """Run a tool that ends by itself, and give its exit code; what interrupts us ends it too.

    Raises subprocess.TimeoutExpired.
    """
    tool: subprocess.Popen[bytes] | None = None
    with log.open("ab") as said:
        try:
            with _interrupts_wait():
                tool = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    cwd=cwd,
                    start_new_session=True,
                    user=user,
                    group=None if user is None else group_of(user),
                    extra_groups=None if user is None else (),
                )
            return tool.wait(timeout_s)
        except BaseException:
            if tool is not None:
                tool.kill()
                tool.wait()
            raise


@contextmanager
def _interrupts_wait() -> Generator[None]:
    """Let Ctrl-C and its kin act only at the end: a child in between would be forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield  # interrupts reach the main thread only
        return
    seen: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    # Handlers, not a mask: a child would inherit the mask, but starts with default handlers.
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number in numbers if callable(before[number])]
    for number in ours:
        signal.signal(number, lambda caught, _frame: seen.append(caught))
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
        for number in seen:
            signal.raise_signal(number)


def _carries(process: psutil.Process, marker: str) -> bool:
    command = process.cmdline()
    # While a process is just being exchanged for another (exec), it shows no command at all.
    return marker in command or (not command and process.status() != psutil.STATUS_ZOMBIE)


def _end(process: psutil.Process, steps: Steps, *, name: str) -> None:
    for number, seconds in steps:
        _send(process, number)
        if until(lambda: _gone(process), timeout_s=seconds):
            return
    message = f"{name} (process {process.pid}) does not end"
    raise ServerFault(message)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _gone(process: psutil.Process) -> bool:
    # A zombie has ended; who inherits a killed parent's children may never collect them.
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
