"""The store of the read models in one SQLite file.

The file is in WAL mode: readers keep their snapshot while one process writes, and a writer waits for another. With
`synchronous=NORMAL` a power loss may take the last transactions, each as a whole: the engine then applies them again.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Self

from infra.opened_files import OpenedFiles
from infra.sqlite_file import BUSY_TIMEOUT, is_locked, lock_holder, open_in_wal_mode, open_read_only
from infra.views.errors import ViewsLocked, ViewsMoved, ViewsUnavailable
from projections.engine.ports import InvalidRow
from projections.engine.table import Row, Table, Value

PAGE_SIZE = 8192
"""Bytes of a page of a new file: rows of the audit have some hundred, and every page that is full is split."""

CHECKPOINT_PAGES = 4000
"""Pages in the WAL before they are copied into the file: a page that many batches change is copied once."""


_CHUNK = 1000
"""Rows in memory at once while a whole table is read."""


class _SQLiteTransaction:
    """A Reader or Writer on a connection with an open transaction."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def select(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        try:
            cursor = self._connection.execute(sql, parameters)
            found = cursor.fetchall()
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in found]

    def has_table(self, name: str) -> bool:
        return bool(self.select("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))

    def select_by(self, physical: str, column: str, values: Sequence[Value]) -> list[Row]:
        sql = f"SELECT * FROM {physical} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608  # our own names
        return self.select(sql, (json.dumps(values),))

    def stream(self, sql: str) -> Iterator[list[tuple[Value, ...]]]:
        try:
            cursor = self._connection.execute(sql)
            while chunk := cursor.fetchmany(_CHUNK):
                yield chunk
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error

    def pin(self, names: Sequence[str]) -> None:
        """Nothing to do: a snapshot keeps what others drop."""

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        try:
            return self._connection.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error

    def create(self, table: Table, physical: str) -> None:
        self.execute(table.create(physical))

    def index(self, table: Table, physical: str) -> None:
        for statement in table.index(physical):
            self.execute(statement)

    def upsert(self, table: Table, physical: str, rows: Sequence[tuple[Value, ...]], *, new: bool = False) -> None:
        del new  # nothing is faster than what serves for all
        try:
            self._connection.executemany(table.upsert(physical), rows)
        except (OverflowError, UnicodeError, sqlite3.InterfaceError, sqlite3.ProgrammingError) as error:
            raise InvalidRow(str(error)) from error
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error


class SQLiteViews:
    """Read models in the SQLite file at `path`, which is made when missing. Every method may raise ViewsUnavailable.

    `lock_seconds`: how long to wait for another process that writes. Connections are opened as needed and kept; threads
    may share the object. Close it, or use it as a context.
    """

    def __init__(self, path: Path, *, lock_seconds: float = BUSY_TIMEOUT) -> None:
        self.path = path
        self._lock_seconds = lock_seconds
        self._idle: list[sqlite3.Connection] = []
        self._guard = Lock()
        self._opened: OpenedFiles | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are not in use; the last one folds the WAL into the file."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[_SQLiteTransaction]:
        """A snapshot of the whole store."""
        with self._transaction("BEGIN") as transaction:
            # The snapshot is taken by the first read, not by BEGIN.
            transaction.has_table("")
            yield transaction

    @contextmanager
    def exclusive_transaction(self) -> Iterator[_SQLiteTransaction]:
        """The write lock and a transaction: committed at the end, rolled back on an error."""
        with self._transaction("BEGIN IMMEDIATE") as transaction:
            yield transaction

    def transaction(self) -> AbstractContextManager[_SQLiteTransaction]:
        """The same: a file has one writer at a time."""
        return self.exclusive_transaction()

    def drop(self, names: Sequence[str]) -> bool:
        """Drop tables at once: snapshots keep what they began with."""
        with self.exclusive_transaction() as transaction:
            for name in names:
                transaction.execute(f"DROP TABLE IF EXISTS {name}")
        return True

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[_SQLiteTransaction]:
        self._check_place()
        connection = self._connection()
        transaction = _SQLiteTransaction(self.path, connection)
        try:
            transaction.execute(begin)
            yield transaction
            transaction.execute("COMMIT")
        except BaseException:
            # Closing rolls back, and leaves no connection behind whose state is in doubt.
            connection.close()
            raise
        with self._guard:
            self._idle.append(connection)

    def _check_place(self) -> None:
        """Raises ViewsMoved where the path does not lead to the file that this object has read and written so far."""
        with self._guard:
            opened = self._opened
        reason = opened.moved() if opened is not None else None
        if reason is not None:
            raise ViewsMoved(path=str(self.path), reason=reason)

    def _connection(self) -> sqlite3.Connection:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        try:
            connection = open_in_wal_mode(self.path, timeout=self._lock_seconds, page_size=PAGE_SIZE)
        except sqlite3.Error as error:
            raise _unavailable(self.path, error) from error
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except sqlite3.Error as error:
            connection.close()
            raise _unavailable(self.path, error) from error
        with self._guard:
            self._opened = self._opened or OpenedFiles(self.path, ())
        return connection


def is_read_only(path: Path) -> bool:
    """Whether nothing can be written to a file, or to its folder, where SQLite writes beside it."""
    there = next(folder for folder in path.absolute().parents if folder.exists())
    return not os.access(there, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK))


def copied_for_itself(path: Path, copy: Path) -> Path:
    """Take over what stands in read models that cannot be written to; they begin anew where it cannot be read.

    Returns the path of the copy.
    """
    if path.exists():
        try:
            with closing(open_read_only(path)) as there, closing(sqlite3.connect(copy)) as here:
                there.backup(here)
        except sqlite3.Error:
            copy.unlink(missing_ok=True)
    return copy


def _unavailable(path: Path, error: sqlite3.Error) -> ViewsUnavailable:
    if is_locked(error):
        return ViewsLocked(path=str(path), holder=lock_holder(path))
    return ViewsUnavailable(path=str(path), problem=str(error))
