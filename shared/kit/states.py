"""States for readers: what a query needs to know of a stream, outside the writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from shared.decider import Needs, Read, States
from shared.kit.ports import Log
from shared.kit.views import NewerVersion, NewerVersionError, Views, want_of

T = TypeVar("T")
S = TypeVar("S")


class StateReader:
    """Loads states straight from the log: as true as the last append, one round trip per round."""

    def __init__(self, log: Log, views: Views, *, rounds_max: int = 6) -> None:
        self._log = log
        self._views = views
        self._rounds_max = rounds_max

    async def get(self, read: Read[S]) -> S:
        """Give one state."""
        return (await self._load((read,)))[read.stream, read.slot]

    async def answer(self, question: Callable[[States], T]) -> T:
        """Give a pure question the states that it asks for, until it answers or refuses."""
        loaded: dict[tuple[str, str], Any] = {}
        for _ in range(self._rounds_max):
            try:
                return question(States(loaded))
            except Needs as needs:
                loaded |= await self._load(needs.reads)
        message = "a question needs more rounds of states than the limit"
        raise RuntimeError(message)

    async def _load(self, reads: Iterable[Read[Any]]) -> dict[tuple[str, str], Any]:
        reads = tuple(reads)
        wants = [want_of(read) for read in reads]
        loaded, _ = await self._log.load(wants, ())
        try:
            return {
                (read.stream, read.slot): self._views.restore(item)
                for read, item in zip(reads, loaded, strict=True)
            }
        except NewerVersionError as newer:
            raise NewerVersion(type=str(newer)) from newer
