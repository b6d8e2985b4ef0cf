"""The load of HTTP, in a process of its own: raw HTTP/1.1 on kept-alive connections.

The task names a file with `path` and `body` per request, all of them written before the start.
Nothing but status and length of an answer is read; with `keep`, its Location too.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import uvloop

from tests.performance.children import say, task_of, told_to_go
from tests.performance.measuring import settle_garbage

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "
_LOCATION = b"location: "


class Load:
    """What all connections share: requests left, and what was seen."""

    def __init__(self, requests: list[bytes], connections: int, *, keep: bool) -> None:
        self.left: Iterator[bytes] = iter(requests)
        self.keep = keep
        self.latencies_ms: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.locations: list[str] = []
        self.ended = asyncio.Event()
        self._open = connections

    def end_one(self) -> None:
        self._open -= 1
        if self._open == 0:
            self.ended.set()


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def begin(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self.send()

    def send(self) -> None:
        request = next(self._load.left, None)
        assert self._transport is not None
        if request is None:
            self._transport.close()
            self._load.end_one()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(_END_OF_HEAD)
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower() + b"\r\n"
        whole = head_end + len(_END_OF_HEAD) + int(_header(head, _LENGTH))
        if len(self._buffer) < whole:
            return
        load = self._load
        load.latencies_ms.append((time.perf_counter() - self._sent_at) * 1000)
        load.statuses[head[9:12].decode()] += 1
        if load.keep:
            load.locations.append(_header(head, _LOCATION).decode())
        self._buffer = self._buffer[whole:]
        self.send()


async def run(task: dict[str, Any], requests: list[bytes]) -> None:
    """Warm the server up with the first requests, then send the measured ones."""
    await _sent(task, requests[: task["warm"]])
    settle_garbage()
    await told_to_go()
    measured = requests[task["warm"] :]
    busy = psutil.Process().cpu_times()
    started = time.perf_counter()
    load = await _sent(task, measured)
    seconds = time.perf_counter() - started
    now = psutil.Process().cpu_times()
    report = {
        "seconds": seconds,
        "latencies_ms": load.latencies_ms,
        "statuses": dict(load.statuses),
        "cores": (now.user + now.system - busy.user - busy.system) / seconds,
        "locations": load.locations,
    }
    say(json.dumps(report))


async def _sent(task: dict[str, Any], requests: list[bytes]) -> Load:
    load = Load(requests, task["connections"], keep=task["keep"])
    loop = asyncio.get_running_loop()
    connections = [
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", task["port"])
        for _ in range(task["connections"])
    ]
    for transport, connection in connections:
        connection.begin(transport)
    await load.ended.wait()
    return load


def main() -> None:
    task = task_of(sys.argv)
    named = json.loads(Path(task["requests"]).read_bytes())
    uvloop.run(run(task, [_written(task, *one) for one in named]))


def _header(head: bytes, name: bytes) -> bytes:
    at = head.index(name) + len(name)
    return head[at : head.index(b"\r\n", at)]


def _written(task: dict[str, Any], path: str, body: str) -> bytes:
    content = body.encode()
    lines = (
        f"POST {path} HTTP/1.1",
        f"host: 127.0.0.1:{task['port']}",
        f"authorization: Bearer {task['token']}",
        f"idempotency-key: {uuid4()}",
        "content-type: application/json",
        f"content-length: {len(content)}",
    )
    return "\r\n".join(lines).encode() + _END_OF_HEAD + content


if __name__ == "__main__":
    main()
