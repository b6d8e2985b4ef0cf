"""Which class a type on the wire is: parse with it, or learn that the type is not known here."""

from __future__ import annotations

from collections.abc import Iterable

from shared.contracts.envelope import Event


class Registry:
    """The event types that a service knows: its own, private ones included, and those it hears."""

    def __init__(self, events: Iterable[type[Event]]) -> None:
        self._types: dict[str, type[Event]] = {}
        for event in events:
            name = event.type_name()
            if name in self._types:
                message = f"two classes claim the event type {name}"
                raise ValueError(message)
            self._types[name] = event
        self._unversioned = frozenset(unversioned(name) for name in self._types)

    @property
    def types(self) -> tuple[str, ...]:
        """Give every known type name, sorted."""
        return tuple(sorted(self._types))

    def __contains__(self, type_name: str) -> bool:
        return type_name in self._types

    def newer(self, type_name: str) -> bool:
        """Tell whether it is an unknown version of a type that is known."""
        return type_name not in self._types and unversioned(type_name) in self._unversioned

    def parse(self, type_name: str, data: str | bytes) -> Event:
        """Parse stored or heard JSON; unknown fields are ignored (tolerant reader).

        Raises KeyError for an unknown type and pydantic.ValidationError for a broken payload.
        """
        return self._types[type_name].model_validate_json(data, extra="ignore")


def unversioned(type_name: str) -> str:
    """Cut the number off a type's version, so that its versions have one name."""
    return type_name.rstrip("0123456789")
