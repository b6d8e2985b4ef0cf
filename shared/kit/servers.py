"""A PostgreSQL and a Kafka, whoever runs them: embedded, in containers, or given by address."""

from __future__ import annotations

from typing import Protocol


class ServerFault(RuntimeError):
    """A server or process did not start, answer or stop; the message ends with its log's tail."""


class Servers(Protocol):
    """What a service needs of its surroundings."""

    @property
    def bootstrap(self) -> str:
        """Kafka's address, `host:port`."""
        ...

    def dsn(self, database: str) -> str:
        """Give the address of a database."""
        ...

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists."""
        ...
