"""Fixtures of the kit's integration tests."""

from tests.fixtures.exchange import exchange, hearer_database, source_database

__all__ = ["exchange", "hearer_database", "source_database"]
