"""Ports for servers that only this machine sees."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below every system's ephemeral range: a port from that range could be taken by any outgoing
# connection while its server restarts, and a client that retries it may even connect to itself.
_FIRST, _LAST = 15_000, 29_999
_TRIES_MAX = 200


def is_free(port: int) -> bool:
    """Tell whether a server could listen there now; connections that linger do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(remembered: int | None = None, *, besides: frozenset[int] = frozenset()) -> int:
    """Give the remembered port while it is free, else another outside `besides`."""
    if remembered is not None and remembered not in besides and is_free(remembered):
        return remembered
    for _ in range(_TRIES_MAX):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - a port is no secret
        if port not in besides and is_free(port):
            return port
    message = f"no free port on {LOOPBACK} after {_TRIES_MAX} tries"
    raise OSError(message)
