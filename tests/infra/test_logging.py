from __future__ import annotations

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
def test_a_full_disk_under_the_logs_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be logged is not logged, and whoever wanted to goes on."""
    monkeypatch.setattr(sys, "stderr", _Full())
    structlog.get_logger("test").error("append.halted", reason="database or disk is full")
