"""What waits for the writer: commands of people, commands of rules, and heard batches; bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from shared.kit.heard import HeardBatch, HeardResult
from shared.kit.observability.metrics import VIA, Metrics
from shared.kit.submission import Answer, Submission, Unavailable
from shared.kit.writer_watch import via_of


@dataclass(slots=True)
class WaitingCommand:
    """A command and where its answer is awaited."""

    submission: Submission
    answer: asyncio.Future[Answer]
    queued_at: float = field(default_factory=perf_counter)

    @property
    def via(self) -> str:
        """Name the way it came."""
        return via_of(self.submission)

    @property
    def done(self) -> bool:
        """Tell whether it is answered (or nobody waits any more)."""
        return self.answer.done()

    def tell(self, answer: Answer) -> None:
        """Answer it, once."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def refuse(self, why: Unavailable) -> None:
        """Say that it could not be taken now."""
        self.tell(why)


@dataclass(slots=True)
class WaitingHeard:
    """A heard batch and where its result is awaited."""

    batch: HeardBatch
    result: asyncio.Future[HeardResult]
    queued_at: float = field(default_factory=perf_counter)

    @property
    def via(self) -> str:
        """Name the way it came."""
        return "ingest"

    @property
    def done(self) -> bool:
        """Tell whether it is settled (or nobody waits any more)."""
        return self.result.done()

    def tell(self, result: HeardResult) -> None:
        """Settle it, once."""
        if not self.result.done():
            self.result.set_result(result)

    def refuse(self, why: Unavailable) -> None:
        """Say that it could not be taken now."""
        del why
        self.tell(HeardResult.unavailable())


Item = WaitingCommand | WaitingHeard


class Queues:
    """The writer's queues; a batch takes from all that are not empty.

    People have half of a batch for certain, rules the other half; what one leaves the other takes.
    """

    def __init__(self, *, commands_max: int, heard_max: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waits = {via: metrics.writer_queue_wait_seconds.labels(via) for via in VIA}
        self._commands_max = commands_max
        self._heard_max = heard_max
        self._people: deque[WaitingCommand] = deque()
        self._rules: deque[WaitingCommand] = deque()
        self._heard: deque[WaitingHeard] = deque()
        self.filled = asyncio.Event()

    def __bool__(self) -> bool:
        """Tell whether something waits."""
        return bool(self._people or self._rules or self._heard)

    def put(self, submission: Submission) -> asyncio.Future[Answer] | None:
        """Let a command wait; None when its queue is full."""
        queue = self._rules if submission.caller is None else self._people
        if len(queue) >= self._commands_max:
            return None
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        queue.append(WaitingCommand(submission, future))
        self.filled.set()
        return future

    def put_heard(self, batch: HeardBatch) -> asyncio.Future[HeardResult] | None:
        """Let a heard batch wait; None when there are too many."""
        if len(self._heard) >= self._heard_max:
            return None
        future: asyncio.Future[HeardResult] = asyncio.get_running_loop().create_future()
        self._heard.append(WaitingHeard(batch, future))
        self.filled.set()
        return future

    def put_back(self, item: WaitingCommand) -> None:
        """Let a command be the next of its queue."""
        queue = self._rules if item.submission.caller is None else self._people
        queue.appendleft(item)

    def take(self, items_max: int) -> list[Item]:
        """Take one heard batch and as many commands as fit, each queue in arrival order."""
        items: list[Item] = []
        if self._heard:
            items.append(self._heard.popleft())
        room = items_max // 2 if items else items_max
        people = min(len(self._people), max(room // 2, room - len(self._rules)))
        rules = min(len(self._rules), room - people)
        items.extend(self._people.popleft() for _ in range(people))
        items.extend(self._rules.popleft() for _ in range(rules))
        self._metrics.writer_batch_commands.observe(len(items))
        now = perf_counter()
        for item in items:
            self._waits[item.via].observe(now - item.queued_at)
        return items

    def show(self) -> None:
        """Show how many wait, and how long the oldest has."""
        now = perf_counter()
        for via, queue in (
            ("http", self._people),
            ("policy", self._rules),
            ("ingest", self._heard),
        ):
            oldest_s = now - queue[0].queued_at if queue else 0.0
            self._metrics.writer_queue_depth.labels(via).set(len(queue))
            self._metrics.writer_queue_oldest_seconds.labels(via).set(oldest_s)

    def empty(self, why: Unavailable) -> None:
        """Refuse everything that still waits."""
        queues: Sequence[deque[WaitingCommand] | deque[WaitingHeard]] = (
            self._people,
            self._rules,
            self._heard,
        )
        for queue in queues:
            while queue:
                queue.popleft().refuse(why)
