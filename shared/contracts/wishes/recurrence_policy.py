"""How often a matter must recur before it goes to the council, as a community or district says it.

Stream: `wishes/recurrence_policy/<node>` (scope: the node), public.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from shared.contracts.envelope import Event


class RecurrencePolicyAdopted(Event):
    """A version of how often is enough: `times` within `window_days`, from that day on.

    `effective_from` is a local date of Asia/Shanghai. Of the versions whose day has come the last
    one is in force.
    """

    service: ClassVar[str] = "wishes"

    version: int
    effective_from: date
    times: int
    window_days: int


EVENTS: tuple[type[Event], ...] = (RecurrencePolicyAdopted,)


def recurrence_policy_stream(node: str) -> str:
    """Name the stream of a node's policy on what recurs."""
    return f"wishes/recurrence_policy/{node}"
