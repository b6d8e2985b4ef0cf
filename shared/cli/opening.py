"""Opens a community of a local district: administrator, directory, category policy."""

from __future__ import annotations

from typing import Final

from shared.cli.bootstrap import bootstrap
from shared.cli.categories import CategoryTable, adopt_policy
from shared.cli.client import ApiClient, ClientLimits
from shared.cli.connections import settings_of
from shared.cli.directory import (
    ADMINISTRATOR,
    POSTS,
    SECRETARY,
    Community,
    set_up_directory,
)
from shared.cli.local_site import LocalDistrict
from shared.kit.identity.development_issuer import ISSUER

DISTRICT_NAME: Final = "示范区 (Demo District)"


async def open_community(
    district: LocalDistrict, community: Community, table: CategoryTable
) -> bool:
    """Do what is still to be done, until requests can be received; tell whether nothing was.

    Raises BootstrapFailedError, PolicyLateError and the client's errors.
    """
    settings = settings_of("deliberation", district.places.root)
    began = await bootstrap(settings, issuer=ISSUER, subject=ADMINISTRATOR, name=DISTRICT_NAME)
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
    return began.replayed and ready.replayed and policy.replayed


def _client(district: LocalDistrict, service: str, subject: str) -> ApiClient:
    return ApiClient(district.url(service), district.token(subject), ClientLimits())
