"""Files that are on the disk before anybody is told, under names that nobody else had."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_OWNER: Final = 0o600


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_name(draft: Path, path: Path) -> None:
    """Give a draft its name, durably. Raises FileExistsError where somebody has the name, OSError."""
    sync(draft)
    try:
        os.link(draft, path)
        draft.unlink()
    except FileExistsError:
        raise
    except OSError:
        # A file system without second names: the name is taken by an empty file, which is then replaced.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER))
        draft.replace(path)
    sync(path.parent)
