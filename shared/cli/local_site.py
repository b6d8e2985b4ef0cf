"""A district on one machine: both services as processes of their own on given servers.

The demo and the acceptance tests use it. Every process has a name, a log file and a port; each can
be stopped, killed, paused and started again by itself. Blocking calls, each with a deadline.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from shared.cli.bootstrap import bootstrap
from shared.cli.connections import settings_of
from shared.cli.local_settings import (
    SERVICES,
    DatabaseNames,
    Places,
    development_issuer,
    inherited_environment,
    issue_token,
    service_environment,
    write_environment,
)
from shared.cli.topics import create_topics
from shared.kit.clock import SystemClock
from shared.kit.embedded.polling import run_apart, until
from shared.kit.embedded.ports import LOOPBACK, free_port
from shared.kit.embedded.processes import ServerProcess
from shared.kit.identity.development_issuer import ISSUER
from shared.kit.postgres.databases import create_for_role
from shared.kit.servers import Servers

DISTRICT: Final = "demo-district"

_READY_TIMEOUT_S: Final = 60.0
_STOP: Final = ((signal.SIGTERM, 15.0),)
_TOKEN_TTL_S: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """One process of a service: its name, its roles, and settings of its own.

    `code` is the folder of another release's code; by default it is this one.
    """

    name: str
    service: str
    roles: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    code: Path | None = None


PLANS: Final = tuple(
    plan
    for service in SERVICES
    for plan in (
        ProcessPlan(service, service, "serve,write"),
        ProcessPlan(f"{service}-project", service, "project"),
    )
)


class LocalDistrict:
    """The processes of one district; `servers` run already and outlive it."""

    def __init__(
        self,
        root: Path,
        servers: Servers,
        *,
        district: str = DISTRICT,
        database_prefix: str = "",
        plans: tuple[ProcessPlan, ...] = PLANS,
    ) -> None:
        self.places = Places(root.resolve())
        self.district = district
        self._servers = servers
        self._names = DatabaseNames(prefix=database_prefix)
        self._plans = {plan.name: plan for plan in plans}
        self._processes: dict[str, ServerProcess] = {}
        self._ports: dict[str, int] = {}
        self._clock = SystemClock()

    def prepare(self) -> None:
        """Make secrets, databases, schemas and topics where they are missing; write settings."""
        self.places.make()
        self.end_leftovers()
        development_issuer(self.places, self._clock)
        for service in SERVICES:
            write_environment(self.places.settings(service), self.environment(service))
            self._create_databases(service)
        migrations = [f"{service}-migrate" for service in SERVICES]
        for service, name in zip(SERVICES, migrations, strict=True):
            self._launch(name, service, ["migrate"], {})
        run_apart(lambda: create_topics(self._servers.bootstrap, replication=1))
        for name in migrations:
            self._finish(name)

    def start(self) -> None:
        """Start every planned process and wait until all are ready."""
        for name in self._plans:
            self.launch(name)
        for name in self._plans:
            self.wait_ready(name)

    def launch(self, name: str) -> None:
        """Start one process and do not wait."""
        plan = self._plans[name]
        own = {
            "http_port": str(self._port(name)),
            "address": self.url_of(name),
            "operator_port": str(self._port(f"{name}-operator")),
            **plan.settings,
        }
        arguments = ["serve", "--roles", plan.roles]
        self._launch(name, plan.service, arguments, own, code=plan.code)

    def add(self, plan: ProcessPlan) -> None:
        """Plan another process, such as a second replica; `launch` starts it."""
        self._plans[plan.name] = plan

    def wait_ready(self, name: str, timeout_s: float = _READY_TIMEOUT_S) -> None:
        """Wait until a process can do its work; ServerFault when it ends or is late."""
        process, url = self._process(name), self.url_of(name)
        with httpx.Client(trust_env=False, timeout=2) as client:
            ready = until(
                lambda: health(client, url) == "ok" or process.ended(), timeout_s=timeout_s
            )
        if process.ended():
            raise process.fault("did not start")
        if not ready:
            raise process.fault(f"was not ready within {timeout_s:.0f} s")

    def terminate(self, name: str) -> None:
        """Stop one process in order."""
        self._process(name).end(_STOP)

    def kill(self, name: str) -> None:
        """Kill one process as a crash would (SIGKILL)."""
        self._process(name).end(())

    def pause(self, name: str) -> None:
        """Let a process stand still (SIGSTOP)."""
        self._process(name).signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused process go on."""
        self._process(name).signal(signal.SIGCONT)

    def running(self, name: str) -> bool:
        """Tell whether a process runs."""
        return self._process(name).find() is not None

    def stop(self) -> None:
        """Stop every process in order, all at once; return when they are gone."""
        for process in self._processes.values():
            process.signal(signal.SIGTERM)
        for process in self._processes.values():
            process.end(_STOP)

    def end_leftovers(self) -> None:
        """End the processes that a killed run left behind."""
        names = (path.parent.name for path in self.places.processes.glob("*/process.json"))
        found = [self._process(name) for name in names]
        for process in found:
            process.signal(signal.SIGTERM)
        for process in found:
            process.end(_STOP)

    def url(self, service: str) -> str:
        """Give the address of a service's first serving process."""
        serving = (p for p in self._plans.values() if p.service == service and "serve" in p.roles)
        return self.url_of(next(serving).name)

    def url_of(self, name: str) -> str:
        """Give the address of one process."""
        return f"http://{LOOPBACK}:{self._port(name)}"

    def operator_url_of(self, name: str) -> str:
        """Give the address of one process's operators' port."""
        return f"http://{LOOPBACK}:{self._port(f'{name}-operator')}"

    def log_of(self, name: str) -> Path:
        """Give the file that a process writes its log to."""
        return self.places.logs / f"{name}.log"

    def token(self, subject: str) -> str:
        """Give a token of the development issuer; it is also kept in a file."""
        return issue_token(self.places, self._clock, subject, ttl_s=_TOKEN_TTL_S)

    @property
    def logs(self) -> str:
        """Where the processes' logs are found, in words."""
        return str(self.places.logs)

    async def bootstrap(self, subject: str, name: str) -> bool:
        """Make a login the first administrator; tell whether it was so already.

        Raises BootstrapFailedError.
        """
        settings = settings_of("deliberation", self.places.root)
        return (await bootstrap(settings, issuer=ISSUER, subject=subject, name=name)).replayed

    def owner_dsn(self, service: str) -> str:
        """Give the address of a service's database as its owner."""
        return self._servers.dsn(self._names.log(service))

    def environment(self, service: str) -> dict[str, str]:
        """Give a service's settings as environment variables."""
        return service_environment(
            service,
            self.places,
            names=self._names,
            owner_dsns={name: self._servers.dsn(name) for name in self._names.all()},
            bootstrap=self._servers.bootstrap,
            district=self.district,
            names_url=self.url("deliberation"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(
        self,
        name: str,
        service: str,
        arguments: Sequence[str],
        own: Mapping[str, str],
        *,
        code: Path | None = None,
    ) -> None:
        environment = {
            **inherited_environment(),
            **({} if code is None else {"PYTHONPATH": str(code)}),
            **self.environment(service),
            **{f"{service.upper()}_{name.upper()}": value for name, value in own.items()},
        }
        module = f"services.{service}"
        command = [sys.executable, "-m", module, *arguments]
        self._process(name).launch(command, marker=module, environment=environment)

    def _finish(self, name: str) -> None:
        process = self._process(name)
        ended = until(process.ended, timeout_s=_READY_TIMEOUT_S)
        if not ended or process.exit_code != 0:
            process.end(())
            raise process.fault("failed" if ended else "did not end in time")
        process.end(())

    def _create_databases(self, service: str) -> None:
        known, prefix = self.environment(service), service.upper()
        log = known[f"{prefix}_OWNER_DSN"], known[f"{prefix}_DATABASE_DSN"]
        keys = known[f"{prefix}_KEYS_OWNER_DSN"], known[f"{prefix}_KEYS_DSN"]
        run_apart(lambda: create_for_role(*log))
        run_apart(lambda: create_for_role(*keys, owned=True))

    def _process(self, name: str) -> ServerProcess:
        if name not in self._processes:
            folder = self.places.processes / name
            folder.mkdir(parents=True, exist_ok=True)
            self._processes[name] = ServerProcess(name=name, folder=folder, log=self.log_of(name))
        return self._processes[name]

    def _port(self, name: str) -> int:
        if name not in self._ports:
            path = self.places.root / "ports.json"
            known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
            taken = frozenset(self._ports.values())
            self._ports[name] = free_port(known.get(name), besides=taken)
            path.write_text(json.dumps({**known, **self._ports}, indent=2) + "\n")
        return self._ports[name]


def health(client: httpx.Client, url: str) -> str:
    """Give the state that a process says it is in: ok, degraded or failed; empty: no answer."""
    try:
        return str(client.get(f"{url}/health/ready").json()["state"])
    except (httpx.TransportError, ValueError, KeyError):
        return ""
