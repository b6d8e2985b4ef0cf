"""A message for tests, with what differs given by name."""

from datetime import datetime
from typing import Any

from shared.cli.messages import Message

_USUAL: dict[str, Any] = {
    "id": "1",
    "user": "R1",
    "area": "东苑",
    "subject": "路灯",
    "submitted_at": datetime.fromisoformat("2020-02-29T08:00:00+08:00"),
    "text": "坏了",
    "reply": "修好了",
    "replied_at": datetime.fromisoformat("2020-03-01T08:00:00+08:00"),
}


def message(**changed: Any) -> Message:
    """Make a message."""
    return Message(**{**_USUAL, **changed})
