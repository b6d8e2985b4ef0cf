"""Readiness that means something: what the roles of this process depend on, each with its state.

What a role cannot do its work without makes it `failed`: every role needs the database and its
schema; `serve` the key database, the issuer's keys, and tables that were caught up once; `write` a
lease that is asked for or kept (standing by is ready). Kafka, the writer, a stopped partition or
table only degrade: requests are still answered, and taking every replica away would help nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import asyncpg

from shared.kit.authority_age import AuthorityAge
from shared.kit.http.health import Check, Probe
from shared.kit.identity.keys import IssuerUnavailable, Keys
from shared.kit.ingest import Ingest
from shared.kit.lease import WRITE, Lease, project_role, who_holds
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.postgres.migrate import missing_migrations
from shared.kit.read_models.cursors import status
from shared.kit.relay import Relay
from shared.kit.rules.engine import RuleEngine
from shared.kit.rules.work import Backlog
from shared.kit.service import Service

SERVE: Final = "serve"
_IDLE_S_MAX: Final = 10.0
_KEYS: Final = "SELECT to_regclass('vault.subject_key') IS NOT NULL"


class Readiness:
    """The checks of one process; without the roles `serve` and `write`, those of every role."""

    def __init__(
        self,
        service: Service,
        pool: asyncpg.Pool,
        keys_pool: asyncpg.Pool | None = None,
        *,
        roles: AbstractSet[str] = frozenset(),
        release: str = "",
        authority: tuple[AuthorityAge, float] | None = None,
        issuer: Keys | None = None,
    ) -> None:
        self._service = service
        self._release = release
        self._pool = pool
        self._keys_pool = keys_pool
        self._roles = roles
        self._authority = authority  # its age, and how many seconds that may be
        self._issuer = issuer
        self._lease: Lease | None = None
        self._relay: Relay | None = None
        self._ingest: Ingest | None = None
        self._rules: RuleEngine | None = None
        self.backlog: Backlog | None = None
        self._schema_known = False
        self._goal: int | None = None
        self._caught_up = False

    def stands_by(self, lease: Lease) -> None:
        """Watch this lease from now on: this process asks for it, and then keeps it."""
        self._lease = lease

    def leads(self, relay: Relay, ingest: Ingest, rules: RuleEngine) -> None:
        """Watch these loops from now on: this process leads."""
        self._relay, self._ingest, self._rules = relay, ingest, rules

    def probes(self) -> Sequence[Probe]:
        """Give the checks of its roles."""
        found: list[Probe] = [self.database, self.schema]
        if SERVE in self._roles:
            found += [self.keys, self.read_models]
        if WRITE in self._roles:
            found.append(self.lease)
        if self._roles:
            found += [self.writer, self.kafka, self.partitions, self.rules]
        if self._authority is not None:
            found.append(self.authority)
        if self._issuer is not None:
            found.append(self.issuer)
        return found

    async def database(self) -> Check:
        """The log's database answers."""
        try:
            await self._pool.fetchval("SELECT h.position FROM kit.head AS h")
        except (*STORAGE_FAULTS, asyncpg.UndefinedTableError) as error:
            return Check("database", "failed", type(error).__name__)
        return Check("database", "ok")

    async def schema(self) -> Check:
        """The log's schema is at least this release's; a newer one's additions do no harm."""
        if not self._schema_known:
            try:
                missing = await missing_migrations(self._pool)
            except (*STORAGE_FAULTS, asyncpg.UndefinedTableError) as error:
                return Check("schema", "failed", type(error).__name__)
            if missing:
                return Check("schema", "failed", f"not migrated: {', '.join(missing)}")
            self._schema_known = True
        return Check("schema", "ok")

    async def keys(self) -> Check:
        """The key database answers and has its table."""
        assert self._keys_pool is not None
        try:
            known = await self._keys_pool.fetchval(_KEYS)
        except (*STORAGE_FAULTS, asyncpg.PostgresError) as error:
            return Check("keys", "failed", type(error).__name__)
        return Check("keys", "ok") if known else Check("keys", "failed", "not migrated")

    async def lease(self) -> Check:
        """The writer's lease is asked for, or kept."""
        if self._lease is None or self._lease.idle_s > _IDLE_S_MAX:
            return Check("lease", "failed", "neither asked for nor kept")
        return Check("lease", "ok", "leads" if self._relay is not None else "stands by")

    async def writer(self) -> Check:
        """Somebody leads."""
        try:
            leader = await who_holds(self._pool, WRITE)
        except STORAGE_FAULTS:
            return Check("writer", "degraded", "unknown")
        if leader is None:
            return Check("writer", "degraded", "nobody leads")
        return Check("writer", "ok", f"epoch {leader.epoch}")

    async def kafka(self) -> Check:
        """The writer's loops are connected (a replica that does not lead has none)."""
        away: list[str] = []
        if self._relay is not None and not self._relay.connected:
            away.append("relay")
        if self._ingest is not None and not self._ingest.status().connected:
            away.append("ingest")
        if away:
            return Check("kafka", "degraded", f"not connected: {', '.join(away)}")
        return Check("kafka", "ok")

    async def partitions(self) -> Check:
        """No heard partition stands still."""
        try:
            rows: list[Any] = await self._pool.fetch(
                "SELECT h.topic, h.part, h.stopped FROM kit.heard AS h WHERE h.stopped IS NOT NULL"
            )
        except STORAGE_FAULTS:
            return Check("partitions", "degraded", "unknown")
        if rows:
            detail = "; ".join(f"{row['topic']}:{row['part']} {row['stopped']}" for row in rows[:5])
            return Check("partitions", "degraded", detail)
        return Check("partitions", "ok")

    async def authority(self) -> Check:
        """What is heard of who may do what is recent enough for all that is not `fresh`."""
        assert self._authority is not None
        age, age_s_max = self._authority
        age_s = age.seconds()
        if age_s > age_s_max:
            return Check("authority", "degraded", f"age {age_s:.0f} s")
        return Check("authority", "ok")

    async def issuer(self) -> Check:
        """Tokens can be checked; without a key nobody could be let in."""
        assert self._issuer is not None
        trouble = self._issuer.trouble
        try:
            self._issuer.current()
        except IssuerUnavailable:
            return Check("issuer", "failed", trouble)
        return Check("issuer", "degraded" if trouble else "ok", trouble)

    async def rules(self) -> Check:
        """No rule stands still, and nothing it asked for is stuck."""
        stopped = {} if self._rules is None else self._rules.stopped
        stuck = {} if self.backlog is None else self.backlog.stuck
        found = [f"{name} {why}" for name, why in stopped.items()]
        found.extend(f"{count} stuck {kind}" for kind, count in stuck.items())
        return Check("rules", "degraded", "; ".join(found)) if found else Check("rules", "ok")

    async def read_models(self) -> Check:
        """Each table of this release was once as far as the log was when first looked at.

        After that one that is behind is served from; one that stopped only degrades.
        """
        try:
            found = await status(self._pool, self._service.read_models)
            projecting = await who_holds(self._pool, project_role(self._release))
        except STORAGE_FAULTS:
            return Check("read_models", "degraded", "unknown")
        if self._goal is None:
            self._goal = max((one.position + one.lag for one in found), default=0)
        late = [one for one in found if one.failure is None and one.position < self._goal]
        behind = ", ".join(f"{one.name} {one.lag}" for one in found if not one.caught_up)
        if late and not self._caught_up:
            return Check("read_models", "failed", f"behind: {behind}")
        self._caught_up = True
        stopped = [one.name for one in found if one.stopped]
        if stopped:
            return Check("read_models", "degraded", f"stopped: {', '.join(stopped)}")
        if projecting is None:
            return Check("read_models", "degraded", "nobody projects")
        return Check("read_models", "ok", f"behind: {behind}" if behind else "")
