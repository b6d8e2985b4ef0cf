"""Measure: `python -m tests.performance [names …] [--seconds N] [--runs N] [--events N]`."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from shared.kit.embedded.polling import run_apart
from shared.kit.embedded.site import Site
from tests.performance.append import measure_append, measure_append_hot
from tests.performance.databases import settings_of
from tests.performance.from_log import measure_ingest_project, measure_rebuild
from tests.performance.http_command import measure_http_command
from tests.performance.measuring import Bench, Row
from tests.performance.rebuild_all import measure_rebuild_all
from tests.performance.report import table, write_report
from tests.performance.whole_path import measure_whole_path

ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "append": measure_append,
    "append_hot": measure_append_hot,
    "whole_path": measure_whole_path,
    "http_command": measure_http_command,
    "ingest_project": measure_ingest_project,
    "rebuild": measure_rebuild,
    "rebuild_all": measure_rebuild_all,
}
REPORTS = Path(__file__).parents[2] / "reports"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.performance", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(ROWS)}; all without")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one run of one side")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side; the median counts")
    parser.add_argument(
        "--events", type=int, default=100_000, help="length of the logs that tables are built from"
    )
    arguments = parser.parse_args()
    names: list[str] = arguments.names or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix="cogov-bench-") as folder, Site(Path(folder)) as site:
        bench = Bench(site, Path(folder), arguments.seconds, arguments.runs, arguments.events)
        rows: list[Row] = []
        for name in names:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            rows.extend(ROWS[name](bench))
        settings = {
            "seconds": arguments.seconds,
            "runs": arguments.runs,
            "events": arguments.events,
            "postgres": run_apart(lambda: settings_of(site.dsn("postgres"))),
            "kafka": {"acks": "all", "brokers": 1},
        }
    write_report(REPORTS, rows, settings)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
