"""The file of an embedded log: made when it is missing, and opened with tape and index on one connection."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from functools import cached_property
from pathlib import Path
from typing import Final

from infra.errors import LogUnusable
from infra.log.control_records import Genesis, MalformedControlRecord, parse_genesis
from infra.log.errors import EarlierLog, LogChanged
from infra.log.format import HEADER_LENGTH
from infra.log.founding import Founder
from infra.log.index import PAGE_SIZE
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_knowledge import PartitionAddress
from infra.log.sqlite.index import EmbeddedIndex, make_tables, tables_of
from infra.log.sqlite.tape import CREATE_RECORDS, SQLiteTape
from infra.sqlite_file import open_in_wal_mode, writing

APP: Final = "dossier"
"""The name in the hash that every embedded log begins with; its identity tells one from another."""
LOCK_SECONDS: Final = 60.0
"""Seconds to wait for another process that writes."""

_CREATE_LOG: Final = (
    "CREATE TABLE IF NOT EXISTS log (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), "
    "app TEXT NOT NULL, partition INTEGER NOT NULL, partitions INTEGER NOT NULL)"
)
_SELECT_ANY: Final = "SELECT 1 FROM records LIMIT 1"
_SELECT_FIRST: Final = (
    "SELECT value FROM records WHERE record_offset = (SELECT record_offset FROM accepted_records WHERE number = 1)"
)


class SQLiteSource:
    """See `PartitionSource`: the one partition of an embedded log.

    `continues`: the id of the log that a new one takes over. `lock_seconds`: how long to wait for another process that
    writes. `keys`: this host's keys, None: those in a folder beside the file, made when they are missing.
    """

    def __init__(
        self,
        path: Path,
        *,
        continues: str = "",
        lock_seconds: float = LOCK_SECONDS,
        keys: LogKeys | None = None,
    ) -> None:
        self.index_path = path
        self.keys = keys or own_keys(path)
        # Whoever may write to the file is no stranger.
        self.address = PartitionAddress(str(path), APP, 1, 0, _noted_identity(path, self.keys), strangers=False)
        self._continues = continues
        self._lock_seconds = lock_seconds

    @cached_property
    def log_id(self) -> str:
        """What the genesis says: the id of the log that it continues, else its own identity."""
        return _log_id(self.genesis())

    def genesis(self) -> Genesis:
        """The genesis of the log. Raises LogUnusable where it is not there."""
        try:
            with closing(_reading(self.index_path)) as connection:
                found = _genesis(connection)
        except sqlite3.Error as error:
            raise LogUnusable(log=str(self.index_path), reason=str(error)) from error
        if found is None:
            raise LogChanged(log=str(self.index_path), reason="its genesis is gone", index=str(self.index_path))
        return found

    def provide_schemas(self, *, required: bool) -> None:
        """Nothing: whoever reads the file has the program."""

    def founder(self) -> Founder:
        """Of the one partition."""
        address = self.address
        return Founder(address.name, address.app, 1, lambda _number: self.follower(), address.identity, self._continues)

    def open(self) -> tuple[SQLiteTape, EmbeddedIndex]:
        """Tape and index, whose tables are made where they are missing. Raises EarlierLog, LogUnusable."""
        path = self.index_path
        try:
            with ExitStack() as opening:
                connection = opening.enter_context(closing(self.connect()))
                self._make(connection)
                make_tables(connection, path)
                opening.pop_all()
                return SQLiteTape(path, connection), EmbeddedIndex(path, connection)
        except sqlite3.Error as error:
            raise LogUnusable(log=str(path), reason=str(error)) from error

    def follower(self) -> SQLiteTape:
        """A connection of its own."""
        try:
            return SQLiteTape(self.index_path, self.connect())
        except sqlite3.Error as error:
            raise LogUnusable(log=str(self.index_path), reason=str(error)) from error

    def connect(self) -> sqlite3.Connection:
        """A connection as records are written by. Raises sqlite3.Error."""
        connection = open_in_wal_mode(self.index_path, timeout=self._lock_seconds, page_size=PAGE_SIZE)
        # A commit is on the disk before anybody is told.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        tables = tables_of(connection)
        if "records" in tables:
            return
        if tables & {"head", "accepted_records"}:
            reason = "the table of its records is gone"
            raise LogChanged(log=str(self.index_path), reason=reason, index=str(self.index_path))
        if tables & {"stored_events", "answers"}:
            raise EarlierLog(log=str(self.index_path))
        address = self.address
        with writing(connection):
            connection.execute(CREATE_RECORDS)
            connection.execute(_CREATE_LOG)
            row = (address.app, address.partition, address.partitions)
            connection.execute("INSERT OR IGNORE INTO log VALUES (1,?,?,?)", row)


def log_id_in(path: Path) -> str | None:
    """The id of the log in a file that is only read, an earlier one too; None where there is none."""
    try:
        with closing(_reading(path)) as connection:
            if "records" in tables_of(connection):
                found = _genesis(connection)
                return _log_id(found) if found is not None else None
            (log_id,) = connection.execute("SELECT log_id FROM log").fetchone() or (None,)
            return log_id
    except (sqlite3.Error, MalformedControlRecord):
        return None


def _noted_identity(path: Path, keys: LogKeys) -> bytes | None:
    """The identity that the log in a file must have, as its keys remember it; None for a file without records."""
    identity = keys.identity()
    if identity is None or not path.exists():
        return None
    try:
        with closing(_reading(path)) as connection:
            is_begun = "records" in tables_of(connection) and connection.execute(_SELECT_ANY).fetchone() is not None
    except sqlite3.Error:
        # Whoever opens it next says what is wrong with it.
        return identity
    return identity if is_begun else None


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _genesis(connection: sqlite3.Connection) -> Genesis | None:
    (value,) = connection.execute(_SELECT_FIRST).fetchone() or (None,)
    return parse_genesis(value[HEADER_LENGTH:]) if value is not None else None


def _log_id(genesis: Genesis) -> str:
    return genesis.continues or genesis.identity.hex()


def own_keys(path: Path) -> LogKeys:
    """The keys of an embedded log that are made by itself, in a folder beside it."""
    return LogKeys(KeyFolder(path.with_name(f"{path.name}.keys")), makes_own=True)
