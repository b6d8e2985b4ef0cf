"""Needs as tables: a row for each need, for each source in one, and for each event of a need."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from shared.contracts.wishes.needs import (
    NeedClustered,
    NeedConfirmed,
    NeedEnded,
    NeedPrioritised,
    NeedRecorded,
    NeedRetired,
    NeedSeparated,
    SourceJoined,
    SourceLeft,
)
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row


class NeedRow(Row):
    """A need; `score` 0: it has no place in the order. `exit` is empty until it ends.

    `days` are whole days from the recording to the end, `cost_fen` null where it is not known.
    """

    scope: str
    need: str
    category: str
    grid: str
    area: str
    texts: UUID
    state: str
    version: int
    recorded_at: datetime
    sources: int = 0
    score: int = 0
    priority_reason: str = ""
    confirmed_at: datetime | None = None
    exit: str = ""
    ended_at: datetime | None = None
    days: int | None = None
    cost_fen: int | None = None
    reference: UUID | None = None
    decline_reason: str = ""
    retired_at: datetime | None = None


class NeedSourceRow(Row):
    """A source that is part of a need: there is one row for each, and none once it has left."""

    scope: str
    kind: str
    source: UUID
    need: str
    joined_at: datetime


class NeedEventRow(Row):
    """An event of a need; `actor` is the resident who did it, by pseudonym."""

    scope: str
    need: str
    version: int
    event: str
    event_id: str
    occurred_at: datetime
    entered_at: datetime
    actor: str


NEED_EVENTS = (
    NeedRecorded,
    NeedClustered,
    NeedSeparated,
    NeedConfirmed,
    NeedPrioritised,
    NeedEnded,
    NeedRetired,
)


def _need_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    return ((fact.scope, fact.id),)


def fold_need(_key: tuple[Any, ...], row: NeedRow | None, fact: Fact) -> NeedRow | None:
    """Follow one fact; one that the row has already seen changes nothing."""
    if row is None:
        return _recorded(fact) if isinstance(fact.event, NeedRecorded) else None
    if fact.version <= row.version:
        return row
    return replace(_moved(row, fact), version=fact.version)


def _recorded(fact: Fact) -> NeedRow:
    event = fact.event
    assert isinstance(event, NeedRecorded)
    return NeedRow(
        scope=fact.scope,
        need=fact.id,
        category=event.category,
        grid=event.grid,
        area=event.area,
        texts=event.texts,
        state="collected",
        version=fact.version,
        recorded_at=fact.occurred_at,
    )


def _moved(  # noqa: PLR0911 - a table, an arm per event
    row: NeedRow, fact: Fact
) -> NeedRow:
    at = fact.occurred_at
    match fact.event:
        case NeedClustered(sources=sources):
            return _counting(row, row.sources + len(sources))
        case NeedSeparated(sources=sources):
            return _counting(row, row.sources - len(sources))
        case NeedConfirmed():
            return replace(row, state="confirmed", confirmed_at=at)
        case NeedPrioritised(score=score, reason=reason):
            return replace(row, state="prioritised", score=score, priority_reason=reason.value)
        case NeedEnded() as event:
            return _ended(row, event, at)
        case NeedRetired():
            return replace(row, state="retired", retired_at=at)
        case _:
            return row


def _counting(row: NeedRow, sources: int) -> NeedRow:
    state = row.state
    if state in ("collected", "clustered"):
        state = "clustered" if sources else "collected"
    return replace(row, state=state, sources=sources)


def _ended(row: NeedRow, event: NeedEnded, at: datetime) -> NeedRow:
    return replace(
        row,
        state="ended",
        exit=event.exit.value,
        ended_at=at,
        days=event.days,
        cost_fen=event.cost_fen,
        reference=event.reference,
        decline_reason="" if event.reason is None else event.reason.value,
    )


def _source_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    match fact.event:
        case SourceJoined(kind=kind, source=source) | SourceLeft(kind=kind, source=source):
            return ((fact.scope, kind.value, source),)
        case _:
            return ()


def _fold_source(
    _key: tuple[Any, ...], row: NeedSourceRow | None, fact: Fact
) -> NeedSourceRow | None:
    match fact.event:
        case SourceJoined() as event:
            return NeedSourceRow(
                scope=fact.scope,
                kind=event.kind.value,
                source=event.source,
                need=str(event.need),
                joined_at=fact.occurred_at,
            )
        case SourceLeft():
            return None
        case _:
            return row


def _event_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    return ((fact.scope, fact.id, fact.version),)


def _fold_event(_key: tuple[Any, ...], _row: NeedEventRow | None, fact: Fact) -> NeedEventRow:
    return NeedEventRow(
        scope=fact.scope,
        need=fact.id,
        version=fact.version,
        event=fact.event.type_name(),
        event_id=fact.event_id,
        occurred_at=fact.occurred_at,
        entered_at=fact.at,
        actor=fact.actor,
    )


NEEDS = ReadModel(
    name="needs",
    revision=1,
    row=NeedRow,
    key=("scope", "need"),
    keys=_need_keys,
    fold=fold_need,
    events=NEED_EVENTS,
    indexes=(("scope", "score", "need"), ("scope", "exit", "ended_at")),
)
NEED_SOURCES = ReadModel(
    name="need_sources",
    revision=1,
    row=NeedSourceRow,
    key=("scope", "kind", "source"),
    keys=_source_keys,
    fold=_fold_source,
    events=(SourceJoined, SourceLeft),
    indexes=(("scope", "need", "kind", "source"),),
)
NEED_HISTORY = ReadModel(
    name="need_events",
    revision=1,
    row=NeedEventRow,
    key=("scope", "need", "version"),
    keys=_event_keys,
    fold=_fold_event,
    events=NEED_EVENTS,
)
