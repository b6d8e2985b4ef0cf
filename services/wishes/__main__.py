"""Run wishes: `python -m services.wishes serve --roles serve,write`."""

from __future__ import annotations

import sys

from services.wishes.app import SERVICE
from services.wishes.settings import Settings
from shared.kit.main import run

if __name__ == "__main__":
    sys.exit(run(SERVICE, Settings, sys.argv[1:]))
