"""Dead letters: what an operator can do about records that could not become events.

List them; drive them again once what was wrong is put right (here, by a new release that reads
them); or skip them with a reason, which appends `record_skipped` at the missing versions so that
what waits behind can follow. All of it goes through the writer's loop and the rules of hearing,
and each append tells by whose word it was (see `acts`).
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
from shared.kit.acts import (
    CHANNEL,
    LETTER,
    Acts,
    LettersRedriven,
    LettersSkipped,
    NotOpenError,
    Word,
    settled,
)
from shared.kit.cloudevents import HeardEvent, parse
from shared.kit.delivery import Delivery
from shared.kit.heard import BEHIND, HeardPart, Item, Stop, record_of
from shared.kit.ports import Clock, DeadLetter, NewEvent, StreamHead

SKIPPED_TYPE: Final = f"{PREFIX}.kit.record_skipped.v1"
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


class DeadLetters:
    """The operators' verbs on one service's dead letters."""

    def __init__(
        self,
        *,
        source: LetterSource,
        log: Heads,
        delivery: Delivery,
        acts: Acts,
        services: Mapping[str, str],
        clock: Clock,
    ) -> None:
        """Take `services`: the service that each heard topic belongs to."""
        self._source = source
        self._log = log
        self._delivery = delivery
        self._acts = acts
        self._services = services
        self._clock = clock

    async def list_open(self, after: int, limit: int) -> list[OpenLetter]:
        """List open dead letters past an id, in the order they were parked."""
        return await self._source.letters(after, limit)

    async def redrive(self, ids: Sequence[int], word: Word) -> Redriven:
        """Read those records again, in order, and append what can be appended now."""
        found = await self._source.letters_by_id(ids)
        if not found:
            raise NotOpenError
        return await self._redrive(found, word)

    async def skip(self, letter_id: int, word: Word) -> Redriven:
        """Do without a record: fill what it left out, then drive again what waits behind.

        Only a record that waits shows which versions are missing. Where none does, the dead letter
        is closed and nothing fills it: it may never have belonged to the stream.
        The reason is kept in the log for good: at most 200 characters and nothing personal.
        """
        found = await self._source.letters_by_id([letter_id])
        if not found:
            raise NotOpenError
        stream = found[0].letter.stream
        letters = (
            [] if stream is None else await self._source.letters_of(stream, STREAM_LETTERS_MAX)
        )
        behind = [one for one in letters if one.letter.code == BEHIND]
        waiting = self._first_waiting(behind)
        skipped = [letter_id]
        fill: tuple[Item, ...] = ()
        if waiting is not None:
            place, heard = waiting
            fill = await self._fill(found[0].letter, heard, word)
            # Everything broken before the one that waits is filled with it.
            skipped = [
                one.id
                for one in letters
                if one.letter.code != BEHIND and one.letter.record_offset < place.record_offset
            ]
        stops = await self._skip(found[0].letter, skipped, fill, word)
        if stops:
            return Redriven((), stops)
        redriven = await self._redrive(behind, word)
        return Redriven((*skipped, *redriven.settled), redriven.stops)

    async def _skip(
        self, letter: DeadLetter, skipped: Sequence[int], fill: tuple[Item, ...], word: Word
    ) -> tuple[Stop, ...]:
        told = LettersSkipped(
            reason=word.reason, letters=tuple(skipped), stream=letter.stream, filled=len(fill)
        )
        settles = tuple(settled(LETTER, one, "skipped", word) for one in skipped)
        parts = [HeardPart(letter.topic, letter.part, fill, None)] if fill else []
        judged = await self._delivery.deliver(parts, self._acts.act(word, told, settles=settles))
        _log.info("ingest.skipped", stream=letter.stream, letters=skipped)
        return tuple(stop for one in judged for stop in one.stops)

    async def _redrive(self, letters: Sequence[OpenLetter], word: Word) -> Redriven:
        by_place: dict[tuple[str, int], list[OpenLetter]] = {}
        for one in letters:
            by_place.setdefault((one.letter.topic, one.letter.part), []).append(one)
        done: list[int] = []
        stops: list[Stop] = []
        for (topic, part), group in by_place.items():
            ordered = sorted(group, key=lambda one: one.letter.record_offset)
            part_again = HeardPart(
                topic, part, tuple(self._item(one.letter) for one in ordered), None
            )
            told = LettersRedriven(reason=word.reason, letters=tuple(one.id for one in ordered))
            places = {(topic, part, one.letter.record_offset): one.id for one in ordered}
            act = self._acts.act(word, told, redrives=places)
            for judged in await self._delivery.deliver([part_again], act):
                stops.extend(judged.stops)
                done.extend(letter for place, letter in places.items() if place in judged.stored)
        _log.info("ingest.redriven", settled=len(done), asked=len(letters))
        return Redriven(tuple(done), tuple(stops))

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

    async def _fill(self, letter: DeadLetter, waiting: HeardEvent, word: Word) -> tuple[Item, ...]:
        """Make an event for each version missing before the one that waits, as if heard."""
        stream = waiting.event.stream
        head = (await self._log.heads([stream])).get(stream, StreamHead())
        missing = range(head.version + 1, waiting.event.version)
        last_id = waiting.previous_id
        if not missing or last_id is None:
            return ()
        data = json.dumps(
            {
                "reason": word.reason,
                "topic": letter.topic,
                "part": letter.part,
                "offset": letter.record_offset,
            }
        )
        now = self._clock.now()
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
                correlation_id=word.correlation_id,
                data=data,
                public=True,
                actor=word.actor,
                channel=CHANNEL,
                traceparent=word.traceparent,
                source=waiting.event.source,
            )
            heard = HeardEvent(event, previous, position=0, epoch=0, generation=1)
            # Offsets below zero: these records never were on the topic.
            items.append(Item(version - missing.stop, record_of(letter), heard))
            previous = event_id
        return tuple(items)
