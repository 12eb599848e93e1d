"""What an operator types, while brokers and processes may be away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_WITHIN = 300.0


def operate(
    url: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    until: Callable[[Any], bool] | None = None,
) -> Any:
    """The answer in JSON; given again as long as the command fails, or its answer is not what is waited for.

    Raises RuntimeError with what was said last.
    """
    program = str(Path(sys.executable).with_name("dossier"))
    deadline = time.monotonic() + _WITHIN
    while True:
        done = subprocess.run(
            [program, "--log", url, *arguments, "--json"],
            check=False,
            capture_output=True,
            env={**os.environ, **(environment or {})},
        )
        answer = _read(done.stdout)
        if until(answer) if until is not None and answer is not None else done.returncode == 0:
            return answer
        if time.monotonic() > deadline:
            said = (done.stderr + done.stdout).decode(errors="replace")
            raise RuntimeError(f"dossier {' '.join(arguments)} ended with {done.returncode}: {said}")
        time.sleep(1)


def _read(output: bytes) -> Any:
    """None where a command said nothing that is JSON."""
    try:
        return json.loads(output)
    except ValueError:
        return None
