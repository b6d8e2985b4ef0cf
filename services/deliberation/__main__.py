"""Run deliberation: `python -m services.deliberation serve --roles serve,write`."""

from __future__ import annotations

import sys

from services.deliberation.app import SERVICE
from services.deliberation.settings import Settings
from shared.kit.main import run

if __name__ == "__main__":
    sys.exit(run(SERVICE, Settings, sys.argv[1:]))
