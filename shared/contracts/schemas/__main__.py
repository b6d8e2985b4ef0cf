"""Write the JSON Schemas of the published events: `python -m shared.contracts.schemas`."""

from __future__ import annotations

import sys

from shared.contracts.schemas import PUBLISHED, schema_path, schema_text


def main() -> None:
    """Write every schema, and name those that changed."""
    for event in PUBLISHED:
        path, text = schema_path(event), schema_text(event)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.name}\n")


if __name__ == "__main__":
    main()
