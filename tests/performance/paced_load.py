"""A steady load of commands and queries, in a process of its own, until it is told to stop.

It asks at fixed times, whatever the answers take, and counts an answer from when it was due to be
asked for: a server that stands still is seen in every request of that time.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import uvloop

from tests.performance.children import say, task_of, told_to_go
from tests.performance.let_in import reception
from tests.performance.measuring import settle_garbage

_CONNECTIONS = 32
_COMMAND, _QUERY = "command", "query"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `keep`: its Location is asked for more later."""

    kind: str
    method: str
    path: str
    body: Mapping[str, str] | None = None
    keep: bool = False


@dataclass(slots=True)
class Seen:
    """What was answered: latencies by kind, statuses by kind and status."""

    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: {_COMMAND: [], _QUERY: []})
    statuses: Counter[str] = field(default_factory=Counter[str])
    locations: list[str] = field(default_factory=list[str])


class Load:
    """Draws requests, and asks them on connections that are kept."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._task = task
        self._chance = Random(1)
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )
        self.seen = Seen()

    async def open(self) -> None:
        for _ in range(_CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._task["port"]))

    async def run(self, stopping: asyncio.Event) -> None:
        """Ask so many commands, and as many queries, a second."""
        started, every = time.perf_counter(), 0.5 / self._task["per_s"]
        async with asyncio.TaskGroup() as group:
            for number, request in enumerate(self._requests()):
                due = started + number * every
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                if stopping.is_set():
                    return
                group.create_task(self._ask(request, due))

    def _requests(self) -> Iterator[Request]:
        for number in itertools.count():
            community = self._chance.choice(self._task["scopes"])
            where = f"/api/wishes/v1/communities/{community}/requests"
            if number % 2:
                yield self._query(number, where)
            elif number % 4 and self.seen.locations:
                path = f"{self.seen.locations.pop()}/acceptance"
                yield Request(_COMMAND, "POST", path, {"entered": "live"})
            else:
                account = f"account-{self._chance.randrange(500)}"
                yield Request(_COMMAND, "POST", where, reception(account), keep=True)

    def _query(self, number: int, where: str) -> Request:
        """Mostly lists; now and then all figures of a community."""
        asked = {1: "?state=dispatched", 3: "/overdue", 5: "?category=safety%2Ffire"}
        return Request(_QUERY, "GET", where + asked.get(number % 8, "/figures"))

    async def _ask(self, request: Request, due: float) -> None:
        reader, writer = await self._free.get()
        status = "lost"
        try:
            writer.write(self._written(request))
            status, location = await _answer(reader)
            if request.keep and status == "201":
                self.seen.locations.append(location)
        except (OSError, EOFError, ValueError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._task["port"])
        self._free.put_nowait((reader, writer))
        self.seen.statuses[f"{request.kind} {status}"] += 1
        self.seen.latencies_ms[request.kind].append((time.perf_counter() - due) * 1000)

    def _written(self, request: Request) -> bytes:
        content = b"" if request.body is None else json.dumps(request.body).encode()
        lines = [
            f"{request.method} {request.path} HTTP/1.1",
            f"host: 127.0.0.1:{self._task['port']}",
            f"authorization: Bearer {self._task['token']}",
        ]
        if request.body is not None:
            lines += [
                f"idempotency-key: {uuid4()}",
                "content-type: application/json",
                f"content-length: {len(content)}",
            ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def _answer(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Read one answer; give its status and where it says that something was made."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    await reader.readexactly(int(fields["content-length"]))
    return first.split(" ")[1], fields.get("location", "")


async def run(task: dict[str, Any]) -> None:
    load = Load(task)
    await load.open()
    settle_garbage()
    await told_to_go()
    stopping = asyncio.Event()
    loading = asyncio.create_task(load.run(stopping))
    # The next line on standard input, or its end, is the word to stop.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    stopping.set()
    await loading
    say(json.dumps({"latencies_ms": load.seen.latencies_ms, "statuses": load.seen.statuses}))


def main() -> None:
    uvloop.run(run(task_of(sys.argv)))


if __name__ == "__main__":
    main()
