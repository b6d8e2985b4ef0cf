"""The small directory of the demo: one community below the district, and who may do what there.

Every step has a key of its own and says the same each time, so doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from shared.cli.client import Answered, ApiClient
from shared.kit.identity.ids import identity_id

ADMINISTRATOR: Final = "administrator"
IMPORTER: Final = "importer"
SECRETARY: Final = "secretary"
DESK: Final = "desk"

_STARTS_AT: Final = "2020-01-01T00:00:00+08:00"


@dataclass(frozen=True, slots=True)
class Community:
    """A node below the district."""

    node: str
    name: str


@dataclass(frozen=True, slots=True)
class Post:
    """A login and the role it holds in the community."""

    subject: str
    role: str


POSTS: Final = (
    Post(IMPORTER, "integration"),
    Post(SECRETARY, "secretary"),
    Post(DESK, "desk"),
)


@dataclass(frozen=True, slots=True)
class DirectoryReady:
    """Whether anything was new, and the place in the log after which all of it is known."""

    replayed: bool
    position: str


async def set_up_directory(
    api: ApiClient, *, district: str, community: Community, issuer: str, posts: Sequence[Post]
) -> DirectoryReady:
    """Add the community and its posts as the district administrator; raise the client's errors."""
    path = f"/api/deliberation/v1/districts/{district}"
    node = {
        "node": community.node,
        "kind": "community",
        "name": community.name,
        "parent": district,
    }
    answers = [await api.post(f"{path}/nodes", node, key=f"node-{community.node}")]
    for post in posts:
        answers += await _fill(api, path, community.node, issuer, post)
    return DirectoryReady(
        replayed=all(answer.replayed for answer in answers), position=answers[-1].position
    )


async def _fill(
    api: ApiClient, path: str, node: str, issuer: str, post: Post
) -> tuple[Answered, Answered]:
    resident = resident_of(issuer, post.subject)
    identity: dict[str, Any] = {
        "issuer": issuer,
        "subject": post.subject,
        "resident": str(resident),
    }
    grant = {
        "grant": str(uuid5(resident, f"{post.role}:{node}")),
        "resident": str(resident),
        "role": post.role,
        "node": node,
        "starts_at": _STARTS_AT,
    }
    return (
        await api.post(f"{path}/identities", identity, key=f"identity-{post.subject}"),
        await api.post(f"{path}/grants", grant, key=f"grant-{post.subject}-{post.role}-{node}"),
    )


def resident_of(issuer: str, subject: str) -> UUID:
    """Give the resident id that a login of the demo stands for."""
    return uuid5(identity_id(issuer, subject), "resident")
