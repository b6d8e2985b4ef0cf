"""The command line: every group of commands, and what is said when one fails.

Exit codes: 0 done; 1 it failed, in one line; 2 wrong arguments; 3 done, but for broken lines;
130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import asyncpg
import typer

from shared.cli.bootstrap import BootstrapFailedError
from shared.cli.categories import CategoriesBrokenError, PolicyLateError
from shared.cli.client import ApiUnavailableError, RefusedByApiError
from shared.cli.commands import (
    adopting,
    demo,
    importing,
    looking,
    models,
    operating,
    repairing,
    running,
)
from shared.cli.community.unfit import FileUnfitError
from shared.cli.connections import NotConfiguredError, NotNowError
from shared.cli.deadlines import YearUnknownError
from shared.cli.topics import KafkaAwayError
from shared.kit.servers import ServerFault

_INTERRUPTED: Final = 130

# What can go wrong without being a bug: one line on stderr, no trace.
_FAILURES: Final = (
    ApiUnavailableError,
    BootstrapFailedError,
    CategoriesBrokenError,
    FileUnfitError,
    KafkaAwayError,
    NotConfiguredError,
    NotNowError,
    OSError,
    PolicyLateError,
    RefusedByApiError,
    ServerFault,
    TimeoutError,
    YearUnknownError,
    asyncpg.InterfaceError,
    asyncpg.PostgresError,
)

app = typer.Typer(
    name="cogov",
    help="Run and look after the services of a district.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (demo, running, operating, adopting, importing, looking, models, repairing):
    group.add_to(app)


def main() -> int:
    """Run one command; give the exit code."""
    try:
        code: Any = app(standalone_mode=False)
    except typer.TyperException as error:
        return _refuse(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except typer.Abort:
        return _INTERRUPTED
    except _FAILURES as failure:
        _complain(f"{failure}" or type(failure).__name__)
        return 1
    return code if isinstance(code, int) else 0


def _refuse(error: Any) -> int:
    """Say what is wrong with the arguments in one line."""
    message: str = error.format_message() if hasattr(error, "format_message") else str(error)
    _complain(" ".join(message.split()) or "say what to do: cogov --help lists it")
    return int(getattr(error, "exit_code", 2))


def _complain(text: str) -> None:
    print(f"cogov: {text}", file=sys.stderr)
