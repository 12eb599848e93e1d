"""The tape in an SQLite file: a table of records, appended to by comparison, in one transaction.

`send` begins a transaction, compares the end of the table with what has been read, and inserts the record. The rows of
the index, which stands in the same file, join the transaction. Its commit, with `synchronous=FULL`, is the
acknowledgement: record and rows are on the disk together, or neither is. Before and after it the file must be the one
at its path (`infra.opened_files`). So an outcome is unknown only where somebody moved it in the moment of a commit.

Several processes may write one file. What each of them appends is read by the others as on every tape, and judged by
the same rule.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from domain.i18n import pair
from infra.errors import LogUnusable
from infra.log.errors import LogChanged, LogMoved
from infra.log.index import ErrorsAs
from infra.log.partition_client import FetchResult, Record
from infra.opened_files import OpenedFiles
from infra.sqlite_file import roll_back, writing

CREATE_RECORDS: Final = (
    "CREATE TABLE IF NOT EXISTS records "
    "(record_offset INTEGER PRIMARY KEY, value BLOB NOT NULL, appended_at INTEGER NOT NULL)"
)
"""`appended_at`: milliseconds since 1970, for people; no reader judges by it."""

_CREATE_TAPE: Final = (
    "CREATE TABLE IF NOT EXISTS tape (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), id TEXT NOT NULL)"
)
"""The name of the tape: it goes with every copy of the file, and with no other file."""
_HAS_TAPE: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'tape'"
_LARGEST: Final = 16 << 20
_BYTES_AT_ONCE: Final = 2 << 20
_LOOK_SECONDS: Final = 0.02
_SELECT_END: Final = "SELECT MAX(record_offset) FROM records"
_SELECT_RECORDS: Final = (
    "SELECT record_offset, value, appended_at FROM records WHERE record_offset >= ? ORDER BY record_offset"
)


class SQLiteTape:
    """The records of one file. See `PartitionClient`. Not for several threads at once."""

    largest = _LARGEST
    lag = 0.0

    def __init__(self, path: Path, connection: sqlite3.Connection, opened: OpenedFiles) -> None:
        """`connection` commits by itself; the index of the file writes by it too. `opened`: what it has open."""
        self._path = path
        self._connection = connection
        self._opened = opened
        self._mapped = ErrorsAs(LogUnusable, path)
        self._read_to = 0

    @property
    def tape(self) -> str:
        """See `PartitionClient`. Raises LogUnusable."""
        with self._mapped:
            if self._connection.execute(_HAS_TAPE).fetchone() is None:
                return ""
            (found,) = self._connection.execute("SELECT id FROM tape").fetchone() or ("",)
        return str(found)

    @property
    def session(self) -> object:
        """A file loses nothing while it is open, and is looked for at its path before every use."""
        return self._opened

    def send(self, value: bytes) -> _Insertion | None:
        """Insert a record, up to its commit; None when others have appended. See `PartitionClient`."""
        with self._mapped:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                offset = self._end()
                if offset == self._read_to:
                    row = (offset, value, time.time_ns() // 1_000_000)
                    self._connection.execute("INSERT INTO records VALUES (?,?,?)", row)
                    return _Insertion(self, offset)
            except BaseException:
                roll_back(self._connection)
                raise
            roll_back(self._connection)
            return None

    def commit(self, offset: int) -> int:
        """Make a record durable, with the rows that joined it; its offset. Raises LogUnusable: then it is not there.

        LogMoved says whether it may be.
        """
        with self._mapped:
            try:
                self._check_place()
                self._connection.execute("COMMIT")
            except BaseException:
                roll_back(self._connection)
                raise
        self._check_place(committed=True)
        self._read_to = offset + 1
        return offset

    def read(self, start: int) -> Iterator[FetchResult]:
        """All records from an offset to the end. Raises LogChanged when it ends before that, LogMoved, LogUnusable."""
        self._check_place()
        with self._mapped:
            end = self._end()
        if end < start:
            reason = f"it ends at offset {end}, and offset {start - 1} had been read"
            raise LogChanged(log=str(self._path), reason=reason, index=str(self._path))
        self._read_to = max(self._read_to, start)
        while start < end:
            fetched = self._fetch(start)
            if not fetched.records:
                return
            yield fetched
            # Only now: whoever looks at the first records and asks for no more has not taken in the rest.
            start = fetched.next_offset
            self._read_to = max(self._read_to, start)

    def follow(self, start: int, seconds: float) -> FetchResult:
        """The next records as soon as there are any, looked for every few milliseconds. See `PartitionClient`."""
        deadline = time.monotonic() + seconds
        while True:
            self._check_place()
            with self._mapped:
                end = self._end()
            if end > start:
                return self._fetch(start)
            if time.monotonic() >= deadline:
                return FetchResult([], start)
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _check_place(self, *, committed: bool = False) -> None:
        """Raises LogMoved where the path does not lead to what is open; after a commit, its outcome is not known."""
        reason = self._opened.moved()
        if reason is None:
            return
        outcome = (
            pair("whether the last append is in the log is not known")
            if committed
            else pair("nothing more was appended")
        )
        raise LogMoved(log=str(self._path), reason=reason, outcome=outcome)

    def _end(self) -> int:
        """The offset after the last record."""
        (last,) = self._connection.execute(_SELECT_END).fetchone()
        return 0 if last is None else last + 1

    def _fetch(self, start: int) -> FetchResult:
        records: list[Record] = []
        size = 0
        with self._mapped:
            rows = self._connection.execute(_SELECT_RECORDS, (start,))
            for offset, value, at in rows:
                # What is no bytes is a stranger's.
                is_ours = isinstance(value, bytes) and isinstance(at, int)
                records.append(Record(offset, value, at) if is_ours else Record(offset, None))
                size += len(value) if isinstance(value, bytes) else 0
                if size >= _BYTES_AT_ONCE:
                    break
            rows.close()
        return FetchResult(records, records[-1].offset + 1 if records else start)


def name_tape(connection: sqlite3.Connection, name: str) -> None:
    """Give a tape a name, unless it has one. Raises sqlite3.Error."""
    with writing(connection):
        connection.execute(_CREATE_TAPE)
        connection.execute("INSERT OR IGNORE INTO tape VALUES (1,?)", (name,))


class _Insertion:
    """A record that was inserted and not committed."""

    def __init__(self, tape: SQLiteTape, offset: int) -> None:
        self._tape = tape
        self._offset = offset

    def result(self) -> int:
        """Commit it. See `PendingAppend`."""
        return self._tape.commit(self._offset)
