"""What is known of a request from its first moment: its correlation and its trace."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from starlette.types import Scope

from shared.kit.observability.tracing import Span, Tracing
from shared.kit.ports import Ids

_KEY: Final = "cogov"
_UNTRACED: Final = ("/health/", "/metrics", "/internal/")  # what is asked all day, or is a part


class RequestContext:
    """One request's ids; `code` is filled in when the answer is a problem, for the access log."""

    __slots__ = ("code", "correlation_id", "span", "traceparent")

    def __init__(self, correlation_id: UUID, traceparent: str, span: Span) -> None:
        self.correlation_id = correlation_id
        self.traceparent = traceparent
        self.span = span
        self.code = ""


def open_context(
    scope: Scope, headers: dict[bytes, bytes], ids: Ids, tracing: Tracing
) -> RequestContext:
    """Take over the caller's correlation id and trace, or start new ones where there are none."""
    correlation_id = _correlation_id(headers.get(b"cogov-correlation")) or ids.new()
    may_begin = not scope["path"].startswith(_UNTRACED)
    traceparent, span = tracing.request(headers.get(b"traceparent"), ids, may_begin=may_begin)
    context = RequestContext(correlation_id, traceparent, span)
    scope[_KEY] = context
    return context


def context_of(scope: Scope) -> RequestContext:
    """Give the context that `open_context` put there."""
    context: Any = scope[_KEY]
    return context


def _correlation_id(text: bytes | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text.decode("ascii"))
    except ValueError:
        return None
