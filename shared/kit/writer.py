"""The writer: one loop that decides, appends once, and answers (ADR 2, 3).

Commands and heard batches wait in bounded queues. A round takes up to N of them, loads what it
lacks, decides in arrival order on an overlay, appends the whole batch as one statement, merges the
overlay and answers. Nobody is answered before the batch their answer depends on is in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog

from shared.decider import Needs
from shared.kit.crash import armed, crash_point
from shared.kit.deciding import Decided, Deciding, replay
from shared.kit.heard import HeardBatch, HeardResult, Judged, judge, needed_versions
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import NO_TRACING, Tracing
from shared.kit.overlay import Cache, Overlay
from shared.kit.ports import (
    Appended,
    AppendResult,
    Clock,
    Closed,
    Conflict,
    ContentRefusedError,
    Fenced,
    Gone,
    Known,
    KnownReceipt,
    Log,
    LogUnavailableError,
    Moved,
    Random,
    StreamHead,
)
from shared.kit.queues import Item, Queues, WaitingCommand, WaitingHeard
from shared.kit.submission import Answer, Fault, Submission, Unavailable
from shared.kit.views import Views
from shared.kit.writer_watch import WriterWatch

_log: Final = structlog.get_logger()

OVERLOADED: Final = Unavailable("overloaded", "Too many commands are waiting; try again.")
NOT_WRITER: Final = Unavailable("writer_moving", "The writer is moving to another replica.")
LOG_AWAY: Final = Unavailable("log_unavailable", "The log cannot be reached; try again.")
TIMER_GONE: Final = Fault("timer_gone", "The timer was called off or has fired.", 409)
CONTENDED: Final = Unavailable("contended", "The log kept moving under this command; try again.")


class FencedError(Exception):
    """A later epoch writes this log: this process is no longer the writer."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Every bound of the loop; `give_up_after_s` is how long a passing fault is waited out."""

    batch_max: int = 256
    queue_max: int = 4096
    heard_queue_max: int = 4
    cache_streams_max: int = 50_000
    needs_rounds_max: int = 6
    conflict_rounds_max: int = 3
    give_up_after_s: float = 5.0


@dataclass(slots=True)
class _Round:
    """One attempt at a batch: its overlay and what everyone is told once it is in the log."""

    overlay: Overlay
    decided: list[tuple[WaitingCommand, Decided]] = field(
        default_factory=list[tuple[WaitingCommand, Decided]]
    )
    judged: list[tuple[WaitingHeard, Judged]] = field(
        default_factory=list[tuple[WaitingHeard, Judged]]
    )


class Writer:
    """Leads one service's log for one epoch."""

    def __init__(
        self,
        *,
        log: Log,
        views: Views,
        deciding: Deciding,
        clock: Clock,
        random: Random,
        epoch: int,
        limits: WriterLimits,
        metrics: Metrics,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._log = log
        self._views = views
        self._deciding = deciding
        self._clock = clock
        self._random = random
        self._limits = limits
        self._metrics = metrics
        self.watch = WriterWatch(metrics, tracing)
        self._cache = Cache(limits.cache_streams_max)
        self._queues = Queues(
            commands_max=limits.queue_max, heard_max=limits.heard_queue_max, metrics=metrics
        )
        self._closed = False
        self.epoch = epoch
        self._ears: list[asyncio.Event] = []

    def ear(self) -> asyncio.Event:
        """Give an event that is set after each append; whoever waits for it clears it."""
        grew = asyncio.Event()
        self._ears.append(grew)
        return grew

    async def submit(self, submission: Submission) -> Answer:
        """Queue a command and wait for its answer."""
        if self._closed:
            return self.watch.answered(submission, NOT_WRITER)
        answer = self._queues.put(submission)
        return self.watch.answered(submission, OVERLOADED if answer is None else await answer)

    async def heard(self, batch: HeardBatch) -> HeardResult:
        """Queue a batch heard from Kafka and wait until it is in the log (or was refused)."""
        result = None if self._closed else self._queues.put_heard(batch)
        return HeardResult.unavailable() if result is None else await result

    async def run(self) -> None:
        """Lead until cancelled; raise FencedError when another writer has taken over."""
        try:
            while True:
                await self._queues.filled.wait()
                items = self._queues.take(self._limits.batch_max)
                if not items:
                    self._queues.filled.clear()
                    continue
                with self.watch.busy():
                    await self._settle(items)
        finally:
            self.close()

    def show(self) -> None:
        """Show what waits and what is remembered."""
        self._queues.show()
        self._metrics.state_cache_entries.set(len(self._cache))

    async def drain(self) -> None:
        """Stop taking new work and wait until what is queued was answered."""
        self._closed = True
        while self._queues:
            await self._clock.sleep(0.005)

    def close(self) -> None:
        """Refuse everything that still waits: the next writer will hear it again."""
        self._closed = True
        self._queues.empty(NOT_WRITER)

    async def _settle(self, items: Sequence[Item]) -> None:
        """Bring every item to its answer, also when the writer ends in the middle of it."""
        try:
            await self._try_until_settled(self._set_twins_aside(items))
        except BaseException:
            _refuse(items, NOT_WRITER)
            raise

    async def _try_until_settled(self, items: Sequence[Item]) -> None:
        """Attempt again on conflict and while the log is away, in halves on bad content."""
        give_up_at = asyncio.get_running_loop().time() + self._limits.give_up_after_s
        conflicts = 0
        attempt = 0
        while items:
            try:
                contended = await self._attempt(items)
            except ContentRefusedError as error:
                await self._halve(items, error)
                return
            except LogUnavailableError as error:
                self._cache.clear()
                attempt += 1
                _log.warning("writer.append_failed", error=str(error), attempt=attempt)
                if asyncio.get_running_loop().time() > give_up_at:
                    _refuse(items, LOG_AWAY)
                    return
                await self._clock.sleep(
                    self._random.uniform(0.5, 1.0) * min(1.0, 0.05 * 2**attempt)
                )
                continue
            if not contended:
                return
            conflicts += 1
            self.watch.retried("conflict")
            if conflicts >= self._limits.conflict_rounds_max:
                _refuse(items, CONTENDED)
                return

    def _set_twins_aside(self, items: Sequence[Item]) -> list[Item]:
        """Let a second command under an id wait for the next round, where a receipt exists."""
        seen: set[UUID] = set()
        kept: list[Item] = []
        for item in items:
            if isinstance(item, WaitingCommand):
                command_id = item.submission.command_id
                if command_id in seen:
                    self._queues.put_back(item)
                    continue
                seen.add(command_id)
            kept.append(item)
        return kept

    async def _halve(self, items: Sequence[Item], error: ContentRefusedError) -> None:
        """Find the item whose content the log refuses, in arrival order; the others go on."""
        if len(items) > 1:
            self._metrics.append_bisects.inc()
            middle = len(items) // 2
            await self._settle(items[:middle])
            await self._settle(items[middle:])
            return
        item = items[0]
        _log.warning("writer.content_refused", reason=str(error))
        if isinstance(item, WaitingCommand):
            text = "The content holds something that cannot be stored."
            item.tell(Fault("content_refused", text, 422))
        else:
            item.tell(HeardResult.content_refused(str(error)))

    async def _attempt(self, items: Sequence[Item]) -> bool:
        """Decide and append once; True when the batch must be decided again."""
        round_ = _Round(Overlay(self._cache, self._views))
        waiting = [item for item in items if not item.done]
        with self._metrics.writer_decide_seconds.time():
            receipts = await self._load(round_.overlay, waiting)
            for item in waiting:
                if isinstance(item, WaitingHeard):
                    await self._judge(item, round_)
                else:
                    with self.watch.deciding(item.submission):
                        await self._decide(item, receipts, round_)
        batch = round_.overlay.close()
        crash_point("writer.decided")
        if batch.empty:
            self._answer(round_, base=(await self._log.head())[0])
            return False
        return await self._append(round_)

    async def _append(self, round_: _Round) -> bool:
        result = await self._send(round_)
        match result:
            case Appended(base=base):
                crash_point("writer.appended")
                round_.overlay.merge()
                self._answer(round_, base)
                for grew in self._ears:
                    grew.set()
                return False
            case Fenced():
                raise FencedError
            case Known():
                self._cache.clear()
            case Conflict(streams=streams):
                self._cache.forget(streams)
            case Gone(timers=timers):
                _tell_gone(round_, frozenset(timers))
            case Closed(settled=settled):
                _tell_closed(round_, settled)
            case Moved(partitions=partitions):
                for item, _ in round_.judged:
                    item.tell(HeardResult.moved(partitions))
        _log.warning("writer.contended", result=repr(result)[:500])
        return True

    async def _send(self, round_: _Round) -> AppendResult:
        batch = round_.overlay.batch
        point = "ingest.appending" if batch.offsets else "writer.appending"
        if armed(point):
            task = asyncio.ensure_future(self._log.append(self.epoch, batch))
            await asyncio.sleep(0.001)
            crash_point(point)
            return await task
        appending = self._log.append(self.epoch, batch)
        return await self.watch.append(appending, batch, _traceparents(round_))

    async def _load(self, overlay: Overlay, items: Sequence[Item]) -> dict[UUID, KnownReceipt]:
        submissions = [item.submission for item in items if isinstance(item, WaitingCommand)]
        reads = [read for submission in submissions for read in self._deciding.reads(submission)]
        wants = overlay.missing(reads)
        self.watch.looked(len(reads), len(wants))
        commands = [submission.command_id for submission in submissions]
        if not wants and not commands:
            return {}
        loaded, receipts = await self._log.load(wants, commands)
        overlay.learn(loaded)
        claimed = [(c.kind, c.digest) for submission in submissions for c in submission.claims]
        if claimed:
            overlay.learn_claims(await self._log.claims(claimed))
        return receipts

    async def _decide(
        self, item: WaitingCommand, receipts: dict[UUID, KnownReceipt], round_: _Round
    ) -> None:
        known = receipts.get(item.submission.command_id)
        if known is not None:
            item.tell(replay(known, item.submission))
            return
        for _ in range(self._limits.needs_rounds_max):
            try:
                decided = self._deciding.decide(item.submission, round_.overlay)
            except Needs as needs:
                wants = round_.overlay.missing(needs.reads)
                loaded, _ = await self._log.load(wants, ())
                round_.overlay.learn(loaded)
            except Exception:  # noqa: BLE001 - the loop must survive a rule's bug
                # A bug in a rule costs this command alone; the others of the batch go on.
                command = type(item.submission.command).__name__
                _log.exception("writer.rule_failed", command=command)
                self._metrics.faults.labels("rule").inc()
                item.tell(Fault("rule_failed", "A rule failed on this command."))
                return
            else:
                round_.decided.append((item, decided))
                return
        _log.error("writer.rule_stopped", command=type(item.submission.command).__name__)
        item.tell(Fault("rule_failed", "A rule asked for too much."))

    async def _judge(self, item: WaitingHeard, round_: _Round) -> None:
        overlay = round_.overlay
        streams = item.batch.streams
        unknown = [stream for stream in streams if overlay.head(stream) is None]
        if unknown:
            overlay.learn_heads(unknown, await self._log.heads(unknown))
        heads = {stream: head for stream in streams if (head := overlay.head(stream))}
        versions = needed_versions(item.batch, heads)
        stored = await self._log.stored_ids(versions) if versions else {}
        judged = judge(item.batch, heads, stored)
        overlay.stage([(event, None) for event in judged.events])
        overlay.batch.offsets.extend(judged.offsets)
        overlay.batch.dead_letters.extend(judged.dead_letters)
        act = item.batch.act
        # What an act settles for certain it does not when its own records had to stop.
        if act is not None and not (act.settles and judged.stops):
            told, settled = act.tell(judged.stored, overlay.head(act.stream) or StreamHead())
            overlay.stage([(told, None)])
            overlay.batch.settled.extend(settled)
        round_.judged.append((item, judged))

    def _answer(self, round_: _Round, base: int) -> None:
        for item, decided in round_.decided:
            item.tell(decided.answer(self.epoch, base))
        for heard, judged in round_.judged:
            heard.tell(HeardResult.stored(judged))


def _tell_gone(round_: _Round, timers: frozenset[tuple[str, str]]) -> None:
    for item, _ in round_.decided:
        timer = item.submission.timer
        if timer is not None and (timer.stream, timer.name) in timers:
            item.tell(TIMER_GONE)


def _tell_closed(round_: _Round, settled: frozenset[tuple[str, int]]) -> None:
    for item, _ in round_.judged:
        if item.batch.act is not None and item.batch.act.touches(settled):
            item.tell(HeardResult.closed())


def _traceparents(round_: _Round) -> Iterator[str]:
    """Name the spans of what an append brings into the log."""
    for item, _ in round_.decided:
        yield item.submission.traceparent
    for _, judged in round_.judged:
        for event in judged.events:
            yield event.traceparent


def _refuse(items: Sequence[Item], why: Unavailable) -> None:
    for item in items:
        item.refuse(why)
