"""What is looked at before the file of an embedded log is opened: what stands beside it, and its other names.

SQLite takes a `-wal` for that of the file beside which it stands, and deletes it where that file is empty. The last
records that were acknowledged may be in it, and nowhere else.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from domain.i18n import Text, pair
from infra.file_locks import locks_on, program_of
from infra.log.errors import LogHasTwoNames, WalOrphaned
from infra.log.format import read_header
from infra.retry import Retry
from infra.sqlite_file import (
    SHM,
    WAL,
    beside,
    has_content,
    is_locked,
    is_refused,
    open_read_only,
    read_only_uri,
    reading_schema,
)

_DMS: Final = 128
"""The byte of the `-shm` on which every process that has the file open holds a lock (the "dead man switch")."""
_SHARED: Final = 0x40000002
"""The first byte of the file on which a process that has it open in WAL mode holds a shared lock."""
_MOUNTS: Final = Path("/proc/self/mountinfo")
_LOOKS_SECONDS: Final = 0.3
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_SELECT_BEHIND: Final = (
    "SELECT number, hash, value FROM accepted_records LEFT JOIN records USING (record_offset) "
    "WHERE number > ? ORDER BY number"
)


def check_not_orphaned(path: Path) -> None:
    """Before a file is opened: SQLite would delete what stands beside an empty one, or beside none.

    Raises WalOrphaned where that holds anything.
    """
    if has_content(path):
        return
    wal = beside(path, WAL)
    if has_content(wal):
        raise _orphaned(path, pair("the file that it belongs to is empty or not there"), wal)


def check_beside(path: Path, timeout: float, readable: Callable[[], Path] | None = None) -> None:
    """Before a file is opened: what stands beside it must be its own, since SQLite takes it for that.

    `timeout`: seconds to wait for whoever has the file for himself. `readable`: gives a copy of file and `-wal` where
    SQLite cannot open them in their place. Raises WalOrphaned, sqlite3.Error.
    """
    check_not_orphaned(path)
    if not has_content(path):
        return
    tries = Retry(_LOOKS_SECONDS, pause=0.05)
    while True:
        # Others come and go, and move pages into the file, between one look and the next.
        reason = _used_by_others(path)
        if reason is None and has_content(beside(path, WAL)):
            reason = _contradiction(readable() if readable is not None else path, timeout)
        if reason is None:
            return
        if tries.is_over:
            raise _orphaned(path, reason, beside(path, WAL))
        tries.pause()


def check_one_name(path: Path, *, only_reads: bool = False) -> None:
    """Before a file is opened: under a second name SQLite keeps another `-wal`, which nobody sees under the first.

    `only_reads`: then it matters only while somebody has it open under the other one. Raises LogHasTwoNames.
    """
    reason = _second_name(path)
    if reason is None:
        return
    users = {lock.process for lock in locks_on(beside(path, SHM)) if lock.covers(_DMS)}
    if not only_reads or {lock.process for lock in locks_on(path) if lock.reaches(_SHARED)} - users:
        raise LogHasTwoNames(log=str(path), reason=reason)


def _second_name(path: Path) -> Text | None:
    try:
        if path.stat().st_nlink > 1:
            return pair("it has another name as well (a hard link)")
        mounts = _MOUNTS.read_bytes()
    except OSError:
        return None
    real = os.fsencode(os.path.realpath(path))
    is_mounted = any(line.split(b" ")[4] == _escaped(real) for line in mounts.splitlines())
    return pair("the file is mounted alone, without its folder") if is_mounted else None


def _escaped(path: bytes) -> bytes:
    """As the list of mounts writes a path."""
    for character in b"\\ \t\n":
        path = path.replace(bytes([character]), b"\\%03o" % character)
    return path


def _orphaned(path: Path, reason: Text, wal: Path) -> WalOrphaned:
    return WalOrphaned(log=str(path), wal=str(wal), reason=reason)


def _used_by_others(path: Path) -> Text | None:
    """Whoever has what stands beside a file open, and not this file, but another one that stood here before it.

    SQLite would write to both through one `-wal`. None where nobody has, and where the system does not tell.
    """
    users = {lock.process for lock in locks_on(beside(path, SHM)) if lock.covers(_DMS)}
    if users:
        users -= {lock.process for lock in locks_on(path) if lock.reaches(_SHARED)}
    process = min((each for each in users if each > 0), default=None)
    if process is None:
        return None
    return pair(
        "process {process} ({program}) has another file open, which stood there before it",
        process=process,
        program=program_of(process),
    )


def _contradiction(path: Path, timeout: float) -> Text | None:
    """Why what stands in the `-wal` cannot belong to a file; None where it goes on from what the file holds."""
    before = _own_head(path)
    wrong = pair("what it holds does not go on from what the file holds")
    try:
        with closing(open_read_only(path, timeout=timeout)) as connection:
            connection.execute("BEGIN")
            head = _head(connection)
            if head is None and connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
                # Of a file without tables only a transaction that makes some can stand there.
                return wrong if _holds_a_commit(beside(path, WAL)) else None
            goes_on = _goes_on(connection, before, head) if head is not None else _is_kept(connection, before)
            return None if goes_on else wrong
    except sqlite3.OperationalError as error:
        if is_locked(error) or is_refused(error):
            raise
        return None if before is None and "no such table" in str(error) else wrong
    except sqlite3.DatabaseError:
        return wrong


class _LastRecord(NamedTuple):
    """The last accepted record: its number, its hash and its offset."""

    number: int
    hash: bytes
    offset: int | None


def _own_head(path: Path) -> _LastRecord | None:
    """What the file alone knows, perhaps while pages are moved to it; None where its tables are not in it yet."""
    try:
        with closing(sqlite3.connect(read_only_uri(path, immutable=True), uri=True)) as connection, reading_schema():
            return _head(connection)
    except sqlite3.DatabaseError:
        return None


def _head(connection: sqlite3.Connection) -> _LastRecord | None:
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'head'").fetchone() is None:
        return None
    found = connection.execute("SELECT number, hash, record_offset FROM head").fetchone()
    return _LastRecord._make(found) if found is not None else None


def _goes_on(connection: sqlite3.Connection, before: _LastRecord | None, head: _LastRecord) -> bool:
    """Whether every record behind the file's own last one is there, and was built on the one before it."""
    number, digest = (before.number, before.hash) if before is not None else (0, None)
    if number:
        kept = connection.execute("SELECT hash FROM accepted_records WHERE number = ?", (number,)).fetchone()
        if kept is None or kept[0] != digest:
            return False
    for next_number, next_digest, value in connection.execute(_SELECT_BEHIND, (number,)):
        header = read_header(value) if isinstance(value, bytes) else None
        if header is None or next_number != number + 1 or sha256(value).digest() != next_digest:
            return False
        if digest not in {None, header.previous}:
            return False
        number, digest = next_number, next_digest
    return number == head.number and digest == head.hash


def _holds_a_commit(wal: Path) -> bool:
    """Whether a `-wal` holds a whole transaction (its format: sqlite.org/fileformat2.html, section 4)."""
    with wal.open("rb") as file:
        header = file.read(_WAL_HEADER)
        page_size, salts = int.from_bytes(header[8:12], "big"), header[16:24]
        while len(frame := file.read(_FRAME_HEADER)) == _FRAME_HEADER and frame[8:16] == salts:
            if frame[4:8] != bytes(4):
                return True
            file.seek(page_size, os.SEEK_CUR)
    return False


def _is_kept(connection: sqlite3.Connection, before: _LastRecord | None) -> bool:
    """Where the index is to be made anew: whether the file's own last record is there."""
    if before is None or before.offset is None:
        return True
    return connection.execute("SELECT 1 FROM records WHERE record_offset = ?", (before.offset,)).fetchone() is not None
