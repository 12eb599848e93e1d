"""The files that connections of SQLite have open, and whether their paths still lead there.

SQLite goes on writing to a file that was moved, replaced or deleted under it, and to what stood beside it. So a commit
says nothing of what the next process finds at the path: whoever acknowledges something looks here before and after it.
"""

from __future__ import annotations

import os
from pathlib import Path

from domain.i18n import Text, pair
from infra.sqlite_file import SHM, WAL


class OpenedFiles:
    """A file and what SQLite keeps beside it, as they were when a connection had just opened them."""

    def __init__(self, path: Path, names: tuple[str, ...] = (WAL, SHM)) -> None:
        """`names`: the endings of what SQLite has open beside it."""
        # SQLite follows links, and keeps what is beside the file beside the file itself.
        real = os.path.realpath(path)
        self._places = [(each, _place(each)) for each in (str(path), *(real + name for name in names))]

    def moved(self) -> Text | None:
        """Which path does not lead to what is open; None where all do."""
        for path, opened in self._places:
            place = _place(path)
            if place is None:
                return pair("{file} is not there any more", file=path)
            if place != opened:
                return pair("another file stands at {file}", file=path)
        return None


def _place(path: str) -> tuple[int, int] | None:
    """Device and inode of a file; None where it is not there, or cannot be reached."""
    try:
        found = os.stat(path)  # noqa: PTH116  # asked for every append, a Path costs as much again
    except OSError:
        return None
    return found.st_dev, found.st_ino
