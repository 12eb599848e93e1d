from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from infra.logging import log_as_json


class _Full:
    """Standard error on a full disk."""

    def write(self, _text: str = "") -> int:
        raise OSError("File too large")

    flush = write


@pytest.fixture
def configured() -> Iterator[None]:
    log_as_json()
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("configured")
def test_a_full_disk_under_the_logs_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be logged is not logged, whoever wanted to goes on, and with room again the next line stands."""
    logger = structlog.get_logger("test")
    with monkeypatch.context() as full:
        full.setattr(sys, "stderr", _Full())
        logger.error("append.halted", reason="database or disk is full")
    logger.error("append.resolved", partition=3)
    (line,) = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["partition"], logged["level"]) == ("append.resolved", 3, "error")
