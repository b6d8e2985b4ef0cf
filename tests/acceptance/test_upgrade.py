"""Two releases of wishes side by side under load: forward, back, and forward again.

The next release is this tree with a new event type and its feature, raised revisions of a keyed
view, of an aggregate with timers and of a read model. Retry budget of a command: 60 s, on 503 and
broken connections, with the same Idempotency-Key at the other replica.
"""

import asyncio
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.cli.client import ApiClient, ClientLimits
from shared.cli.deadlines import DEMO_POLICY, adopt_deadline_policy, adopt_working_days
from shared.cli.directory import ADMINISTRATOR, IMPORTER, SECRETARY
from shared.cli.local_site import PLANS, LocalDistrict, ProcessPlan
from shared.kit.embedded import Site
from shared.kit.identity.development_issuer import ISSUER
from shared.kit.identity.ids import command_id
from tests.fixtures import looked_at, next_release
from tests.fixtures.clients import Client, Journal
from tests.fixtures.ordeal import SETTINGS, Ordeal, bootstrapped, eventually
from tests.fixtures.workload import receive

log = logging.getLogger(__name__)

OLD, NEW = "wishes", "wishes-next"
CLIENTS = 6
UNITS = 4
ROUNDS_MIN = 4  # of each client in each phase, before, during and after the writer moves


@dataclass(slots=True)
class Upgrade:
    """The district, the next release's code, and what was asked of it so far."""

    ordeal: Ordeal
    code: Path
    node: str
    path: str
    urls: tuple[list[str], list[str]]  # of the replicas there are, in both orders
    journal: Journal = field(default_factory=Journal)
    keys: list[str] = field(default_factory=list[str])
    praised: int = 0

    async def ask(self, client: Client, path: str, body: dict[str, Any], key: str) -> Any:
        """Give a command; it must be accepted, within the budget that the client has."""
        self.keys.append(key)
        reply = await client.post(path, body, key=key)
        assert reply.status in (200, 201), (key, reply.status, reply.content)
        return reply.content

    async def handle(self, client: Client, key: str, number: int) -> None:
        """Bring one request to a unit, and on to the next one."""
        taken = await receive(client, self.path, key)
        assert taken.status == 201, taken.content
        self.keys.append(key)
        one = f"{self.path}/{taken.content['id']}"
        unit, other = f"unit-{number % UNITS}", f"unit-{(number + 1) % UNITS}"
        await self.ask(client, f"{one}/acceptance", {}, f"{key}-accept")
        sent = await self.ask(client, f"{one}/dispatch", {"unit": unit}, f"{key}-dispatch")
        assert sent["events"] >= 1
        reply = await client.post(
            f"{one}/transfers",
            {"to_unit": other, "reason": "overloaded"},
            key=f"{key}-transfer",
            If_Match=f'"{sent["version"]}"',
        )
        assert reply.status == 200, reply.content
        self.keys.append(f"{key}-transfer")

    @asynccontextmanager
    async def load(self, phase: str) -> AsyncGenerator[None]:
        """Let every client go on meanwhile, and a few rounds longer."""
        over = asyncio.Event()
        workers = asyncio.gather(*(self._work(phase, number, over) for number in range(CLIENTS)))
        try:
            yield
        finally:
            over.set()
            await workers

    async def _work(self, phase: str, worker: int, over: asyncio.Event) -> None:
        async with self.client(self.urls[worker % 2]) as client:
            number = after = 0
            while number < ROUNDS_MIN or not over.is_set() or after < 1:
                after += over.is_set()
                await self.handle(client, f"{phase}-{worker}-{number}", number + worker)
                number += 1

    def client(self, urls: list[str]) -> Client:
        return Client(urls, self.ordeal.district.token(IMPORTER), self.journal)

    def serves(self, name: str) -> None:
        """Let clients know a replica from now on."""
        self.urls[0].append(self.ordeal.district.url_of(name))
        self.urls[1].insert(0, self.ordeal.district.url_of(name))

    def ended(self, name: str) -> None:
        """Let clients ask it no more."""
        for urls in self.urls:
            urls.remove(self.ordeal.district.url_of(name))

    @asynccontextmanager
    async def queries(self, name: str) -> AsyncGenerator[None]:
        """Ask a replica that is ready for figures all the while; it must never fail."""
        journal, over = Journal(), asyncio.Event()
        district = self.ordeal.district

        async def ask() -> None:
            url, token = district.url_of(name), district.token(SECRETARY)
            async with Client([url], token, journal) as client:
                while not over.is_set():
                    await client.get(f"{self.path}/figures")

        asking = asyncio.create_task(ask())
        try:
            yield
        finally:
            over.set()
            await asking
        assert set(journal.seen) == {"200"}, f"{name}: {journal}"
        log.info("%s: %d queries, none failed", name, journal.seen["200"])

    async def praise(self, *, count: int = 1) -> None:
        """Give a command that only the next release knows, at its own replica."""
        async with self.client([self.ordeal.district.url_of(NEW)]) as client:
            for _ in range(count):
                self.praised += 1
                path = f"/api/wishes/v1/communities/{self.node}/praise"
                await self.ask(client, path, {"unit": "unit-1"}, f"praise-{self.praised}")

    async def leads(self, name: str) -> None:
        """Wait until a release leads, and its appends keep its own revision's work-loads."""
        assert await self.ordeal.leader_name(OLD, NEW) == name
        revision = {OLD: 1, NEW: 2}[name]

        async def kept() -> bool:
            async with self.ordeal.connected("wishes") as connection:
                rows = await connection.fetch(
                    "SELECT b.view, b.revision FROM kit.state_build AS b"
                    " JOIN kit.head AS h ON h.epoch = b.epoch"
                )
            return [tuple(row) for row in rows] == [("wishes.workload", revision)]

        await eventually(kept, within_s=60)

    async def missed(self, since: int) -> None:
        """Wait until the old writer was given a command that it does not know."""

        async def said() -> bool:
            lines = self.ordeal.log_lines(OLD, since)
            return any(line.get("event") == "command.not_decoded" for line in lines)

        await eventually(said, within_s=60)

    async def run(self, *arguments: str, code: Path) -> str:
        """Run a program with a release's code; give what it says."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=150,
            cwd=self.ordeal.root,
            env={"PYTHONPATH": str(code), "PATH": ""},
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    async def verified(self, code: Path) -> None:
        """Verify every invariant with the code of the release that leads."""
        await self.ordeal.relayed("wishes")
        root = str(self.ordeal.root)
        said = await self.run("-m", "shared.cli", "verify", "--json", "--site", root, code=code)
        findings = json.loads(said)
        log.info("verify: %s", ", ".join(f"{f['invariant']} {f['checked']}" for f in findings))

    async def replayed(self, code: Path) -> None:
        """Compare a release's tables with a replay of the log."""
        said = await self.run(looked_at.__file__, str(self.ordeal.root), code=code)
        log.info("equal to a replay: %s", said)

    async def timers(self) -> tuple[int, int]:
        """Give how many timers there are, and how many of them are due sooner than the policy."""
        row = await self.ordeal.row(
            "wishes",
            """
            SELECT count(*) AS all, count(*) FILTER (
                WHERE extract(hour FROM t.due_at AT TIME ZONE 'Asia/Shanghai') = 17
                  AND t.name LIKE 'escalat%') AS sooner
            FROM kit.timer AS t WHERE t.scope = $1
            """,
            self.node,
        )
        return row["all"], row["sooner"]


@pytest.fixture
def upgrade() -> Generator[Upgrade]:
    with tempfile.TemporaryDirectory(prefix="cogov-upgrade-") as folder:
        root = Path(folder) / "site"
        root.mkdir()
        code = next_release.make(Path(folder) / "code")
        own = {**SETTINGS, "release": next_release.RELEASE}
        plans = [ProcessPlan(p.name, p.service, p.roles, SETTINGS) for p in PLANS]
        with Site(root) as site, LocalDistrict(root, site, plans=tuple(plans)) as district:
            district.prepare()
            district.start()
            for name, roles in ((NEW, "serve,write"), (f"{NEW}-project", "project")):
                district.add(ProcessPlan(name, "wishes", roles, own, code))
            ordeal = Ordeal(site, district, root)
            path = asyncio.run(_open(ordeal, "upgrade"))
            yield Upgrade(
                ordeal, code, "upgrade", path, ([district.url_of(OLD)], [district.url_of(OLD)])
            )


async def _open(ordeal: Ordeal, node: str) -> str:
    await bootstrapped(ordeal)
    path = await ordeal.community(node)
    district = ordeal.district
    token = district.token(ADMINISTRATOR)
    async with ApiClient(district.url("wishes"), token, ClientLimits()) as administrator:
        await adopt_working_days(administrator, district=district.district, years=range(2025, 2027))
        await adopt_deadline_policy(administrator, district=district.district, policy=DEMO_POLICY)
    return path


@pytest.mark.timeout(600)
async def test_two_releases_side_by_side_fail_no_command_forward_and_back(
    upgrade: Upgrade,
) -> None:
    ordeal, old_code = upgrade.ordeal, next_release.ROOT

    async with upgrade.load("alone"):
        await upgrade.leads(OLD)
    await ordeal.drained()
    await ordeal.assert_clean()

    async with upgrade.load("forward"), upgrade.queries(OLD):
        await ordeal.start(NEW, f"{NEW}-project")
        upgrade.serves(NEW)
    await upgrade.leads(OLD)
    await ordeal.drained()
    await ordeal.assert_clean()
    await upgrade.replayed(upgrade.code)
    await _move(upgrade, "over", OLD, NEW, meanwhile=upgrade.praise)
    await upgrade.verified(upgrade.code)
    assert (await upgrade.timers())[1] > 0

    await ordeal.start(OLD, f"{OLD}-project")
    upgrade.serves(OLD)
    await ordeal.drained()
    await upgrade.replayed(old_code)
    await upgrade.replayed(upgrade.code)
    await _move(upgrade, "back", NEW, OLD)
    await upgrade.verified(old_code)
    count, sooner = await upgrade.timers()
    assert (count > 0, sooner) == (True, 0)

    await ordeal.start(NEW, f"{NEW}-project")
    upgrade.serves(NEW)
    await _move(upgrade, "again", OLD, NEW, meanwhile=upgrade.praise)
    await upgrade.praise(count=2)
    await upgrade.verified(upgrade.code)
    await _assert_each_once(upgrade)
    journal = upgrade.journal
    assert journal.unexpected == {}
    log.info(
        "two releases side by side: %d commands, 0 failed within 60 s each; %d of them retried; "
        "longest stall %.2f s; %s",
        len(upgrade.keys),
        len(journal.retried),
        journal.longest_s,
        journal,
    )


async def _move(
    upgrade: Upgrade,
    phase: str,
    source: str,
    target: str,
    *,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Let the writer move, and all of its release end, under load and queries at the other."""
    async with upgrade.load(phase), upgrade.queries(target):
        waiting: list[asyncio.Future[None]] = []
        if meanwhile is not None:
            since = upgrade.ordeal.district.log_of(source).stat().st_size
            waiting.append(asyncio.ensure_future(meanwhile()))
            await upgrade.missed(since)
        await upgrade.ordeal.terminate(source)
        await upgrade.leads(target)
        upgrade.ended(source)
        await upgrade.ordeal.terminate(f"{source}-project")
        await asyncio.gather(*waiting)


async def _assert_each_once(upgrade: Upgrade) -> None:
    ids = [command_id(ISSUER, IMPORTER, upgrade.node, key) for key in upgrade.keys]
    assert len(set(ids)) == len(ids)
    async with upgrade.ordeal.connected("wishes") as connection:
        receipts = await connection.fetch(
            "SELECT r.command_id, r.events FROM kit.receipt AS r WHERE r.command_id = ANY($1)", ids
        )
        events = await connection.fetch(
            """
            SELECT e.command_id, e.stream, e.type, count(*) AS n FROM kit.event AS e
            WHERE e.command_id = ANY($1) AND e.type NOT LIKE '%.load_%' GROUP BY 1, 2, 3
            """,
            ids,
        )
    assert {UUID(int=row["command_id"].int) for row in receipts} == set(ids)
    assert all(row["events"] > 0 for row in receipts)
    assert {row["n"] for row in events} == {1}
    assert {UUID(int=row["command_id"].int) for row in events} == set(ids)
