"""What a bench leaves behind: bench.json, the settings, every sample; and the table it prints."""

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.performance.measuring import Row, Run, middle


def write_report(folder: Path, rows: Sequence[Row], settings: Mapping[str, Any]) -> None:
    """Write the rows, the settings and the raw samples."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "bench.json", [_entry(row) for row in rows])
    _write(folder / "bench_settings.json", {**_machine(), **settings})
    samples = folder / "bench_samples"
    samples.mkdir(exist_ok=True)
    for row in rows:
        for side, runs in (("ours", row.sides.ours), ("baseline", row.sides.baseline)):
            for number, run in enumerate(runs, start=1):
                content = {
                    "done": run.done,
                    "seconds": round(run.seconds, 4),
                    "cores_busy": round(run.cores, 3),
                    "latencies_ms": [round(latency, 3) for latency in run.latencies_ms],
                }
                _write(samples / f"{row.name}_{side}_{number}.json", content)


def table(rows: Sequence[Row]) -> str:
    """Give the rows as lines."""
    head = ("name", "ours/s", "baseline/s", "ratio", "p50 ms", "p99 ms", "base p99", "goal", "met")
    body = [
        (
            row.name,
            f"{row.sides.value:,.0f}",
            f"{middle(row.sides.baseline).rate:,.0f}",
            f"{row.sides.ratio:.2f}",
            _waited(row.sides.ours, 0.5),
            _waited(row.sides.ours, 0.99),
            _waited(row.sides.baseline, 0.99),
            row.goal,
            "yes" if row.met else "no",
        )
        for row in rows
    ]
    widths = [max(len(line[n]) for line in (head, *body)) for n in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *body)
    ]
    return "\n".join([*lines, "", *(f"{row.name}: {row.note}" for row in rows)])


def _waited(runs: Sequence[Run], share: float) -> str:
    run = middle(runs)
    return f"{run.percentile(share):.1f}" if run.latencies_ms else "-"


def _entry(row: Row) -> dict[str, Any]:
    run = middle(row.sides.ours)
    return {
        "name": row.name,
        "unit": "per second",
        "value": round(row.sides.value, 1),
        "baseline": round(middle(row.sides.baseline).rate, 1),
        "ratio": round(row.sides.ratio, 3),
        "p50_ms": round(run.percentile(0.5), 3),
        "p99_ms": round(run.percentile(0.99), 3),
        "note": row.note,
    }


def _machine() -> dict[str, Any]:
    return {
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_at_end": psutil.getloadavg(),
    }


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
