"""A service that hears nothing of the directory any more lets nobody act on what it knew."""

import logging
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from shared.cli.directory import ADMINISTRATOR, IMPORTER
from shared.cli.local_site import ProcessPlan
from tests.fixtures.ordeal import Ordeal, eventually

log = logging.getLogger(__name__)

STRICT = {"authority_age_max_s": "4", "authority_fresh_age_max_s": "2"}
HASTY = ProcessPlan("wishes-hasty", "wishes", "serve", STRICT)


@pytest.fixture
async def hasty(ordeal: Ordeal) -> AsyncGenerator[httpx.AsyncClient]:
    """Give a client of a replica whose limits are seconds, not hours."""
    ordeal.district.add(HASTY)
    await ordeal.start(HASTY.name)
    async with httpx.AsyncClient(
        base_url=ordeal.district.url_of(HASTY.name), trust_env=False, timeout=30
    ) as client:
        yield client
    await ordeal.terminate(HASTY.name)


async def test_reading_stops_when_the_directory_is_silent_and_goes_on_after(
    ordeal: Ordeal, hasty: httpx.AsyncClient
) -> None:
    path = await ordeal.community("stale")

    async def read(what: str, subject: str) -> tuple[int, str, str]:
        headers = {"Authorization": f"Bearer {ordeal.district.token(subject)}"}
        answer = await hasty.get(what, headers=headers)
        code: Any = "" if answer.is_success else answer.json()["code"]
        return answer.status_code, code, answer.headers.get("Retry-After", "")

    async def known() -> bool:
        return (await read(path, IMPORTER))[0] == HTTPStatus.OK

    audit = f"/api/wishes/v1/districts/{ordeal.district.district}/access-log"
    await eventually(known, within_s=30)
    assert (await read(audit, ADMINISTRATOR))[0] == HTTPStatus.OK
    await ordeal.terminate("deliberation")
    try:
        stale = (503, "authority_stale", "1")

        async def fresh_stops() -> bool:
            return await read(audit, ADMINISTRATOR) == stale

        async def all_stops() -> bool:
            return await read(path, IMPORTER) == stale

        took = await eventually(fresh_stops, within_s=30)
        log.info("a fresh action stops after %.1f s, every other after …", took)
        took = await eventually(all_stops, within_s=30)
        log.info("… %.1f s more", took)
        assert "cogov_authority_age_seconds" in (await hasty.get("/metrics")).text
    finally:
        await ordeal.start("deliberation")
    await eventually(known, within_s=60)
