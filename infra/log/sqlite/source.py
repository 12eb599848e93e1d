"""The file of an embedded log: made when it is missing, and opened with tape and index on one connection."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from infra.errors import LogUnusable
from infra.log.errors import EarlierLog, LogChanged
from infra.log.index import PAGE_SIZE
from infra.log.partition import PartitionAddress
from infra.log.sqlite.index import EmbeddedIndex, make_tables, tables_of
from infra.log.sqlite.tape import CREATE_RECORDS, SQLiteTape
from infra.sqlite_file import open_in_wal_mode, writing

APP: Final = "dossier"
"""The name in the hash that every embedded log begins with; `log_id` tells one from another."""
LOCK_SECONDS: Final = 60.0
"""Seconds to wait for another process that writes."""

_CREATE_LOG: Final = (
    "CREATE TABLE IF NOT EXISTS log (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT NOT NULL)"
)
_INSERT_LOG: Final = "INSERT OR IGNORE INTO log VALUES (1, COALESCE(?, lower(hex(randomblob(16)))))"


class SQLiteSource:
    """See `PartitionSource`: the one partition of an embedded log.

    `log_id`: the name of a log that is made, where it is not a new one. `lock_seconds`: how long to wait for another
    process that writes.
    """

    def __init__(self, path: Path, *, log_id: str | None = None, lock_seconds: float = LOCK_SECONDS) -> None:
        self.address = PartitionAddress(str(path), APP, 1, 0)
        self.index_path = path
        self._given_log_id = log_id
        self._log_id: str | None = None
        self._lock_seconds = lock_seconds

    @property
    def log_id(self) -> str:
        """The name that the log was given when it was made."""
        if self._log_id is None:
            raise AssertionError("the log was not opened")
        return self._log_id

    def open(self) -> tuple[SQLiteTape, EmbeddedIndex]:
        """Tape and index, whose tables are made where they are missing. Raises EarlierLog, LogUnusable."""
        path = self.index_path
        try:
            with ExitStack() as opening:
                connection = opening.enter_context(closing(self._connect()))
                self._make(connection)
                make_tables(connection)
                (self._log_id,) = connection.execute("SELECT log_id FROM log").fetchone()
                opening.pop_all()
                return SQLiteTape(path, connection), EmbeddedIndex(path, connection)
        except sqlite3.Error as error:
            raise LogUnusable(log=str(path), reason=str(error)) from error

    def follower(self) -> SQLiteTape:
        """A connection of its own."""
        try:
            return SQLiteTape(self.index_path, self._connect())
        except sqlite3.Error as error:
            raise LogUnusable(log=str(self.index_path), reason=str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        connection = open_in_wal_mode(self.index_path, timeout=self._lock_seconds, page_size=PAGE_SIZE)
        # A commit is on the disk before anybody is told.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        tables = tables_of(connection)
        if "records" in tables:
            return
        if tables & {"head", "orphans"}:
            reason = "the table of its records is gone"
            raise LogChanged(log=str(self.index_path), reason=reason, index=str(self.index_path))
        if tables & {"stored_events", "answers"}:
            raise EarlierLog(log=str(self.index_path))
        with writing(connection):
            connection.execute(CREATE_RECORDS)
            connection.execute(_CREATE_LOG)
            connection.execute(_INSERT_LOG, (self._given_log_id,))
