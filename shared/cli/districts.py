"""A district that runs somewhere, and how one reaches it: as local processes or in containers."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from shared.cli.local_settings import Places


class Target(StrEnum):
    """Where a district runs."""

    EMBEDDED = "embedded"
    COMPOSE = "compose"


class District(Protocol):
    """What the demo and the acceptance tests need of a district, wherever it runs."""

    @property
    def places(self) -> Places:
        """Its settings, secrets and tokens: `places.root` is a command's `--site`."""
        ...

    @property
    def district(self) -> str:
        """The node of its district."""
        ...

    @property
    def logs(self) -> str:
        """Where the processes' logs are found, in words."""
        ...

    def url(self, service: str) -> str:
        """Give the origin of a service's API."""
        ...

    def token(self, subject: str) -> str:
        """Give a token of the development issuer; it is also kept in a file."""
        ...

    def owner_dsn(self, service: str) -> str:
        """Give the address of a service's database as its owner."""
        ...

    async def bootstrap(self, subject: str, name: str) -> bool:
        """Make a login the first administrator; tell whether it was so already.

        Raises BootstrapFailedError.
        """
        ...
