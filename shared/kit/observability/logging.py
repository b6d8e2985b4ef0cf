"""Logs: one JSON object a line on standard output, the libraries' logs among them.

Messages of exceptions are left out, because a database's or a validator's may quote personal data;
the kind of the exception and the places it came through are kept.
"""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_CHAIN_MAX: Final = 5
_FRAMES_MAX: Final = 30
_TALKATIVE: Final = ("httpcore", "httpx")  # a line a request, with its whole address
_LIBRARIES: Final = ("aiokafka", "asyncio", "faststream", "uvicorn", "uvicorn.error")


def configure_logging(level: str, *, service: str, console: bool | None = None) -> None:
    """Route structlog and the standard library's loggers to standard output.

    `console` asks for lines that a person reads; None: on a terminal only. Run uvicorn with
    `log_config=None, access_log=False`: the edge writes one line a request itself.
    """
    if console is None:
        console = sys.stdout.isatty()
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Named(service),
        _exception_places,
    ]
    last: Processor = structlog.dev.ConsoleRenderer() if console else _render_line
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(capture=True)


class _Named:
    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = self._service
        return event


def _exception_places(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    info: Any = event.pop("exc_info", None)
    if not info:
        return event
    error = info[1] if isinstance(info, tuple) else info
    if not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = exception_places(error)
    return event


def exception_places(error: BaseException) -> list[dict[str, Any]]:
    """Describe an exception and its causes by type and place, without their messages."""
    found: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(found) < _CHAIN_MAX:
        found.append({"type": type(current).__qualname__, "at": _places(current.__traceback__)})
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return found


def _places(trace: TracebackType | None) -> list[str]:
    places: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    return places[-_FRAMES_MAX:]


def _render_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()
