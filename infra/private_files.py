"""Files that hold secrets: nobody but their owner may read them, whatever the umask was when they were made."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_OWNER: Final = 0o600
_OTHERS: Final = 0o077
_BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file. It makes them with the rights of the file."""


def make_private(path: Path) -> None:
    """Make a file where there is none, and take others' rights to it and to what SQLite keeps beside it.

    It is made with its rights, and not given them afterwards: in between it could be opened. One that is there is not
    opened, since closing it would end every lock that this process has on it, and SQLite's are such. Raises OSError.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER))
    for each in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
        # What SQLite keeps beside it comes and goes.
        with suppress(FileNotFoundError):
            if each.is_file() and is_open_to_others(each):
                each.chmod(_OWNER)


def is_open_to_others(path: Path) -> bool:
    """Whether anybody but its owner may read or write a file. Raises OSError."""
    return bool(path.stat().st_mode & _OTHERS)
