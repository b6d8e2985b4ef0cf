"""`python -m shared.cli …`: the command `cogov`."""

import sys

from shared.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
