"""What an operator types, while brokers and processes may be away."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_WITHIN = 120.0


def operate(url: str, *arguments: str) -> Any:
    """The answer in JSON; given again as long as the command fails. Raises RuntimeError with what was said last."""
    program = str(Path(sys.executable).with_name("dossier"))
    deadline = time.monotonic() + _WITHIN
    while True:
        done = subprocess.run([program, "--log", url, *arguments, "--json"], check=False, capture_output=True)
        if done.returncode == 0:
            return json.loads(done.stdout)
        if time.monotonic() > deadline:
            said = done.stderr.decode(errors="replace")
            raise RuntimeError(f"dossier {' '.join(arguments)} ended with {done.returncode}: {said}")
        time.sleep(1)
