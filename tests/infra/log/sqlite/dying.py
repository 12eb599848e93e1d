"""A process that takes a log over and is killed at one of its steps: `PATH STEP before|after|NUMBER`.

With a number it is killed after so many records of the new file.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from infra.log.sqlite import upgrade as steps
from infra.log.sqlite.earlier import EarlierFile
from infra.log.sqlite.tape import SQLiteTape

PLACES: dict[str, tuple[object, str]] = {
    "write": (steps, "_write"),
    "record": (SQLiteTape, "commit"),
    "compare": (steps, "_compare"),
    "forbid": (EarlierFile, "forbid_writing"),
    "keep": (steps, "_keep"),
    "link": (steps, "_link"),
    "put": (steps, "_put_in_place"),
}


def main() -> None:
    """See the module."""
    path, step, moment = sys.argv[1:]
    where, name = PLACES[step]
    original: Callable[..., Any] = getattr(where, name)
    calls = 0

    def dying(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments)
        if moment == "after" or str(calls) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with patch.object(where, name, dying):
        steps.upgrade(Path(path))


if __name__ == "__main__":
    main()
