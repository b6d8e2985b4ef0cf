"""Unit tests do no I/O: a socket is an error (the event loop's own pair excepted)."""

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
