"""What every event is and carries, on the wire and in a log (CloudEvents 1.0, Kafka binding)."""

from __future__ import annotations

import re
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

PREFIX = "cogov"
EVENT_BYTES_MAX = 256 * 1024


class Event(BaseModel):
    """Something that happened, in the past tense; frozen, strict when written, tolerant when read.

    Events are pseudonymous: ids, categories, areas, dates, amounts. Names, phones, addresses, birth
    dates and free text are in the owning service's vault; the event carries the vault record's id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=4096)

    service: ClassVar[str] = ""
    major: ClassVar[int] = 1

    @classmethod
    @cache
    def type_name(cls) -> str:
        """Give the type on the wire: `cogov.<service>.<snake_event>.v<N>`."""
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        return f"{PREFIX}.{cls.service}.{snake}.v{cls.major}"


def source_of(service: str) -> str:
    """Give the CloudEvents `source` of a service."""
    return f"/{PREFIX}/{service}"
