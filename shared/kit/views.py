"""The views of a service: stored events folded into states, if this release can read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from shared.contracts.registry import Registry
from shared.decider import Decider, Fact, Read, RefusalKind, Refused, View
from shared.kit.ports import Loaded, NewEvent, Stored, Want


class NewerVersion(Refused):
    """What this depends on was written by a newer release: ask again when this one is replaced."""

    kind = RefusalKind.UNAVAILABLE


class NewerVersionError(Exception):
    """A view meets an event of a type it follows in a version that this release does not know."""


class Views:
    """The views a service reads through, by name; folds stored events into their states.

    `owners` are its aggregates, by the first two parts of their streams' names.
    """

    def __init__(
        self,
        views: Iterable[View[Any]],
        registry: Registry,
        owners: Mapping[str, Decider[Any, Any]] | None = None,
    ) -> None:
        self._registry = registry
        self._views: dict[str, View[Any]] = {}
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self._owners = dict(owners or {})
        for view in views:
            if self._views.setdefault(view.name, view) is not view:
                message = f"two views are named {view.name}"
                raise ValueError(message)
            self._decoders[view.name] = msgspec.json.Decoder(view.state)

    def __getitem__(self, name: str) -> View[Any]:
        return self._views[name]

    def __iter__(self) -> Any:
        return iter(self._views.values())

    def knows(self, type_name: str) -> bool:
        """Tell whether this release can read events of that type."""
        return type_name in self._registry

    @property
    def timed(self) -> tuple[str, ...]:
        """Give the beginnings of the names of all streams that can have timers."""
        return tuple(name for name, one in self._owners.items() if one.timers is not None)

    @property
    def keyed(self) -> Mapping[str, View[Any]]:
        """Give the keyed views, by the beginnings of their streams' names."""
        found = {name: one.view for name, one in self._owners.items()}
        return {name: view for name, view in found.items() if view.key_of is not None}

    def owner(self, stream: str) -> Decider[Any, Any] | None:
        """Give the aggregate that a stream belongs to, if it is one of this service."""
        service, _, rest = stream.partition("/")
        return self._owners.get(f"{service}/{rest.partition('/')[0]}")

    def restore(self, loaded: Loaded) -> Any:
        """Fold the events after the stored state onto it; raise NewerVersionError."""
        view = self._views[loaded.view]
        state = (
            view.initial
            if loaded.state is None
            else self._decoders[loaded.view].decode(loaded.state)
        )
        return self.fold(view, state, loaded.events)

    def fold(self, view: View[Any], state: Any, events: Iterable[Stored], key: str = "") -> Any:
        """Fold stored events; types this release does not know are passed over.

        Where the view is keyed, only those of the key are folded.
        Of a type that it knows in another version it cannot say what the event means to the view:
        raises NewerVersionError.
        """
        for stored in self.readable(events):
            fact = self.fact(stored)
            if view.key_of is None or view.key_of(fact) == key:
                state = view.evolve(state, fact)
        return state

    def readable(self, events: Iterable[Stored]) -> Iterator[Stored]:
        """Give the events of known types; raise NewerVersionError at one of an unknown version."""
        for stored in events:
            if stored.type in self._registry:
                yield stored
            elif self._registry.newer(stored.type):
                raise NewerVersionError(stored.type)

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


def want_of(read: Read[Any]) -> Want:
    """Say what must be loaded to answer a read."""
    key = None if read.view.key_of is None else read.key
    return Want(read.stream, read.view.name, read.view.revision, key)
