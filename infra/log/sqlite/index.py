"""The index of an embedded log: in the same file as the tape, and shared by all processes that use it.

It is a function of the tape, so whoever reads a record may write its rows, and whoever comes second finds them there.
The rows of an own record join the transaction that appends it. Where the tables are gone, or do not say how far they
have been filled, they are made anew from the tape.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from infra.errors import LogUnusable
from infra.log.errors import NewerLog
from infra.log.index import CREATE_TABLES, TABLES, Applied, Index
from infra.log.index_head import CLOSED_VERSION, CLOSINGS, VERSION, Head, StoppedAt
from infra.sqlite_file import writing

_SELECT_STAMP: Final = "SELECT appended_at FROM records WHERE record_offset = ?"


class EmbeddedIndex(Index):
    """See `Index`. Raises LogUnusable whenever the file cannot be used."""

    unusable = LogUnusable

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        resources = ExitStack()
        resources.enter_context(closing(connection))
        super().__init__(path, connection, resources)
        self._filled_to = 0
        self._begun = 0

    def head(self) -> Head | None:
        """How far the tables are filled, by whichever process; None when they are new."""
        found = super().head()
        self._filled_to = found.next_offset if found is not None else 0
        return found

    def fill(self, records: Sequence[Applied], head: Head) -> None:
        """Write accepted records and the head after them, as far as no other process has. Raises RecordRefused."""
        if not self._connection.in_transaction and self._present() >= head.next_offset:
            return
        self.add(records)
        with self._rolling_back:
            if head.next_offset > self._filled_to:
                self.write_head(head)
            self._connection.execute("COMMIT")
        self._filled_to = max(self._filled_to, head.next_offset)

    def begin(self, records: Sequence[Applied], head: Head) -> None:
        """Write an own record, stamped as the tape did, and the head after it in the tape's transaction for it."""
        (record,) = records
        with self._rolling_back:
            present = self._present()
            if present != record.offset:
                raise self._emptied(present, record.offset)
            (appended_at,) = self._connection.execute(_SELECT_STAMP, (record.offset,)).fetchone()
        super().begin([record._replace(appended_at=appended_at)], head)
        self._begun = head.next_offset

    def add(self, records: Sequence[Applied]) -> None:
        """Write accepted records, as far as no other process has. Raises RecordRefused."""
        with self._rolling_back:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
                self._filled_to = self._present()
        super().add([record for record in records if record.offset >= self._filled_to])

    def begin_anew(self, known_voids: Iterable[tuple[int, int]]) -> None:
        """See `Index`. Up to the next `fill`, which shows all of it at once, nobody else writes to the log."""
        super().begin_anew(known_voids)
        self._filled_to = 0

    def commit(self) -> None:
        """Nothing to do: the tape has committed the record and the rows that joined it together."""
        self._filled_to = self._begun

    def _present(self) -> int:
        """The offset to which the tables are filled. Raises LogUnusable when that is less than it was."""
        with self._mapped:
            row = self._connection.execute("SELECT next_offset FROM head").fetchone()
        present: int = row[0] if row is not None else 0
        if present < self._filled_to:
            raise self._emptied(present, self._filled_to)
        return present

    def _emptied(self, present: int, expected: int) -> LogUnusable:
        reason = f"its tables were filled to offset {expected}, and go to {present}: somebody else has changed them"
        return self.unusable(log=str(self.path), reason=reason)


class IndexBehind(Exception):  # handled within the log, which makes an index of its own
    """The index in the file is not as far as the tape, or not whole, and whoever only reads cannot mend that."""


class IndexForReading(EmbeddedIndex):
    """See `EmbeddedIndex`: for whoever only reads, so that nothing is written. What should be raises IndexBehind."""

    def __init__(self, path: Path, connection: sqlite3.Connection, uri: str) -> None:
        """`uri`: how the file is opened without writing to it."""
        super().__init__(path, connection)
        self.database = uri

    def expect_much(self, *, expected: bool) -> None:
        """Nothing is written."""

    def add(self, records: Sequence[Applied]) -> None:
        """Nothing: whoever appended them has written their rows. `fill` looks."""

    def fill(self, records: Sequence[Applied], head: Head) -> None:
        """Raises IndexBehind where the file's rows do not go that far."""
        del records
        with self._mapped:
            row = self._connection.execute("SELECT next_offset FROM head").fetchone()
        if row is None or row[0] < head.next_offset:
            raise IndexBehind

    def begin_anew(self, known_voids: Iterable[tuple[int, int]]) -> None:
        """Raises IndexBehind."""
        del known_voids
        raise IndexBehind

    def tell_stop(self, stop: StoppedAt | None) -> None:
        """Nobody is told: whoever writes finds it out as well."""


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """The names of the tables of a file."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables that are filled from the tape; anew where they do not say how far, or are an older release's.

    Raises NewerLog for those of a newer release, which may know records that this one does not.
    """
    if are_whole(connection, path):
        return
    with writing(connection):
        # Another process may have made them by now.
        if not are_whole(connection, path):
            for table in (*TABLES, CLOSINGS):
                connection.execute(f"DROP TABLE IF EXISTS {table}")
            for statement in CREATE_TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")


def forget_tables(connection: sqlite3.Connection) -> None:
    """Have the tables made anew by whoever opens the log next."""
    with writing(connection):
        for table in TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {table}")


def are_whole(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there, say how far they are filled, and are this release's. Raises NewerLog."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > CLOSED_VERSION:
        reason = f"a newer release made its tables (version {version}, not {CLOSED_VERSION})"
        raise NewerLog(log=str(path), reason=reason)
    if version < VERSION or not tables_of(connection).issuperset(TABLES):
        return False
    if connection.execute("SELECT 1 FROM head").fetchone() is not None:
        return True
    filled = ("stored_events", "answers", "accepted_records")
    return all(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None for table in filled)  # noqa: S608
