"""The store of the read models in one SQLite file.

The file is in WAL mode: readers keep their snapshot while one process writes, and a writer waits for another. With
`synchronous=NORMAL` a power loss may take the last transactions, each as a whole: the engine then applies them again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Self

from domain.errors import InfrastructureError
from projections.table import Row, Value

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's transaction before giving up."""

CHECKPOINT_PAGES = 8000
"""Pages (of 4 KiB) in the WAL before they are copied into the file: a page that many batches change is copied once."""


class ViewsUnavailable(InfrastructureError):
    """The store of the read models could not be used."""

    code = "VIEWS_UNAVAILABLE"
    en = "the read models in {path} cannot be used: {problem}"
    vi = "không dùng được các bảng tra cứu trong {path}: {problem}"
    hint_en = "if the file is damaged, delete it: the read models are made again from the log"
    hint_vi = "nếu tệp bị hỏng, hãy xóa: các bảng tra cứu được lập lại từ nhật ký"


class _Transaction:
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

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        try:
            self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error


class SQLiteViews:
    """Read models in the SQLite file at `path`, which is made when missing. Every method may raise ViewsUnavailable.

    Connections are opened as needed and kept; threads may share the object. Close it, or use it as a context.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = Lock()

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
    def reading(self) -> Iterator[_Transaction]:
        """A snapshot of the whole store."""
        with self._transaction("BEGIN") as transaction:
            # The snapshot is taken by the first read, not by BEGIN.
            transaction.has_table("")
            yield transaction

    @contextmanager
    def writing(self) -> Iterator[_Transaction]:
        """The write lock and a transaction: committed at the end, rolled back on an error."""
        with self._transaction("BEGIN IMMEDIATE") as transaction:
            yield transaction

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[_Transaction]:
        connection = self._take()
        transaction = _Transaction(self.path, connection)
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

    def _take(self) -> sqlite3.Connection:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unavailable(self.path, error) from error
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except sqlite3.Error as error:
            connection.close()
            raise _unavailable(self.path, error) from error
        return connection


def _unavailable(path: Path, error: sqlite3.Error) -> ViewsUnavailable:
    return ViewsUnavailable(path=str(path), problem=str(error))
