"""The writer's memory: an exact cache of heads and states, and the overlay of one batch over it.

Exact because there is one writer (ADR 2): nobody else moves the log while it leads. A failed batch
throws its overlay away; only a batch that is in the log is merged.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from shared.contracts.registry import Registry
from shared.decider import Fact, Needs, Read, States, View
from shared.kit.ports import (
    Batch,
    Loaded,
    NewEvent,
    NewState,
    Stored,
    StreamCheck,
    StreamHead,
    Want,
)

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(slots=True)
class Entry:
    """A stream as known: its head, and its state through each view that was asked for."""

    head: StreamHead
    states: dict[str, Any] = field(default_factory=dict[str, Any])


class Views:
    """The views a service reads through, by name; folds stored events into their states."""

    def __init__(self, views: Iterable[View[Any]], registry: Registry) -> None:
        self._registry = registry
        self._views: dict[str, View[Any]] = {}
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        for view in views:
            if self._views.setdefault(view.name, view) is not view:
                message = f"two views are named {view.name}"
                raise ValueError(message)
            self._decoders[view.name] = msgspec.json.Decoder(view.state)

    def __getitem__(self, name: str) -> View[Any]:
        return self._views[name]

    def __iter__(self) -> Any:
        return iter(self._views.values())

    def restore(self, loaded: Loaded) -> Any:
        """Fold the events after the stored state onto it."""
        view = self._views[loaded.view]
        state = (
            view.initial
            if loaded.state is None
            else self._decoders[loaded.view].decode(loaded.state)
        )
        return self.fold(view, state, loaded.events)

    def fold(self, view: View[Any], state: Any, events: Iterable[Stored]) -> Any:
        """Fold stored events; types this release does not know are passed over."""
        for stored in events:
            if stored.type in self._registry:
                state = view.evolve(state, self.fact(stored))
        return state

    def fact(self, stored: NewEvent) -> Fact:
        """Give the pure part of a stored event; its type must be known."""
        return Fact(
            stream=stored.stream,
            version=stored.version,
            scope=stored.scope,
            occurred_at=stored.occurred_at,
            at=stored.at,
            event=self._registry.parse(stored.type, stored.data),
            event_id=str(stored.event_id),
            actor=stored.actor,
        )


class Cache:
    """A bounded LRU of streams."""

    def __init__(self, entries_max: int) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._entries_max = entries_max

    def get(self, stream: str) -> Entry | None:
        """Give what is known of a stream."""
        entry = self._entries.get(stream)
        if entry is not None:
            self._entries.move_to_end(stream)
        return entry

    def put(self, stream: str, entry: Entry) -> None:
        """Remember a stream, and forget the one not used for longest."""
        self._entries[stream] = entry
        self._entries.move_to_end(stream)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)

    def forget(self, streams: Iterable[str]) -> None:
        """Drop what is known of these streams."""
        for stream in streams:
            self._entries.pop(stream, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


class Overlay:
    """What a batch has read and decided so far: the cache's truth plus its own events."""

    def __init__(self, cache: Cache, views: Views) -> None:
        self._cache = cache
        self._views = views
        self._base: dict[str, Entry] = {}
        self._own: dict[str, Entry] = {}
        self._looked: set[str] = set()
        self.batch = Batch()

    def head(self, stream: str) -> StreamHead | None:
        """Give a stream's head as of this batch; None when it was not loaded."""
        entry = self._entry(stream)
        return None if entry is None else entry.head

    def missing(self, reads: Iterable[Read[Any]]) -> list[Want]:
        """Name what must be loaded before these reads can be answered."""
        wants: dict[tuple[str, str], Want] = {}
        for read in reads:
            entry = self._entry(read.stream)
            if entry is None or read.view.name not in entry.states:
                want = Want(read.stream, read.view.name, read.view.revision)
                wants[read.stream, read.view.name] = want
        return list(wants.values())

    def learn(self, loaded: Iterable[Loaded]) -> None:
        """Take loaded states in, as the truth from before this batch."""
        for item in loaded:
            state = self._views.restore(item)
            base = self._pinned(item.stream)
            if base is None or base.head.version != item.head.version:
                base = Entry(item.head)
                self._base[item.stream] = base
                self._cache.put(item.stream, base)
            base.states[item.view] = state
            if item.stream in self._own:
                self._own[item.stream].states[item.view] = self._caught_up(item, state)

    def learn_heads(self, asked: Iterable[str], heads: Mapping[str, StreamHead]) -> None:
        """Take the heads of streams in whose states nobody asked for."""
        for stream in asked:
            if self._pinned(stream) is None:
                self._base[stream] = Entry(heads.get(stream, StreamHead()))

    def look(self, stream: str, view: View[Any]) -> Any:
        """Give a state and note that the batch depends on the stream; KeyError if not loaded."""
        entry = self._entry(stream)
        if entry is None:
            raise KeyError(stream)
        state = entry.states[view.name]
        self._looked.add(stream)
        return state

    def stage(self, events: Sequence[tuple[NewEvent, Fact | None]]) -> None:
        """Add one decision's events, all or (when an evolve raises) none.

        A fact of None (heard, or of an unknown type) drops the stream's cached states.
        """
        changed: dict[str, Entry] = {}
        for event, fact in events:
            entry = changed.get(event.stream)
            if entry is None:
                known = self._entry(event.stream) or Entry(StreamHead())
                entry = Entry(known.head, dict(known.states))
                changed[event.stream] = entry
            scope = entry.head.scope or event.scope
            entry.head = StreamHead(event.version, event.event_id, scope)
            if fact is None:
                entry.states.clear()
                continue
            for name, state in entry.states.items():
                entry.states[name] = self._views[name].evolve(state, fact)
        self._own.update(changed)
        self.batch.events.extend(event for event, _ in events)

    def close(self) -> Batch:
        """Finish the batch: every stream read or written is checked by the append."""
        for stream in self._looked - self._own.keys():
            self.batch.streams.append(StreamCheck(stream, self._base_version(stream)))
        for stream, entry in self._own.items():
            before, head = self._base_version(stream), entry.head
            self.batch.streams.append(
                StreamCheck(stream, before, head.version, head.last_event_id, head.scope)
            )
            for name, state in entry.states.items():
                view = self._views[name]
                if head.version // view.stored_every > before // view.stored_every:
                    self.batch.states.append(_to_store(stream, head.version, view, state))
        return self.batch

    def merge(self) -> None:
        """The batch is in the log: what it wrote is the cache's truth now."""
        for stream, entry in self._own.items():
            self._cache.put(stream, entry)

    def _entry(self, stream: str) -> Entry | None:
        return self._own.get(stream) or self._pinned(stream)

    def _pinned(self, stream: str) -> Entry | None:
        """Give the truth from before this batch, kept from eviction while the batch lasts."""
        entry = self._base.get(stream)
        if entry is None:
            entry = self._cache.get(stream)
            if entry is not None:
                self._base[stream] = entry
        return entry

    def _base_version(self, stream: str) -> int:
        entry = self._pinned(stream)
        return 0 if entry is None else entry.head.version

    def _caught_up(self, item: Loaded, state: Any) -> Any:
        """Fold this batch's own events onto a state that was asked for after they were staged."""
        view = self._views[item.view]
        for event in self.batch.events:
            if event.stream == item.stream:
                state = view.evolve(state, self._views.fact(event))
        return state


def _to_store(stream: str, version: int, view: View[Any], state: Any) -> NewState:
    text = _ENCODER.encode(state).decode()
    return NewState(stream, view.name, view.revision, version, text)


class OverlayStates(States):
    """States over an overlay; looking at a stream makes the batch depend on its version."""

    def __init__(self, overlay: Overlay) -> None:
        super().__init__({})
        self._overlay = overlay

    def get(self, stream: str, view: View[Any]) -> Any:
        """Give a state, or raise Needs."""
        try:
            return self._overlay.look(stream, view)
        except KeyError:
            raise Needs(Read(stream, view)) from None
