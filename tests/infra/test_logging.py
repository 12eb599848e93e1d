from __future__ import annotations

import json
import logging
import subprocess
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


FORGED = '\n{"event": "append.accepted"}\r\x85\u2028\u2029\x0b\x0c\x1c\x1b[1A\u202e'


@pytest.fixture
def configured() -> Iterator[None]:
    root, hook = logging.getLogger(), sys.excepthook
    handlers = list(root.handlers)
    log_as_json()
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    sys.excepthook = hook


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


@pytest.mark.usefixtures("configured")
def test_a_forged_name_begins_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it stands, and whatever a reader takes for the end of a line; it is read back as it was."""
    structlog.get_logger("test").warning(FORGED, person=FORGED, **{FORGED: [FORGED]}, error=ValueError(FORGED))
    (line,) = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["person"], logged[FORGED]) == (FORGED, FORGED, [FORGED])
    assert line.isprintable()


@pytest.mark.usefixtures("configured")
def test_what_a_library_logs_is_a_line_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """From warnings on, with the error that it is about, even where its parts do not fit its text."""
    library = logging.getLogger("kafka.conn")
    library.info("connected")
    library.warning("a broker says %s", FORGED)
    library.error("it failed", exc_info=ValueError(FORGED))
    (ours,) = [each for each in logging.getLogger().handlers if each.level == logging.WARNING]
    ours.handle(logging.makeLogRecord({"name": "kafka.conn", "levelno": logging.ERROR, "msg": "%d", "args": (FORGED,)}))
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each["event"], each["library"], each["level"]) for each in found] == [
        ("library.logged", "kafka.conn", level) for level in ("warning", "error", "error")
    ]
    assert [each["message"] for each in found] == [f"a broker says {FORGED}", "it failed", "%d"]
    assert "ValueError" in found[1]["exception"]


def test_an_error_that_ends_a_process_is_one_line() -> None:
    program = f"from infra.logging import log_as_json\nlog_as_json()\nraise ValueError({FORGED!r})\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    logged = json.loads(line)
    assert logged["event"] == "process.crashed"
    assert FORGED in logged["exception"]
