"""What is known of a request from its first moment: its correlation and its trace."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from starlette.types import Scope

from shared.kit.ports import Ids

_KEY: Final = "cogov"
_TRACEPARENT: Final = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NO_TRACE: Final = b"0" * 32
_NO_SPAN: Final = b"0" * 16


class RequestContext:
    """One request's ids; `code` is filled in when the answer is a problem, for the access log."""

    __slots__ = ("code", "correlation_id", "traceparent")

    def __init__(self, correlation_id: UUID, traceparent: str) -> None:
        self.correlation_id = correlation_id
        self.traceparent = traceparent
        self.code = ""


def open_context(scope: Scope, headers: dict[bytes, bytes], ids: Ids) -> RequestContext:
    """Take over the caller's correlation id and trace, or start new ones where there are none."""
    context = RequestContext(
        _correlation_id(headers.get(b"cogov-correlation")) or ids.new(),
        _traceparent(headers.get(b"traceparent"), ids),
    )
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


def _traceparent(parent: bytes | None, ids: Ids) -> str:
    # W3C Trace Context: our span is new; the trace and its flags go on.
    span = ids.new().hex[16:]
    match = _TRACEPARENT.fullmatch(parent) if parent else None
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN:
        return f"00-{ids.new().hex}-{span}-00"
    return f"00-{match[1].decode()}-{span}-{match[3].decode()}"
