"""Dead letters: what an operator can do about records that could not become events.

List them; drive them again once what was wrong is put right (here, by a new release that reads
them); or skip them with a reason, which appends `record_skipped` at the missing versions so that
what waits behind can follow. All of it goes through the writer's loop and the rules of hearing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import uuid5

import structlog

from shared.contracts.envelope import PREFIX
from shared.kit.cloudevents import HeardEvent, parse
from shared.kit.delivery import Delivery
from shared.kit.heard import BEHIND, HeardPart, Item, Outcome, Stop, record_of
from shared.kit.ports import Clock, DeadLetter, Ids, NewEvent, StreamHead

SKIPPED_TYPE: Final = f"{PREFIX}.kit.record_skipped.v1"
REASON_CHARS_MAX: Final = 200
STREAM_LETTERS_MAX: Final = 10_000

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenLetter:
    """A dead letter that nobody has settled."""

    id: int
    parked_at: datetime
    letter: DeadLetter


class LetterSource(Protocol):
    """Where dead letters are kept; raises LogUnavailableError."""

    async def letters(self, after: int, limit: int) -> list[OpenLetter]:
        """List open dead letters past an id, in the order they were parked."""
        ...

    async def letters_by_id(self, ids: Sequence[int]) -> list[OpenLetter]:
        """Give those open dead letters, in the order they were parked."""
        ...

    async def letters_of(self, stream: str, limit: int) -> list[OpenLetter]:
        """Give the open dead letters of a stream, in the order they were parked."""
        ...

    async def settle(self, ids: Sequence[int], how: str) -> None:
        """Close dead letters: `redriven` or `skipped`."""
        ...


class Heads(Protocol):
    """The part of the log that skipping needs."""

    async def heads(self, streams: Sequence[str]) -> dict[str, StreamHead]:
        """Give the head of each stream; streams that do not exist are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Redriven:
    """Which dead letters are settled now, and what stopped the others from being judged."""

    settled: tuple[int, ...]
    stops: tuple[Stop, ...]


class NotOpenError(Exception):
    """There is no open dead letter with that id."""


class DeadLetters:
    """The operators' verbs on one service's dead letters."""

    def __init__(
        self,
        *,
        source: LetterSource,
        log: Heads,
        delivery: Delivery,
        services: Mapping[str, str],
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take `services`: the service that each heard topic belongs to."""
        self._source = source
        self._log = log
        self._delivery = delivery
        self._services = services
        self._clock = clock
        self._ids = ids

    async def list_open(self, after: int, limit: int) -> list[OpenLetter]:
        """List open dead letters past an id, in the order they were parked."""
        return await self._source.letters(after, limit)

    async def redrive(self, ids: Sequence[int]) -> Redriven:
        """Read those records again, in order, and append what can be appended now."""
        return await self._redrive(await self._source.letters_by_id(ids))

    async def skip(self, letter_id: int, *, reason: str, actor: str) -> Redriven:
        """Do without a record: fill what it left out, then drive again what waits behind.

        Only a record that waits shows which versions are missing. Where none does, the dead letter
        is closed and nothing is appended: it may never have belonged to the stream.
        `reason` is kept in the log for good: at most 200 characters and nothing personal.
        """
        found = await self._source.letters_by_id([letter_id])
        if not found:
            raise NotOpenError(f"no open dead letter {letter_id}")
        stream = found[0].letter.stream
        letters = (
            [] if stream is None else await self._source.letters_of(stream, STREAM_LETTERS_MAX)
        )
        behind = [one for one in letters if one.letter.code == BEHIND]
        waiting = self._first_waiting(behind)
        skipped = [letter_id]
        if waiting is not None:
            place, heard = waiting
            stops = await self._fill(found[0].letter, heard, reason=reason, actor=actor)
            if stops:
                return Redriven((), stops)
            # Everything broken before the one that waits is filled now.
            skipped = [
                one.id
                for one in letters
                if one.letter.code != BEHIND and one.letter.record_offset < place.record_offset
            ]
        await self._source.settle(skipped, "skipped")
        _log.info("ingest.skipped", stream=stream, letters=skipped)
        redriven = await self._redrive(behind)
        return Redriven((*skipped, *redriven.settled), redriven.stops)

    async def _redrive(self, letters: Sequence[OpenLetter]) -> Redriven:
        by_place: dict[tuple[str, int], list[OpenLetter]] = {}
        for one in letters:
            by_place.setdefault((one.letter.topic, one.letter.part), []).append(one)
        settled: list[int] = []
        stops: list[Stop] = []
        for (topic, part), group in by_place.items():
            ordered = sorted(group, key=lambda one: one.letter.record_offset)
            items = tuple(self._item(one.letter) for one in ordered)
            for judged in await self._delivery.deliver([HeardPart(topic, part, items, None)]):
                stops.extend(judged.stops)
                settled.extend(
                    one.id
                    for one in ordered
                    if judged.outcomes.get((topic, part, one.letter.record_offset)) in _SETTLED
                )
        await self._source.settle(settled, "redriven")
        _log.info("ingest.redriven", settled=len(settled), asked=len(letters))
        return Redriven(tuple(settled), tuple(stops))

    def _item(self, letter: DeadLetter) -> Item:
        record = record_of(letter)
        what = parse(record, service=self._services[letter.topic])
        return Item(letter.record_offset, record, what)

    def _first_waiting(self, behind: Sequence[OpenLetter]) -> tuple[DeadLetter, HeardEvent] | None:
        """Find the earliest version that waits behind a dead letter."""
        waiting = [
            (one.letter, what)
            for one in behind
            if isinstance(what := self._item(one.letter).what, HeardEvent)
        ]
        return min(waiting, key=lambda pair: pair[1].event.version, default=None)

    async def _fill(
        self, letter: DeadLetter, waiting: HeardEvent, *, reason: str, actor: str
    ) -> tuple[Stop, ...]:
        """Append an event for each version missing before the one that waits, as if heard."""
        stream = waiting.event.stream
        head = (await self._log.heads([stream])).get(stream, StreamHead())
        missing = range(head.version + 1, waiting.event.version)
        last_id = waiting.previous_id
        if not missing or last_id is None:
            return ()
        data = json.dumps(
            {
                "reason": reason.replace("\0", "")[:REASON_CHARS_MAX],
                "topic": letter.topic,
                "part": letter.part,
                "offset": letter.record_offset,
            }
        )
        now = self._clock.now()
        correlation_id = self._ids.new()
        previous = head.last_event_id
        items: list[Item] = []
        for version in missing:
            # The last one takes the true id, which the waiting record names.
            event_id = last_id if version == missing[-1] else uuid5(last_id, str(version))
            event = NewEvent(
                stream=stream,
                version=version,
                event_id=event_id,
                type=SKIPPED_TYPE,
                scope=head.scope or waiting.event.scope,
                occurred_at=now,
                at=now,
                correlation_id=correlation_id,
                data=data,
                public=True,
                actor=actor,
                channel="operator",
                source=waiting.event.source,
            )
            heard = HeardEvent(event, previous, position=0, epoch=0, generation=1)
            # Offsets below zero: these records never were on the topic.
            items.append(Item(version - missing.stop, record_of(letter), heard))
            previous = event_id
        part = HeardPart(letter.topic, letter.part, tuple(items), None)
        return tuple(stop for one in await self._delivery.deliver([part]) for stop in one.stops)


_SETTLED: Final = (Outcome.APPENDED, Outcome.KNOWN, Outcome.HEARTBEAT)
