"""A district whose one user may do everything at the desks of some communities."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4, uuid5

import httpx

from services.deliberation.settings import Settings
from shared.cli.bootstrap import Bootstrapped, bootstrap
from shared.cli.local_site import DISTRICT, LocalDistrict
from shared.kit.identity.development_issuer import ISSUER


def prepared(district: LocalDistrict, scopes: Sequence[str]) -> str:
    """Start it and let its directory reach the wishes service; give the user's token."""
    district.prepare()
    district.start()
    settings = Settings.model_validate(
        {
            name.removeprefix("DELIBERATION_").lower(): value
            for name, value in district.environment("deliberation").items()
        }
    )
    first = asyncio.run(bootstrap(settings, issuer=ISSUER, subject="admin", name="Bench"))
    token = district.token("admin")
    _add_communities(district, token, first, scopes)
    return token


def reception(account: str) -> Mapping[str, str]:
    """Give the body that takes a request in."""
    return {
        "kind": "problem",
        "subject": "The lamp by the east gate is broken",
        "text": "It has been dark there for three days, and the steps are icy.",
        "account": account,
        "area": "area-east",
    }


def _add_communities(
    district: LocalDistrict, token: str, first: Bootstrapped, scopes: Sequence[str]
) -> None:
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:
        path = f"{district.url('deliberation')}/api/deliberation/v1/districts/{DISTRICT}"

        def post(where: str, body: Mapping[str, str], **headers: str) -> httpx.Response:
            key = {"Idempotency-Key": str(uuid4())}
            answer = client.post(where, json=body, headers={**key, **headers})
            answer.raise_for_status()
            return answer

        for name in scopes:
            node = {"node": name, "kind": "community", "name": name, "parent": DISTRICT}
            post(f"{path}/nodes", node)
            grant = {
                "grant": str(uuid5(UUID(first.resident), name)),
                "resident": first.resident,
                "role": "desk",
                "node": name,
                "starts_at": "2026-01-01T00:00:00Z",
            }
            position = post(f"{path}/grants", grant).headers["Cogov-Position"]
            url = f"{district.url('wishes')}/api/wishes/v1/communities/{name}/requests"
            post(url, reception("account-0"), **{"Cogov-After": position})
