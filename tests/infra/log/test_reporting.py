"""What the log reports of itself, and what that costs whoever is not told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOUND = """
import sys
from pathlib import Path
from infra.log.sqlite.log import SQLiteLog
from infra.log.sqlite.source import SQLiteSource

SQLiteLog(SQLiteSource(Path(sys.argv[1]))).close()
"""


def run(script: str, path: Path) -> str:
    """What a process of its own writes to stderr."""
    done = subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True, text=True)
    return done.stderr


def test_a_persons_command_loads_nothing_to_log_what_is_normal(tmp_path: Path) -> None:
    """A new log is founded in silence, and at no cost but its own."""
    assert not run(FOUND + "assert 'structlog' not in sys.modules\n", tmp_path / "log.sqlite")


def test_a_process_that_has_set_up_its_logs_says_what_is_normal(tmp_path: Path) -> None:
    assert '"event": "log.founded"' in run(
        "from infra.logging import log_as_json\nlog_as_json()\n" + FOUND, tmp_path / "log.sqlite"
    )
