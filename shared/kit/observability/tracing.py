"""Traces: our own few spans, from an HTTP request over the log and Kafka into the next tables.

A request's span continues the caller's trace or begins one, and the events that it leads to carry
its `traceparent`; so whatever happens to them later, here or elsewhere, names it: `decide` is its
child, and what is done for many at once (`append`, `send`, `ingest`, `fold`) links to each. What
no sampled request led to makes no span. Attributes are ids, scopes, types and counts; an exception
is its type alone, because its message may quote personal data.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from itertools import islice
from types import TracebackType
from typing import Final, Self

from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from shared.kit.ports import Ids

LINKS_MAX: Final = 128

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_CHARS: Final = 55
_SAMPLED_DIGITS: Final = frozenset("13579bdf")

Attribute = str | int | bool


class Span:
    """A span under way; one that is not recorded is false, so nothing need be found out for it."""

    __slots__ = ("_span",)

    def __init__(self, span: OtelSpan | None) -> None:
        self._span = span

    def __bool__(self) -> bool:
        return self._span is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        places: TracebackType | None,
    ) -> None:
        if self._span is None:
            return
        if kind is not None:
            self.fail(kind.__name__)
        self._span.end()

    def set(self, **attributes: Attribute) -> None:
        """Add attributes; `stream_count=3` becomes `cogov.stream_count`."""
        if self._span is not None:
            for name, value in attributes.items():
                self._span.set_attribute(f"cogov.{name}", value)

    def set_standard(self, attributes: dict[str, Attribute]) -> None:
        """Add attributes by names of the semantic conventions."""
        if self._span is not None:
            for name, value in attributes.items():
                self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Give the span its name, now that it is known."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, code: str) -> None:
        """Say that what it stands for failed, by a stable code or an exception's type."""
        if self._span is not None:
            self._span.set_attribute("error.type", code)
            self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End it."""
        if self._span is not None:
            self._span.end()


_NOTHING: Final = Span(None)


class Tracing:
    """Begins spans. Without a tracer traces are handed on, and nothing is recorded.

    `ratio` is the share of the traces begun here that is sampled; a caller's flag is kept.
    """

    def __init__(
        self,
        tracer: Tracer | None = None,
        *,
        ratio: float = 0.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._tracer = tracer
        self._ratio = ratio
        self._draw = draw

    def request(self, header: bytes | None, ids: Ids, *, may_begin: bool) -> tuple[str, Span]:
        """Give the traceparent of an incoming request's own span, and the span.

        A header that is no traceparent counts as none. `may_begin`: a trace that begins here may
        be sampled.
        """
        parent = _context_of(header.decode("latin-1")) if header else None
        if self._tracer is not None:
            if parent is not None:
                if parent.trace_flags.sampled:
                    return self._server(parent)
            elif may_begin and self._draw() < self._ratio:
                return self._server(None)
        span_id = ids.new().hex[16:]
        if parent is None:
            return f"00-{ids.new().hex}-{span_id}-00", _NOTHING
        trace_id = format_trace_id(parent.trace_id)
        return f"00-{trace_id}-{span_id}-{parent.trace_flags:02x}", _NOTHING

    def child(self, name: str, traceparent: str) -> Span:
        """Begin a span below another one, which may be another process's."""
        if self._tracer is None or not _is_sampled(traceparent):
            return _NOTHING
        parent = _context_of(traceparent)
        if parent is None:
            return _NOTHING
        return Span(self._tracer.start_span(name, set_span_in_context(NonRecordingSpan(parent))))

    def batch(
        self, name: str, traceparents: Iterable[str], kind: SpanKind = SpanKind.INTERNAL
    ) -> Span:
        """Begin a span that is done for many, linked to the first 128 sampled ones among them.

        It is a trace of its own. If none of them is sampled, it is not recorded.
        """
        if self._tracer is None:
            return _NOTHING
        sampled = dict.fromkeys(one for one in traceparents if _is_sampled(one))
        contexts = (context for one in sampled if (context := _context_of(one)) is not None)
        links = [Link(context) for context in islice(contexts, LINKS_MAX)]
        if not links:
            return _NOTHING
        return Span(self._tracer.start_span(name, kind=kind, links=links))

    def error(self, traceparent: str, started_ns: int) -> Span:
        """Begin, late, a server span for a request that turned out to fail and is not sampled."""
        parent = None if self._tracer is None else _context_of(traceparent)
        if self._tracer is None or parent is None:
            return _NOTHING
        context = set_span_in_context(NonRecordingSpan(parent))
        return Span(
            self._tracer.start_span("request", context, SpanKind.SERVER, start_time=started_ns)
        )

    def _server(self, parent: SpanContext | None) -> tuple[str, Span]:
        assert self._tracer is not None
        context = None if parent is None else set_span_in_context(NonRecordingSpan(parent))
        span = self._tracer.start_span("request", context, SpanKind.SERVER)
        return _traceparent_of(span.get_span_context()), Span(span)


NO_TRACING: Final = Tracing()


def messaging(operation: str, topic: str, records: int) -> dict[str, Attribute]:
    """Give what the semantic conventions want of a batch of a topic's records."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
        "messaging.batch.message_count": records,
    }


def _is_sampled(traceparent: str) -> bool:
    return len(traceparent) == _CHARS and traceparent[-1] in _SAMPLED_DIGITS


def _context_of(traceparent: str) -> SpanContext | None:
    """Read a W3C traceparent; None for anything else, an id of noughts among it."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    flags = TraceFlags(int(match[3], 16))
    context = SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=flags)
    return context if context.is_valid else None


def _traceparent_of(context: SpanContext) -> str:
    trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    return f"00-{trace_id}-{span_id}-{context.trace_flags:02x}"
