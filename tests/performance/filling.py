"""Fills a log through the append function, and leaves beside it what a writer would leave.

Stream versions, the states of keys, those stored every so many versions, and the timers of what is
open are there; receipts and vault rows are not, as if they were older than they are kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from shared.decider import Decider, Fact
from shared.kit.ids import TimeOrderedIds
from shared.kit.ports import Appended, Batch, Log, NewEvent, NewState, StreamCheck, TimerChange
from shared.kit.views import Views
from tests.performance.year import Happening

_BATCH_EVENTS = 2000
_ENCODE = msgspec.json.Encoder().encode


class Filler:
    """One log, being filled; nobody else writes to it meanwhile."""

    def __init__(self, log: Log, views: Views, public_types: frozenset[str]) -> None:
        self._log = log
        self._views = views
        self._public = public_types
        self._ids = TimeOrderedIds()
        self._versions: dict[str, int] = {}
        self._scopes: dict[str, str] = {}
        self._states: dict[tuple[str, str], Any] = {}

    async def fill(self, happenings: Iterable[Happening], *, epoch: int) -> int:
        """Append everything; give how many events that were."""
        count = 0
        for page in _pages(happenings):
            await self._append(epoch, self._batch(page))
            count += len(page)
        for page in _pages(self._timers()):
            await self._append(epoch, Batch(timers=page))
        return count

    async def _append(self, epoch: int, batch: Batch) -> None:
        done = await self._log.append(epoch, batch)
        assert isinstance(done, Appended), f"somebody else writes to the log: {done}"

    def _batch(self, page: list[Happening]) -> Batch:
        batch = Batch()
        before: dict[str, int] = {}
        last: dict[str, UUID] = {}
        keyed: dict[tuple[str, str], None] = {}
        for happening in page:
            stream = happening.stream
            before.setdefault(stream, self._versions.get(stream, 0))
            event = self._event(happening)
            batch.events.append(event)
            last[stream] = event.event_id
            key = self._evolve(happening, event)
            if key:
                keyed[stream, key] = None
        for stream, version in before.items():
            now = self._versions[stream]
            check = StreamCheck(stream, version, now, last[stream], self._scopes[stream])
            batch.streams.append(check)
            owner = self._views.owner(stream)
            if owner is not None and owner.view.key_of is None:
                every = owner.view.stored_every
                if now // every > version // every:
                    batch.states.append(self._stored(owner, stream, ""))
        for stream, key in keyed:
            owner = self._views.owner(stream)
            assert owner is not None
            batch.states.append(self._stored(owner, stream, key))
        return batch

    def _event(self, happening: Happening) -> NewEvent:
        stream, event_id = happening.stream, self._ids.new()
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        self._scopes[stream] = happening.scope
        type_name = happening.event.type_name()
        return NewEvent(
            stream=stream,
            version=version,
            event_id=event_id,
            type=type_name,
            scope=happening.scope,
            occurred_at=happening.at,
            at=happening.at,
            correlation_id=event_id,
            data=happening.event.model_dump_json(),
            public=type_name in self._public,
            actor=happening.actor,
            channel="app",
        )

    def _evolve(self, happening: Happening, event: NewEvent) -> str:
        """Follow an event in the state of its stream or key; give the key."""
        owner = self._views.owner(event.stream)
        if owner is None:
            return ""
        fact = Fact(
            event.stream,
            event.version,
            event.scope,
            event.occurred_at,
            event.at,
            happening.event,
            str(event.event_id),
            event.actor,
        )
        view = owner.view
        key = "" if view.key_of is None else view.key_of(fact)
        slot = (event.stream, key)
        self._states[slot] = view.evolve(self._states.get(slot, view.initial), fact)
        return key

    def _stored(self, owner: Decider[Any, Any], stream: str, key: str) -> NewState:
        text = _ENCODE(self._states[stream, key]).decode()
        view = owner.view
        return NewState(stream, view.name, view.revision, self._versions[stream], text, key)

    def _timers(self) -> Iterator[TimerChange]:
        for (stream, _), state in self._states.items():
            owner = self._views.owner(stream)
            assert owner is not None
            due: Mapping[str, Any] = {} if owner.timers is None else owner.timers.due(state)
            for name, due_at in due.items():
                yield TimerChange(stream, name, due_at, self._scopes[stream])


def _pages(items: Iterable[Any]) -> Iterator[list[Any]]:
    page: list[Any] = []
    for item in items:
        page.append(item)
        if len(page) == _BATCH_EVENTS:
            yield page
            page = []
    if page:
        yield page
