"""Write the reference pages that are made from the code: `python -m shared.cli.reference`."""

from __future__ import annotations

from shared.cli.permissions import PERMISSIONS_PAGE, permissions_page
from shared.cli.processes import PROCESSES_PAGE, processes_page
from shared.kit.observability.reference import LOGS_PAGE, METRICS_PAGE, logs_page, metrics_page

PAGES = {
    LOGS_PAGE: logs_page,
    METRICS_PAGE: metrics_page,
    PERMISSIONS_PAGE: permissions_page,
    PROCESSES_PAGE: processes_page,
}


if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
