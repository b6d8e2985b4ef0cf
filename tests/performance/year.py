"""A year of a district's requests, made up from a seed: whole lives, in the order of their time.

Every stream is one that the deciders could have written, and what units hold follows the requests.
A year ends now: who still waits has a timer that is not due, or was escalated when it was.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar
from uuid import UUID

from services.wishes.language import LoadReleased, LoadTaken, workload_stream
from shared.contracts.envelope import Event
from shared.contracts.wishes import (
    CallbackDue,
    CallbackRecorded,
    ClockPaused,
    ClockResumed,
    CloseReason,
    ConfirmationAwaited,
    DeadlineSet,
    EscalatedBy,
    InfoAsked,
    InfoGiven,
    PauseReason,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestEscalated,
    RequestKind,
    RequestReceived,
    RequestReminded,
    RequestReopened,
    RequestReturned,
    RequestTransferred,
    ReturnReason,
    ReviewConcluded,
    ReviewFinding,
    ReviewOpened,
    ReviewReason,
    Rung,
    TransferReason,
    request_stream,
)
from shared.contracts.wishes.deadlines import Priority

T = TypeVar("T")

EVENTS_PER_REQUEST = 11.5  # about; of what is in the log when the year ends

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_TERMS = {Priority.NORMAL: 15, Priority.URGENT: 5, Priority.EMERGENCY: 1}
_LEVELS = ("community-board", "street-office")
_KINDS = {
    RequestKind.ENQUIRY: 25,
    RequestKind.OPINION: 15,
    RequestKind.COMPLAINT: 20,
    RequestKind.PROBLEM: 40,
}
_CATEGORIES = {
    "environment/refuse": 22,
    "environment/lighting": 14,
    "traffic/parking": 18,
    "neighbours/noise": 11,
    "buildings/elevators": 9,
    "buildings/leaks": 8,
    "property/fees": 7,
    "care/elderly": 5,
    "safety/fire": 4,
    "uncategorised": 2,
}
_UNITS = tuple(f"unit-{number}" for number in range(12))
_AREAS = tuple(f"area-{number}" for number in range(20))


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, when it happened, in which stream and by whom."""

    at: datetime
    stream: str
    scope: str
    event: Event
    actor: str


def year(seed: int, *, scopes: Sequence[str], until: datetime, events: int) -> Iterator[Happening]:
    """Give about so many events of the year up to `until`, requests coming in evenly."""
    chance, numbers = Random(seed), itertools.count()
    waiting: list[tuple[datetime, int, Happening]] = []
    requests = max(1, int(events / EVENTS_PER_REQUEST))
    for number in range(requests):
        received_at = until - 365 * _DAY * (requests - number) / requests
        while waiting and waiting[0][0] <= received_at:
            yield heapq.heappop(waiting)[2]
        life = _Life(chance, scopes[number % len(scopes)], received_at)
        life.live()
        for happening in life.told:
            heapq.heappush(waiting, (happening.at, next(numbers), happening))
    while waiting and waiting[0][0] <= until:
        yield heapq.heappop(waiting)[2]


@dataclass(slots=True)
class _Life:
    """One request, told from its receipt to its end, however far that is."""

    chance: Random
    scope: str
    at: datetime
    told: list[Happening] = field(default_factory=list[Happening])
    request: UUID = field(init=False)
    unit: str = field(init=False)
    accountable: str = ""
    due_at: datetime = field(init=False)
    remind_at: datetime | None = None
    ladder: tuple[Rung, ...] = ()

    def __post_init__(self) -> None:
        self.request, self.unit = self._id(), self.chance.choice(_UNITS)

    def live(self) -> None:
        kind = self._drawn(_KINDS)
        self._receive(kind)
        self._wait(2 * _HOUR)
        if self._happens(0.03):
            self._tell(RequestReturned(request=self.request, reason=ReturnReason.NOT_OURS))
            return
        priority = self._drawn({Priority.NORMAL: 80, Priority.URGENT: 17, Priority.EMERGENCY: 3})
        self._tell(RequestAccepted(request=self.request, priority=priority))
        self._set_deadline(0, priority)
        self._wait(4 * _HOUR)
        if kind is RequestKind.ENQUIRY and self._happens(0.6):
            self._answer(0, handled=False)
        else:
            self._dispatch()
            self._handle(0)
        if self._confirmed(0) and self._happens(0.03):
            self._reopen(priority)

    def _receive(self, kind: RequestKind) -> None:
        self._tell(
            RequestReceived(
                request=self.request,
                kind=kind,
                category=self._drawn(_CATEGORIES),
                category_policy=1,
                area=self.chance.choice(_AREAS),
                requester=self._id(),
                texts=self._id(),
            )
        )

    def _dispatch(self) -> None:
        self.accountable = self.unit
        self._tell(RequestDispatched(request=self.request, unit=self.unit))
        self._take()
        for hop in itertools.count(1):
            if not self._happens(0.12):
                return
            self._wait(3 * _HOUR)
            before, self.unit = self.unit, self.chance.choice(_UNITS)
            if before == self.unit:
                return
            transferred = RequestTransferred(
                request=self.request,
                from_unit=before,
                to_unit=self.unit,
                accountable=self.accountable,
                reason=TransferReason.NOT_COMPETENT,
                hop=hop,
            )
            self._tell(transferred)
            self._release(before)
            self._take()

    def _handle(self, number: int) -> None:
        """Ask, be reminded and go up, all while the clock runs, and answer at last."""
        term = self.due_at - self.at
        if self._happens(0.15):
            self._ask()
        answered_at = self.at + term * self.chance.expovariate(2.2)
        if self.remind_at is not None and self.remind_at < answered_at:
            self.at = max(self.at, self.remind_at)
            self._tell(
                RequestReminded(request=self.request, unit=self.unit, due_at=self.due_at), rule=True
            )
        for rung in self.ladder:
            if rung.at < answered_at:
                self.at = max(self.at, rung.at)
                escalated = RequestEscalated(
                    request=self.request,
                    level=rung.level,
                    to=rung.to,
                    by=EscalatedBy.DEADLINE,
                    accountable=self.accountable,
                    due_at=rung.at,
                )
                self._tell(escalated, rule=True)
        self.at = max(self.at, answered_at)
        self._answer(number, handled=True)

    def _ask(self) -> None:
        self._wait(2 * _HOUR)
        self._tell(InfoAsked(request=self.request, unit=self.unit, texts=self._id()))
        runs_at = self.at + 10 * _DAY
        reason = PauseReason.REQUESTER_ASKED
        self._tell(ClockPaused(request=self.request, reason=reason, runs_at=runs_at))
        days = self.chance.randrange(1, 5)
        self.at += days * _DAY
        self._tell(InfoGiven(request=self.request, texts=self._id()))
        moved = days * _DAY
        self.due_at += moved
        if self.remind_at is not None:
            self.remind_at += moved
        self.ladder = tuple(
            Rung(level=rung.level, to=rung.to, at=rung.at + moved) for rung in self.ladder
        )
        self._tell(
            ClockResumed(
                request=self.request,
                working_days=days,
                due_at=self.due_at,
                remind_at=self.remind_at,
                ladder=self.ladder,
            )
        )

    def _answer(self, number: int, *, handled: bool) -> None:
        self._tell(
            RequestAnswered(
                request=self.request,
                unit=self.unit,
                texts=self._id(),
                dated=not self._happens(0.02),
                round=number,
            )
        )
        if handled:
            self._release(self.unit)

    def _confirmed(self, number: int) -> bool:
        """Be called back, or not; tell whether the requester said anything."""
        call_back_at, close_at = self.at + _DAY, self.at + 8 * _DAY
        awaited = ConfirmationAwaited(
            request=self.request,
            round=number,
            policy=1,
            call_back_at=call_back_at,
            close_at=close_at,
        )
        self._tell(awaited)
        self.at = call_back_at
        self._tell(CallbackDue(request=self.request, round=number), rule=True)
        reached = self._happens(0.85)
        if not reached:
            self.at = close_at
            self._close(number, unconfirmed=True)
            return False
        self._wait(6 * _DAY)
        solved, satisfied = self._happens(0.9), self.chance.choice((2, 3, 4, 4, 5, 5, 5))
        said = CallbackRecorded(
            request=self.request, round=number, contacted=True, solved=solved, satisfied=satisfied
        )
        self._tell(said)
        self._close(number, unconfirmed=False)
        if not solved:
            reason, finding = ReviewReason.NOT_SOLVED, ReviewFinding.INSUFFICIENT
            self._tell(ReviewOpened(request=self.request, round=number, reason=reason))
            self._wait(2 * _DAY)
            self._tell(ReviewConcluded(request=self.request, round=number, finding=finding))
        return True

    def _close(self, number: int, *, unconfirmed: bool) -> None:
        self._tell(
            RequestClosed(
                request=self.request,
                reason=CloseReason.ANSWERED,
                unconfirmed=unconfirmed,
                round=number,
            ),
            rule=unconfirmed,
        )

    def _reopen(self, priority: Priority) -> None:
        self._wait(3 * _DAY)
        self._tell(RequestReopened(request=self.request, round=1, unit=self.unit, texts=self._id()))
        self._take()
        self._set_deadline(1, priority)
        self._handle(1)
        self._confirmed(1)

    def _set_deadline(self, number: int, priority: Priority) -> None:
        days = _TERMS[priority]
        self.due_at, self.remind_at = self.at + days * _DAY, self.at + days * _DAY / 2
        self.ladder = tuple(
            Rung(level=level, to=to, at=self.due_at + 5 * (level - 1) * _DAY)
            for level, to in enumerate(_LEVELS, start=1)
        )
        self._tell(
            DeadlineSet(
                request=self.request,
                district="demo-district",
                round=number,
                policy=1,
                calendar=1,
                working_days=days,
                due_at=self.due_at,
                remind_at=self.remind_at,
                ladder=self.ladder,
                priority=priority,
            )
        )

    def _take(self) -> None:
        taken = LoadTaken(unit=self.unit, request=self.request)
        self._tell(taken, stream=workload_stream(self.scope))

    def _release(self, unit: str) -> None:
        released = LoadReleased(unit=unit, request=self.request)
        self._tell(released, stream=workload_stream(self.scope))

    def _tell(self, event: Event, *, stream: str = "", rule: bool = False) -> None:
        actor = "" if rule else f"resident-{self.chance.randrange(500)}"
        into = stream or request_stream(self.request)
        self.told.append(Happening(self.at, into, self.scope, event, actor))

    def _wait(self, at_most: timedelta) -> None:
        self.at += at_most * self.chance.random()

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share

    def _drawn(self, weights: dict[T, int]) -> T:
        return self.chance.choices(list(weights), list(weights.values()))[0]

    def _id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)
