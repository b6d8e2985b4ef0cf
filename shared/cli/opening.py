"""Opens a community of a district: administrator, directory, categories, days and deadlines."""

from __future__ import annotations

from typing import Final

from shared.cli.categories import CategoryTable, adopt_policy
from shared.cli.client import ApiClient, ClientLimits
from shared.cli.deadlines import (
    DEMO_POLICY,
    DEMO_YEARS,
    adopt_deadline_policy,
    adopt_working_days,
)
from shared.cli.directory import (
    ADMINISTRATOR,
    POSTS,
    SECRETARY,
    Community,
    set_up_directory,
)
from shared.cli.districts import District
from shared.kit.identity.development_issuer import ISSUER

DISTRICT_NAME: Final = "示范区 (Demo District)"


async def open_community(district: District, community: Community, table: CategoryTable) -> bool:
    """Do what is still to be done, until requests can be received; tell whether nothing was.

    Raises BootstrapFailedError, PolicyLateError and the client's errors.
    """
    was_begun = await district.bootstrap(ADMINISTRATOR, DISTRICT_NAME)
    async with _client(district, "deliberation", ADMINISTRATOR) as directory:
        ready = await set_up_directory(
            directory,
            district=district.district,
            community=community,
            issuer=ISSUER,
            posts=POSTS,
        )
    async with (
        _client(district, "wishes", ADMINISTRATOR) as administrator,
        _client(district, "wishes", SECRETARY) as reader,
    ):
        path = f"/api/wishes/v1/communities/{community.node}/category-policy"
        # Wishes must have heard who may do what; this answers once it has.
        await reader.get(path, after=ready.position)
        policy = await adopt_policy(
            administrator,
            reader,
            district=district.district,
            community=community.node,
            table=table,
        )
        place, years = district.district, DEMO_YEARS
        days = await adopt_working_days(administrator, district=place, years=years)
        terms = await adopt_deadline_policy(administrator, district=place, policy=DEMO_POLICY)
    return was_begun and ready.replayed and policy.replayed and days and terms


def _client(district: District, service: str, subject: str) -> ApiClient:
    return ApiClient(district.url(service), district.token(subject), ClientLimits())
