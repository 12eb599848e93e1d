"""Who holds a lock on a file, as far as the system tells: on Linux by `/proc/locks`, elsewhere nobody is known.

The file itself is not opened: closing it would end every lock of SQLite that this process has on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from domain.i18n import Text, pair

_LOCKS: Final = Path("/proc/locks")
_PROCESSES: Final = Path("/proc")
_FIELDS: Final = 8


class FileLock(NamedTuple):
    """One lock: whose it is (process id; 0 where it is not of this container), and on which bytes."""

    process: int
    writes: bool
    first: int
    last: int | None

    def covers(self, byte: int) -> bool:
        """Whether it is on a byte, perhaps among others."""
        return self.first <= byte and self.reaches(byte)

    def reaches(self, byte: int) -> bool:
        """Whether it is on a byte or on any behind it."""
        return self.last is None or self.last >= byte


def locks_on(path: Path) -> list[FileLock]:
    """All locks on a file that are held, not those that are waited for; empty where the system does not tell."""
    try:
        inode = path.stat().st_ino
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    return [lock for found, lock in _parsed(lines) if found == inode]


def holder(locks: list[FileLock]) -> Text:
    """Whoever holds these locks, by process id and program, in words; somebody unknown where there are none."""
    others = sorted({lock.process for lock in locks if lock.process > 0})
    if not others:
        return pair("another process")
    if others == [os.getpid()]:
        return pair("this process itself")
    process = next(each for each in others if each != os.getpid())
    program = program_of(process)
    return pair("process {process} ({program})", process=process, program=program) if program else _unnamed(process)


def program_of(process: int) -> str:
    """The name of the program that a process runs, without its arguments; empty where the system does not tell."""
    try:
        return (_PROCESSES / str(process) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _unnamed(process: int) -> Text:
    return pair("process {process}", process=process)


def _parsed(lines: list[str]) -> Iterator[tuple[int, FileLock]]:
    """Inode and lock of each line: `1: POSIX  ADVISORY  WRITE 4711 08:01:1234 120 EOF`."""
    for line in lines:
        words = line.split()
        if len(words) != _FIELDS or words[1] == "->":
            continue
        _, _, _, kind, process, place, first, last = words
        inode = int(place.rpartition(":")[2])
        yield inode, FileLock(int(process), kind == "WRITE", int(first), None if last == "EOF" else int(last))
