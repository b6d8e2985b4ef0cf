"""Which exceptions mean that a database cannot answer now: passing faults, to be tried again."""

from __future__ import annotations

import socket
from typing import Final

import asyncpg

STORAGE_FAULTS: Final[tuple[type[Exception], ...]] = (
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.InsufficientResourcesError,  # 53
    asyncpg.LockNotAvailableError,  # 55P03
    asyncpg.OperatorInterventionError,  # 57, a statement past its time among them
    asyncpg.PostgresSystemError,  # 58
    asyncpg.InterfaceError,  # the connection or the pool is closed
    asyncpg.InternalClientError,  # the server's farewell came between two statements
    ConnectionError,
    TimeoutError,
    socket.gaierror,
)
