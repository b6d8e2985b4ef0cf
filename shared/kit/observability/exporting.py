"""Where spans go: to an OTLP/HTTP endpoint, if the settings name one, by a thread of its own.

The loop only puts a span into a bounded queue; if that is full the span is dropped and counted. A
collector that is slow, away or wrong costs its spans and one line in the log, nothing else.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import LINKS_MAX, NO_TRACING, Tracing
from shared.kit.settings import ServiceSettings

_log: Final = structlog.get_logger()
_BATCH_MAX: Final = 512
_DELAY_MS: Final = 1000
_CLOSE_WITHIN_S: Final = 2.0
_ATTRIBUTES_MAX: Final = 32
_ATTRIBUTE_CHARS_MAX: Final = 256


class Traces:
    """The tracing of one process, and how it ends."""

    def __init__(self, tracing: Tracing, provider: TracerProvider | None) -> None:
        self.tracing = tracing
        self._provider = provider

    def close(self, within_s: float = _CLOSE_WITHIN_S) -> None:
        """Send what still waits, in so much time at most."""
        if self._provider is not None:
            ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
            ending.start()
            ending.join(within_s)


def open_traces(settings: ServiceSettings, metrics: Metrics, common: Mapping[str, str]) -> Traces:
    """Open the traces of this process; without an endpoint they are only handed on."""
    if not settings.trace_endpoint:
        return Traces(NO_TRACING, None)
    # Imported here: its libraries cost time and memory that a site without traces need not pay.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    # What it has to say comes once, from here, and without the addresses it would tell.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(settings.trace_endpoint, timeout=settings.trace_export_timeout_s)
    return traces_to(
        exporter,
        metrics,
        {**common, "district": settings.district},
        ratio=settings.trace_sample_ratio,
        queue_spans_max=settings.trace_queue_spans_max,
    )


def traces_to(
    exporter: SpanExporter,
    metrics: Metrics,
    common: Mapping[str, str],
    *,
    ratio: float,
    queue_spans_max: int,
    delay_ms: int = _DELAY_MS,
) -> Traces:
    """Open traces that go to an exporter."""
    counted = _Counted(exporter, metrics)
    provider = TracerProvider(
        # The facade samples; what reaches the library is to be recorded.
        sampler=ALWAYS_ON,
        resource=Resource.create(_resource(common)),
        shutdown_on_exit=False,
        span_limits=SpanLimits(
            max_span_attributes=_ATTRIBUTES_MAX,
            max_attribute_length=_ATTRIBUTE_CHARS_MAX,
            max_links=LINKS_MAX,
        ),
    )
    provider.add_span_processor(_Bounded(counted, metrics, queue_spans_max, delay_ms))
    return Traces(Tracing(provider.get_tracer("cogov"), ratio=ratio), provider)


def _resource(common: Mapping[str, str]) -> dict[str, str]:
    return {
        "service.name": common["service"],
        "service.namespace": "cogov",
        "service.version": common["release"],
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "cogov.role": common["role"],
        "cogov.district": common.get("district", ""),
    }


class _Counted(SpanExporter):
    """Counts what another exporter sent; `taken` is written by its thread alone."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics) -> None:
        self._exporter = exporter
        self._sent = metrics.trace_spans.labels("exported")
        self._failed = metrics.trace_spans.labels("failed")
        self._failing = False
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            failed = result is not SpanExportResult.SUCCESS
            (self._failed if failed else self._sent).inc(len(spans))
            if failed != self._failing:
                self._failing = failed
                if failed:
                    _log.warning("trace.export_failed", spans=len(spans))
                else:
                    _log.info("trace.export_resumed")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Bounded(SpanProcessor):
    """Lets so many spans wait and no more; `entered` is written by the event loop alone."""

    def __init__(self, exporter: _Counted, metrics: Metrics, spans_max: int, delay_ms: int) -> None:
        self._exporter = exporter
        self._spans_max = spans_max
        self._dropped = metrics.trace_spans.labels("dropped")
        self._entered = 0
        self._queue = BatchSpanProcessor(
            exporter,
            max_queue_size=spans_max + _BATCH_MAX,
            schedule_delay_millis=delay_ms,
            max_export_batch_size=_BATCH_MAX,
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        if self._entered - self._exporter.taken >= self._spans_max:
            self._dropped.inc()
            return
        self._entered += 1
        self._queue.on_end(span)

    def shutdown(self) -> None:
        self._queue.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._queue.force_flush(timeout_millis)
