"""Open dead letters: records that could not become events, and those parked behind them."""

from __future__ import annotations

from typing import Any, Final

from shared.cli.connections import connected
from shared.kit.settings import ServiceSettings

_OPEN: Final = """
SELECT d.id, d.topic, d.part, d.record_offset, d.stream, d.code, d.reason, d.parked_at
FROM kit.dead_letter AS d
WHERE d.settled IS NULL
ORDER BY d.id
LIMIT $1
"""


async def open_letters(
    service: str, settings: ServiceSettings, *, limit: int
) -> list[dict[str, Any]]:
    """Give a service's open letters, the oldest first, without their contents."""
    async with connected(settings) as connection:
        rows = await connection.fetch(_OPEN, limit)
    return [
        {
            "service": service,
            "id": row["id"],
            "topic": row["topic"],
            "part": row["part"],
            "offset": row["record_offset"],
            "stream": row["stream"] or "",
            "code": row["code"],
            "reason": row["reason"],
            "parked_at": row["parked_at"].isoformat(timespec="seconds"),
        }
        for row in rows
    ]
