"""Logs of the processes: one line of JSON an event on stderr, names with dots, a moment in UTC.

Whatever a text holds, it stays within its line: a name with a line break, in any of its forms, begins no event. What
libraries log by Python's own `logging`, from warnings on, and an error that ends the process, become such lines too.
"""

from __future__ import annotations

import json
import logging
import sys
from types import TracebackType
from typing import Any, Final, TextIO, cast

import structlog

from infra.terminal.escapes import visible
from infra.terminal.output import LogStream

_STDERR: Final = cast("TextIO", LogStream())


def log_as_json(level: str = "info") -> None:
    """Set it up, once, at the start of a process that runs on."""
    _configure(level)
    sys.excepthook = _log_crash


def log_warnings() -> None:
    """Warnings alone, unless the process has set up its logs: what a person's command prints is its answer."""
    if not structlog.is_configured():
        _configure("warning")


def _configure(level: str) -> None:
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(_one_line, ensure_ascii=False),
    ]
    wrapper = structlog.make_filtering_bound_logger(getattr(logging, level.upper()))
    structlog.configure(
        processors=processors,
        wrapper_class=wrapper,
        logger_factory=structlog.WriteLoggerFactory(_STDERR),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryHandler(structlog.wrap_logger(structlog.WriteLogger(_STDERR), processors, wrapper)))


def _one_line(event: object, **options: Any) -> str:
    """JSON without anything in it that some reader takes for the end of a line, or a terminal for a command."""
    return visible(json.dumps(event, **options))


class _LibraryHandler(logging.Handler):
    """Logs what a library says as an event of ours."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        report = self._logger.error if record.levelno >= logging.ERROR else self._logger.warning
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # Its parts do not fit its text: the text alone says what it is about.
            message = str(record.msg)
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        report("library.logged", library=record.name, message=message, exc_info=exc_info)


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger(__name__).error("process.crashed", exc_info=(kind, error, trace))
