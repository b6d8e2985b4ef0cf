"""A small domain to measure with: counters in communities, and what another service shows."""

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random
from typing import Any, ClassVar
from uuid import UUID

from prometheus_client import CollectorRegistry

from shared.contracts.envelope import Event
from shared.contracts.registry import Registry
from shared.decider import Asked, Command, Decider, Fact, Read, State, States, To, View
from shared.kit.clock import SystemClock
from shared.kit.deciding import Deciding
from shared.kit.ids import TimeOrderedIds
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import Log
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.submission import Caller, Submission
from shared.kit.views import Views
from shared.kit.writer import Writer, WriterLimits

TALLY, BOARD = "tally", "board"
EPOCH = 1
STREAMS = 20_000
SCOPES = 40

_CALLER = Caller("https://issuer.example", "bench")


class Counted(Event):
    service: ClassVar[str] = TALLY

    counter: str
    amount: int
    unit: str
    category: str
    texts: UUID


class Count(State):
    total: int = 0


class Add(Command):
    scope: str
    counter: str
    amount: int
    texts: str


class Tally(Row):
    scope: str
    counter: str
    total: int
    events: int
    counted_at: datetime


def decide(command: Add, state: Count, states: States, asked: Asked) -> Sequence[To]:
    return (To(stream_of(command.scope, command.counter), counted(command)),)


def evolve(state: Count, fact: Fact) -> Count:
    match fact.event:
        case Counted(amount=amount):
            return Count(total=state.total + amount)
        case _:
            return state


def fold(key: tuple[Any, ...], row: Tally | None, fact: Fact) -> Tally | None:
    match fact.event:
        case Counted(amount=amount):
            return Tally(
                scope=key[0],
                counter=key[1],
                total=(row.total if row else 0) + amount,
                events=(row.events if row else 0) + 1,
                counted_at=fact.occurred_at,
            )
        case _:
            return row


def counted(command: Add) -> Counted:
    return Counted(
        counter=command.counter,
        amount=command.amount,
        unit="unit-of-the-street-office-7",
        category="environment/lighting/street",
        texts=UUID(command.texts),
    )


def stream_of(scope: str, counter: str) -> str:
    return f"{TALLY}/{scope}/{counter}"


COUNT = View("count", 1, Count, Count(), evolve)
DECIDER = Decider("count", COUNT, (Add,), lambda c: stream_of(c.scope, c.counter), decide)
TALLIES = ReadModel(
    name="tallies",
    revision=1,
    row=Tally,
    key=("scope", "counter"),
    keys=lambda fact: ((fact.scope, fact.id),),
    fold=fold,
    events=(Counted,),
)
REGISTRY = Registry((Counted,))


class Everybody:
    """Lets everybody do everything: authority is not what is measured here."""

    def reads(self, submission: Submission) -> Sequence[Read[Any]]:
        return ()

    def authorise(
        self, submission: Submission, states: States, at: datetime, resource: object
    ) -> tuple[str, str]:
        return "resident", "grant"


def writer(log: Log, *, decides: bool = True) -> Writer:
    """Make the kit's writer, as a service does."""
    clock = SystemClock()
    return Writer(
        log=log,
        views=Views((COUNT,), REGISTRY),
        deciding=Deciding(
            deciders=(DECIDER,) if decides else (),
            public_types=frozenset({Counted.type_name()}),
            guard=Everybody(),
            clock=clock,
            ids=TimeOrderedIds(),
        ),
        clock=clock,
        random=Random(1),
        epoch=EPOCH,
        limits=WriterLimits(),
        metrics=Metrics(CollectorRegistry()),
    )


def commands(seed: int, *, streams: int) -> Callable[[], Add]:
    """Give a source of commands over so many streams, drawn evenly."""
    chance, numbers = Random(seed), itertools.count()

    def draw() -> Add:
        number = chance.randrange(streams)
        return Add(
            scope=f"community-{number % SCOPES}",
            counter=f"counter-{number}",
            amount=next(numbers) % 7,
            texts=str(UUID(int=chance.getrandbits(128), version=4)),
        )

    return draw


def submission(command: Add, command_id: UUID) -> Submission:
    """Make what the HTTP edge would hand to the writer."""
    return Submission(
        command_id=command_id,
        fingerprint=command_id.bytes * 2,
        scope=command.scope,
        command=command,
        caller=_CALLER,
        correlation_id=command_id,
        traceparent=f"00-{command_id.hex}-{command_id.hex[16:]}-00",
    )
