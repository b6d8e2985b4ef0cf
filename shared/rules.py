"""The pure words of what happens by itself: policies, effects and runs (architecture, §6).

A policy turns an event, own or heard, into commands; an effect turns an event into something done
outside, and its outcome into a command; a run does one command a page over candidates that a read
model names. Each has a cursor over the log that no rebuild ever moves back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

import msgspec

from shared.contracts.envelope import Event
from shared.decider import Command, Fact, Refused

HOPS_MAX = 16


class Begins(Enum):
    """Where a rule that the log has never seen begins; afterwards its cursor says so."""

    LIVE = "live"
    BEGINNING = "beginning"


@dataclass(frozen=True, slots=True)
class Done:
    """The refusal means that there is nothing left to do."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Nobody foresaw the refusal, or nothing can be done about it: an operator decides."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The refusal may pass: ask again whenever one of the streams has moved on.

    `streams(command)` are own or heard streams. After `within`, on the site clock, the command is
    stuck, or `last(command)` is given in its place.
    """

    streams: Callable[[Any], Sequence[str]]
    within: timedelta
    last: Callable[[Any], Command] | None = None


Reaction = Done | Stuck | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A rule: for an event of `events`, commands of this service, in the event's scope.

    `react` is pure and bounded; of one class it gives at most one command for a target.
    `refusals` names what each expected refusal means; any other is stuck.
    """

    name: str
    events: tuple[type[Event], ...]
    begins: Begins
    react: Callable[[Fact], Sequence[Command]]
    refusals: Mapping[type[Refused], Reaction] = field(
        default_factory=dict[type[Refused], Reaction]
    )

    def reaction(self, code: str) -> Reaction:
        """Say what a refusal of that code means to this policy."""
        for refusal, reaction in self.refusals.items():
            if refusal.code() == code:
                return reaction
        return Stuck()


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done outside: what (`kind`), to whom (`to`), with which ids and figures.

    It holds no personal data: a sink that needs a name or a number asks the vault for it.
    """

    kind: str
    to: str
    scope: str
    body: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it went; `code` says why not, `reference` is what the outside calls it."""

    done: bool
    code: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A deed outside, asked for by an event and told by one: at least once under one key.

    `request(fact)` says what is to be done (None: nothing), by the sink named `sink`;
    `outcome(fact, outcome)` gives the command that tells how it went. Its cursor starts live.
    """

    name: str
    events: tuple[type[Event], ...]
    sink: str
    request: Callable[[Fact], Outside | None]
    outcome: Callable[[Fact, Outcome], Command]


Candidates = Callable[[Any, Fact, str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An effect in pages: from a start event on, one command for each page of candidates.

    `candidates(tables, fact, after, limit)` gives ids past `after` in order, from read models that
    have folded the start event; `command(fact, ids)` is given once for each page. A run that is
    interrupted begins anew: what is done no longer is a candidate, or the command gives nothing.
    """

    name: str
    events: tuple[type[Event], ...]
    candidates: Candidates
    command: Callable[[Fact, Sequence[str]], Command]
    page_max: int = 100


Rule = Policy | Effect | Run
