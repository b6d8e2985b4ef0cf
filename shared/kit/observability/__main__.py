"""Write the reference page of the metrics: `python -m shared.kit.observability`."""

from __future__ import annotations

from shared.kit.observability.reference import METRICS_PAGE, metrics_page

if __name__ == "__main__":
    METRICS_PAGE.write_text(metrics_page(), encoding="utf-8")
