"""Logs of the processes: one line of JSON an event on stderr, names with dots, a moment in UTC."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress
from typing import Final, TextIO, cast

import structlog


class _LogStream(io.TextIOBase):
    """Standard error that never fails: when its disk is full, whoever logs goes on with what he was about."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


_STDERR: Final = cast("TextIO", _LogStream())


def log_as_json(level: str = "info") -> None:
    """Set it up, once, at the start of a process that runs on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(_STDERR),
        cache_logger_on_first_use=False,
    )


def log_warnings() -> None:
    """Warnings alone, unless the process has set up its logs: what a person's command prints is its answer."""
    if not structlog.is_configured():
        log_as_json("warning")
