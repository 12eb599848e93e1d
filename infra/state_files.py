"""Small files that a process leaves for others, beside the log or its indexes: written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from domain.errors import InfrastructureError


class StateUnusable(InfrastructureError):
    """A file in the folder of state cannot be read or written."""

    code = "STATE_UNUSABLE"


def write_state(path: Path, contents: str) -> None:
    """Replace a file; whoever reads meanwhile sees the old one or the new one. Raises StateUnusable."""
    made = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(contents + "\n")
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except OSError as error:
        raise StateUnusable(path=str(path), reason=error.strerror or str(error)) from error


def read_state(path: Path) -> str | None:
    """The contents of a file; None where there is none. Raises StateUnusable."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StateUnusable(path=str(path), reason=str(error)) from error


def remove_state(path: Path) -> None:
    """Remove a file, if it is there. Raises StateUnusable."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        # A file system that is only read says so before it looks whether there is anything to be removed.
        if not os.path.lexists(path):
            return
        raise StateUnusable(path=str(path), reason=error.strerror or str(error)) from error
