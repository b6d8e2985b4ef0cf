"""What the writer tells of itself: its metrics and its spans, a line where it works."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterable
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from shared.kit.observability.metrics import REJECTED, Metrics
from shared.kit.observability.tracing import Span, Tracing
from shared.kit.ports import (
    Appended,
    AppendResult,
    Batch,
    ContentRefusedError,
    Fenced,
    LogUnavailableError,
)
from shared.kit.submission import Accepted, Answer, Fault, Refusal, Submission, Unavailable

_REASONS: Final = {
    "overloaded": "queue_full",
    "writer_moving": "not_writer",
    **{reason: reason for reason in REJECTED},
}


class WriterWatch:
    """Counts, times and traces one writer's work."""

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        self._metrics = metrics
        self._tracing = tracing
        self._answers = metrics.commands
        self._public = {
            public: metrics.append_events.labels("yes" if public else "no")
            for public in (True, False)
        }
        self._hits = metrics.state_cache_requests.labels("yes")
        self._misses = metrics.state_cache_requests.labels("no")
        self.busy_s = 0.0

    def answered(self, submission: Submission, answer: Answer) -> Answer:
        """Count an answer, and hand it on."""
        reason = _reason(answer)
        if reason:
            self._metrics.commands_rejected.labels(reason).inc()
        else:
            self._answers.labels(via_of(submission), _outcome(answer)).inc()
        return answer

    def looked(self, asked: int, missing: int) -> None:
        """Count states that were asked for, and those of them that were not in memory."""
        self._hits.inc(asked - missing)
        self._misses.inc(missing)

    @contextmanager
    def busy(self) -> Generator[None]:
        """Add up the time in which the writer is at work."""
        started = perf_counter()
        try:
            yield
        finally:
            self.busy_s += perf_counter() - started

    def retried(self, reason: str) -> None:
        """Count a batch that must be decided again."""
        self._metrics.append_retries.labels(reason).inc()

    def deciding(self, submission: Submission) -> Span:
        """Begin the span of one decision, below the request's (or the source event's)."""
        span = self._tracing.child("decide", submission.traceparent)
        if span:
            span.set(
                command=type(submission.command).__name__,
                command_id=str(submission.command_id),
                correlation_id=str(submission.correlation_id),
                scope=submission.scope,
                via=via_of(submission),
            )
        return span

    async def append(
        self, appending: Awaitable[AppendResult], batch: Batch, traceparents: Iterable[str]
    ) -> AppendResult:
        """Wait for an append; time it, count its events, link it to what is in it."""
        started = perf_counter()
        outcome = "unavailable"
        with self._tracing.batch("append", traceparents) as span:
            if span:
                span.set(receipts=len(batch.receipts), events=len(batch.events))
            try:
                result = await appending
                outcome = _append_outcome(result)
            except ContentRefusedError:
                outcome = "refused"
                raise
            except LogUnavailableError as error:
                self.retried("unknown" if error.unknown else "unavailable")
                raise
            finally:
                self._metrics.append_seconds.labels(outcome).observe(perf_counter() - started)
            if span and isinstance(result, Appended):
                span.set(position=result.base + len(batch.events))
        if outcome == "appended":
            for event in batch.events:
                self._public[event.public].inc()
        return result


def via_of(submission: Submission) -> str:
    """Name the way a command came."""
    if submission.timer is not None:
        return "timer"
    return "http" if submission.caller is not None else "policy"


def _outcome(answer: Answer) -> str:
    match answer:
        case Accepted(replayed=True) | Refusal(replayed=True):
            return "known"
        case Accepted(events=events):
            return "ok" if events else "nothing"
        case Fault():
            return "fault"
        case _:
            return "refused"


def _reason(answer: Answer) -> str | None:
    if isinstance(answer, Unavailable | Refusal):
        return _REASONS.get(answer.code)
    return None


def _append_outcome(result: AppendResult) -> str:
    match result:
        case Appended():
            return "appended"
        case Fenced():
            return "fenced"
        case _:
            return "conflict"
