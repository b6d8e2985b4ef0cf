"""The writer's memory: an exact cache of heads and states, and the overlay of one batch over it.

Exact because there is one writer (ADR 2): nobody else moves the log while it leads. A failed batch
throws its overlay away; only a batch that is in the log is merged.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from shared.decider import Fact, Needs, Read, States, View
from shared.kit.ports import (
    SPENT,
    Batch,
    Claim,
    Loaded,
    NewEvent,
    NewState,
    StreamCheck,
    StreamHead,
    TimerChange,
    Want,
)
from shared.kit.views import NewerVersion, NewerVersionError, Views, want_of

_ENCODER: Final = msgspec.json.Encoder()
KEYS_PER_STREAM_MAX: Final = 50_000  # of one stream in memory; beyond, they are loaded again
_NO_TIMERS: Final[Mapping[str, datetime]] = {}


@dataclass(slots=True)
class Entry:
    """A stream as known: its head, its states, and the timers of its own state.

    `states` are by view; `keyed` are those of its own keyed view, by slot, as of the cache.
    """

    head: StreamHead
    states: dict[str, Any] = field(default_factory=dict[str, Any])
    keyed: dict[str, Any] = field(default_factory=dict[str, Any])
    due: Mapping[str, datetime] | None = None


class Cache:
    """A bounded LRU of streams."""

    def __init__(self, entries_max: int) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._entries_max = entries_max

    def __len__(self) -> int:
        return len(self._entries)

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
        self._keyed: dict[tuple[str, str], _Keyed] = {}
        self._looked: set[str] = set()
        self._holders: dict[tuple[str, bytes], str] = {}
        self.batch = Batch()

    def followed(self, stream: str, fact: Fact) -> Read[Any] | None:
        """Name the state of its own that an event for a stream must change and that is missing."""
        owner = self._views.owner(stream)
        if owner is None or (owner.timers is None and owner.view.key_of is None):
            return None
        key = "" if owner.view.key_of is None else owner.view.key_of(fact)
        if owner.view.key_of is not None and not key:
            return None
        read = Read(stream, owner.view, key)
        return None if self._knows(read) else read

    def unread(self, stream: str) -> Needs | LookupError:
        """Say what a decision lacks that writes a stream whose head is not known."""
        owner = self._views.owner(stream)
        if owner is None or owner.view.key_of is not None:
            return LookupError(f"a decision writes {stream} and did not read it")
        return Needs(Read(stream, owner.view))

    def head(self, stream: str) -> StreamHead | None:
        """Give a stream's head as of this batch; None when it was not loaded."""
        entry = self._entry(stream)
        return None if entry is None else entry.head

    def missing(self, reads: Iterable[Read[Any]]) -> list[Want]:
        """Name what must be loaded before these reads can be answered."""
        wants: dict[tuple[str, str], Want] = {}
        for read in reads:
            if not self._knows(read):
                wants[read.stream, read.slot] = want_of(read)
        return list(wants.values())

    def learn(self, loaded: Iterable[Loaded]) -> None:
        """Take loaded states in, as the truth from before this batch."""
        for item in loaded:
            try:
                state = self._views.restore(item)
            except NewerVersionError as newer:
                state = newer
            base = self._pinned(item.stream)
            if base is None or base.head.version != item.head.version:
                base = Entry(item.head)
                self._base[item.stream] = base
                self._cache.put(item.stream, base)
            view = self._views[item.view]
            if view.key_of is not None:
                base.keyed[view.slot(item.key or "")] = state
                self._catch_up_keyed(view, item)
                continue
            base.states[item.view] = state
            if item.stream in self._own:
                self._own[item.stream].states[item.view] = self._caught_up(item, state)

    def learn_heads(self, asked: Iterable[str], heads: Mapping[str, StreamHead]) -> None:
        """Take the heads of streams in whose states nobody asked for."""
        for stream in asked:
            if self._pinned(stream) is None:
                self._base[stream] = Entry(heads.get(stream, StreamHead()))

    def look(self, stream: str, view: View[Any], key: str = "") -> Any:
        """Give a state and note that the batch depends on the stream; KeyError if not loaded.

        Raises NewerVersion where this release cannot read the stream.
        """
        entry = self._entry(stream)
        if entry is None:
            raise KeyError(stream)
        if view.key_of is None:
            state = entry.states[view.name]
        else:
            slot = view.slot(key)
            staged = self._keyed.get((stream, slot))
            state = entry.keyed[slot] if staged is None else staged.state
        if isinstance(state, NewerVersionError):
            raise NewerVersion(type=str(state))
        self._looked.add(stream)
        return state

    def stage(
        self, events: Sequence[tuple[NewEvent, Fact]] | Sequence[tuple[NewEvent, None]]
    ) -> None:
        """Add one decision's events, all or (when an evolve or timers raise) none.

        A fact of None (heard, or of an unknown type) drops the stream's cached states.
        """
        changed: dict[str, Entry] = {}
        keyed: dict[tuple[str, str], _Keyed] = {}
        for event, fact in events:
            entry = changed.get(event.stream)
            if entry is None:
                known = self._entry(event.stream) or Entry(StreamHead())
                entry = Entry(known.head, dict(known.states), known.keyed)
                changed[event.stream] = entry
            scope = entry.head.scope or event.scope
            entry.head = StreamHead(event.version, event.event_id, scope)
            if fact is None:
                entry.states.clear()
                continue
            for name, state in entry.states.items():
                entry.states[name] = _evolved(self._views[name], state, fact)
            self._evolve_key(entry, fact, keyed)
        for stream, entry in changed.items():
            owner = self._views.owner(stream)
            if owner is not None and owner.timers is not None:
                entry.due = owner.timers.due(entry.states[owner.view.name])
        self._own.update(changed)
        self._keyed.update(keyed)
        self.batch.events.extend(event for event, _ in events)

    def learn_claims(self, holders: Mapping[tuple[str, bytes], str]) -> None:
        """Take in who holds what a command of this batch claims."""
        self._holders.update(holders)

    def holder(self, claim: Claim) -> str | None:
        """Give who holds it as of this batch; None: nobody."""
        return self._holders.get((claim.kind, claim.digest))

    def claim(self, claims: Iterable[Claim]) -> None:
        """Add what nobody holds yet."""
        for claim in claims:
            if self.holder(claim) is None:
                self._holders[claim.kind, claim.digest] = claim.holder
                self.batch.claims.append(claim)

    def erase(self, subjects: Sequence[UUID]) -> None:
        """Let the append delete these persons' texts, those of this batch so far among them."""
        gone = frozenset(subjects)
        self.batch.erased.extend(subjects)
        self.batch.secrets[:] = [one for one in self.batch.secrets if one.subject not in gone]

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
                    self._store(stream, view, "", state, head.version)
            if entry.due is not None:
                self.batch.timers.extend(self._timer_changes(stream, entry))
        self.batch.timers.extend(self._spent())
        for (stream, _), staged in self._keyed.items():
            version = self._own[stream].head.version
            self._store(stream, staged.view, staged.key, staged.state, version)
        return self.batch

    def merge(self) -> None:
        """The batch is in the log: what it wrote is the cache's truth now."""
        for (stream, slot), staged in self._keyed.items():
            self._own[stream].keyed[slot] = staged.state
        for stream, entry in self._own.items():
            if len(entry.keyed) > KEYS_PER_STREAM_MAX:
                entry.keyed.clear()
            self._cache.put(stream, entry)

    def _knows(self, read: Read[Any]) -> bool:
        entry = self._entry(read.stream)
        if entry is None:
            return False
        return read.slot in (entry.states if read.view.key_of is None else entry.keyed)

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
                state = _evolved(view, state, self._views.fact(event))
        return state

    def _catch_up_keyed(self, view: View[Any], item: Loaded) -> None:
        entry = self._own.get(item.stream)
        if entry is None:
            return
        for event in self.batch.events:
            if event.stream == item.stream:
                self._evolve_key(
                    entry, self._views.fact(event), self._keyed, only=view.slot(item.key or "")
                )

    def _evolve_key(
        self, entry: Entry, fact: Fact, keyed: dict[tuple[str, str], _Keyed], only: str = ""
    ) -> None:
        """Follow a fact of a stream whose own view is keyed, in the one state that it changes."""
        owner = self._views.owner(fact.stream)
        if owner is None or owner.view.key_of is None:
            return
        view, key = owner.view, owner.view.key_of(fact)
        slot = view.slot(key)
        if not key or (only and only != slot):
            return
        before = keyed.get((fact.stream, slot)) or self._keyed.get((fact.stream, slot))
        state = entry.keyed[slot] if before is None else before.state
        keyed[fact.stream, slot] = _Keyed(view, key, _evolved(view, state, fact))

    def _store(self, stream: str, view: View[Any], key: str, state: Any, version: int) -> None:
        if not isinstance(state, NewerVersionError):
            text = _ENCODER.encode(state).decode()
            self.batch.states.append(NewState(stream, view.name, view.revision, version, text, key))

    def _timer_changes(self, stream: str, entry: Entry) -> Iterator[TimerChange]:
        """Give the difference between the timers of the stream's state before and after."""
        base = self._pinned(stream)
        before = self._due(stream, base)
        after = entry.due or _NO_TIMERS
        for name in before.keys() - after.keys():
            yield TimerChange(stream, name, None, entry.head.scope)
        for name, due_at in after.items():
            if before.get(name) != due_at:
                yield TimerChange(stream, name, due_at, entry.head.scope)

    def _spent(self) -> list[TimerChange]:
        """Remember what fired and changed nothing, as long as its stream's state names it."""
        changed = {(change.stream, change.name) for change in self.batch.timers}
        spent: list[TimerChange] = []
        for timer in self.batch.fired:
            owner, entry = self._views.owner(timer.stream), self._entry(timer.stream)
            if owner is None or owner.timers is None or entry is None:
                continue
            due = entry.due if timer.stream in self._own else self._due(timer.stream, entry)
            named = (due or _NO_TIMERS).get(timer.name) == timer.due_at
            if named and (timer.stream, timer.name) not in changed:
                spent.append(TimerChange(timer.stream, timer.name, SPENT, entry.head.scope))
        return spent

    def _due(self, stream: str, base: Entry | None) -> Mapping[str, datetime]:
        if base is None:
            return _NO_TIMERS
        if base.due is None:
            owner = self._views.owner(stream)
            assert owner is not None
            assert owner.timers is not None
            base.due = owner.timers.due(base.states[owner.view.name])
        return base.due


@dataclass(frozen=True, slots=True)
class _Keyed:
    """A key's state as of this batch."""

    view: View[Any]
    key: str
    state: Any


def _evolved(view: View[Any], state: Any, fact: Fact) -> Any:
    return state if isinstance(state, NewerVersionError) else view.evolve(state, fact)


class OverlayStates(States):
    """States over an overlay; looking at a stream makes the batch depend on its version."""

    def __init__(self, overlay: Overlay) -> None:
        super().__init__({})
        self._overlay = overlay

    def get(self, stream: str, view: View[Any], key: str = "") -> Any:
        """Give a state, or raise Needs."""
        try:
            return self._overlay.look(stream, view, key)
        except KeyError:
            raise Needs(Read(stream, view, key)) from None
