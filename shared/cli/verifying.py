"""`cogov verify`: the invariants of the site that the settings name, against this release."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from services.deliberation.app import SERVICE as DELIBERATION
from services.wishes.app import SERVICE as WISHES
from shared.contracts.topics import TOPICS
from shared.kit.kafka.bus import KafkaBus, KafkaLimits
from shared.kit.postgres.pool import create_pool
from shared.kit.settings import ServiceSettings
from shared.kit.verify import INVARIANTS, Finding, ServiceUnderTest, VerifyLimits, verify

_SERVICES: Final = {service.name: service for service in (DELIBERATION, WISHES)}
_CONNECTIONS: Final = 3


async def verify_site(
    settings: Mapping[str, ServiceSettings], *, only: Sequence[str] = tuple(INVARIANTS)
) -> list[Finding]:
    """Check the invariants named by `only`; reads only. Raises OSError and asyncpg's errors."""
    limits = VerifyLimits()
    async with contextlib.AsyncExitStack() as stack:
        sites: list[ServiceUnderTest] = []
        for name, each in settings.items():
            pool = await create_pool(
                each.database_dsn.get_secret_value(),
                size_max=_CONNECTIONS,
                statement_timeout_ms=limits.statement_timeout_ms,
                application="cogov verify",
            )
            stack.push_async_callback(pool.close)
            sites.append(ServiceUnderTest.of(_SERVICES[name], pool))
        bootstrap = next(iter(settings.values())).kafka_bootstrap
        bus = KafkaBus(
            bootstrap=bootstrap.split(","),
            client_id="cogov-verify",
            partitions={topic.name: topic.partitions for topic in TOPICS.values()},
            limits=KafkaLimits(),
        )
        return await verify(sites, bus, limits=limits, only=only)
