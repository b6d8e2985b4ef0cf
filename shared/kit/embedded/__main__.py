"""`python -m shared.kit.embedded up | down | status`: the servers alone, for a developer."""

import argparse
import contextlib
import os
import signal
from pathlib import Path

from shared.kit.embedded.polling import until
from shared.kit.embedded.site import Site, holder
from shared.kit.servers import ServerFault

_STOP_TIMEOUT_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m shared.kit.embedded", description=__doc__)
    parser.add_argument("verb", choices=("up", "down", "status"))
    parser.add_argument("--root", type=Path, default=Path(".cogov"), help="where the data lies")
    given = parser.parse_args()
    verbs = {"up": _up, "down": _down, "status": _status}
    try:
        return verbs[given.verb](given.root)
    except ServerFault as fault:
        print(fault)
        return 1


def _up(root: Path) -> int:
    # Also where a script started it in the background, which makes a shell ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), Site(root) as site:
        print(f"PostgreSQL  {site.dsn('postgres')}\nKafka       {site.bootstrap}", flush=True)
        signal.pause()
    return 0


def _down(root: Path) -> int:
    running = holder(root)
    if running is None:
        # Taking the folder for a moment ends what a killed run left behind.
        Site(root).clear()
        return 0
    os.kill(running, signal.SIGTERM)
    return 0 if until(lambda: holder(root) is None, timeout_s=_STOP_TIMEOUT_S) else 1


def _status(root: Path) -> int:
    site = Site(root)
    print(f"held by     {holder(root) or 'nobody'}")
    print(f"PostgreSQL  {site.postgres.pid or 'stopped'}")
    print(f"Kafka       {site.kafka.pid or 'stopped'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
