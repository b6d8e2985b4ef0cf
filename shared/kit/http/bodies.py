"""What every command's JSON body has in common."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.decider import RefusalKind, Refused

EARLIEST: Final = datetime(1949, 10, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
# A time that a body or a query may name: any other has no place in every zone and database.
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]


class Entered(StrEnum):
    """Whether a fact is entered as it happens, or afterwards (X3)."""

    LIVE = "live"
    LATE = "late"


class CommandBody(BaseModel):
    """A command's body: closed, so that a misspelt field is an error and not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OccurredAtMissing(Refused):
    """What is entered late needs the time at which it happened."""

    kind = RefusalKind.INVALID


class OccurredAtUnexpected(Refused):
    """What is entered live happens now: leave the time out, or enter it late."""

    kind = RefusalKind.INVALID


class OccurredAtInFuture(Refused):
    """It cannot have happened after now."""

    kind = RefusalKind.INVALID


class OccurredAtTooEarly(Refused):
    """It cannot have happened before 1949-10-01."""

    kind = RefusalKind.INVALID


class TimedBody(CommandBody):
    """A body that may enter its fact late; the kit checks the time and hands it to the writer."""

    entered: Entered = Entered.LIVE
    occurred_at: AwareDatetime | None = None

    def happened_at(self, now: datetime) -> datetime | None:
        """Give when it happened, in UTC; None: now. Raise a refusal for a time that cannot be."""
        if self.entered is Entered.LIVE:
            if self.occurred_at is not None:
                raise OccurredAtUnexpected
            return None
        if self.occurred_at is None:
            raise OccurredAtMissing
        if self.occurred_at > now:
            raise OccurredAtInFuture
        if self.occurred_at < EARLIEST:
            raise OccurredAtTooEarly
        return self.occurred_at.astimezone(UTC)
