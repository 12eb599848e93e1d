"""The file of an embedded log: made when it is missing, and opened with tape and index on one connection."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing, suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from infra.log.control_records import CONTINUES_MOVED, Genesis, MalformedControlRecord, parse_genesis
from infra.log.errors import EarlierLog, LogChanged, LogHasTwoNames
from infra.log.format import HEADER_LENGTH
from infra.log.founding import Founder
from infra.log.index import PAGE_SIZE, Index, file_error
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_knowledge import PartitionAddress
from infra.log.sqlite.beside import check_beside, check_one_name
from infra.log.sqlite.index import EmbeddedIndex, make_tables, tables_of
from infra.log.sqlite.tape import CREATE_RECORDS, SQLiteTape, name_tape
from infra.opened_files import OpenedFiles
from infra.sqlite_file import is_locked, open_in_wal_mode, open_read_only, writing

APP: Final = "dossier"
"""The name in the hash that every embedded log begins with; its identity tells one from another."""
_TAPE_BYTES: Final = 16
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
    """See `PartitionSource`: the one partition of an embedded log. Who only reads uses `reading.ReadOnlySource`.

    `continues`: the id of the log that a new one takes over. `lock_seconds`: how long to wait for another process that
    writes. `keys`: this host's keys, None: those in a folder beside the file, made when they are missing. Raises
    LogLocked where another process has the file for itself for that long.
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
        self.file = path
        """The file that is opened."""
        self.keys = keys or own_keys(path)
        identity = _noted_identity(path, self.keys, lock_seconds)
        # Whoever may write to the file is no stranger.
        self.address = PartitionAddress(str(path), APP, 1, 0, identity, strangers=False)
        self._continues = continues
        self.lock_seconds = lock_seconds

    @cached_property
    def log_id(self) -> str:
        """What the genesis says: the id of the log that it continues, else its own identity."""
        return _log_id(self.genesis())

    def genesis(self) -> Genesis:
        """The genesis of the log. Raises LogUnusable where it is not there."""
        try:
            with closing(open_read_only(self.file, timeout=self.lock_seconds)) as connection:
                found = self.genesis_in(connection)
        except sqlite3.Error as error:
            raise file_error(self.index_path, error) from error
        if found is None:
            path = str(self.index_path)
            raise LogChanged(log=path, reason="its genesis is gone", index=path, is_emptied=True)
        return found

    def provide_schemas(self, *, required: bool) -> None:
        """Nothing: whoever reads the file has the program."""

    def name_tape(self) -> None:
        """See `PartitionSource`."""
        try:
            with closing(self.connect()) as connection:
                name_tape(connection, os.urandom(_TAPE_BYTES).hex())
        except sqlite3.Error as error:
            raise file_error(self.index_path, error) from error

    def genesis_in(self, connection: sqlite3.Connection) -> Genesis | None:
        """The genesis in the opened file; None where it is not there. Raises sqlite3.Error."""
        return _genesis(connection)

    def founder(self) -> Founder:
        """Of the one partition."""
        address = self.address
        return Founder(address.name, address.app, 1, lambda _number: self.follower(), address.identity, self._continues)

    def open(self) -> tuple[SQLiteTape, Index]:
        """Tape and index, whose tables are made where they are missing.

        Raises EarlierLog, WalOrphaned, LogHasTwoNames, LogMoved, LogLocked, LogUnusable.
        """
        path = self.index_path
        try:
            self._check_one_name()
            with ExitStack() as opening:
                connection = opening.enter_context(closing(self.connect()))
                if not has_records(connection, path):
                    self._make(connection)
                make_tables(connection, path)
                tape = SQLiteTape(path, connection, OpenedFiles(path))
                opening.pop_all()
                return tape, EmbeddedIndex(path, connection)
        except sqlite3.Error as error:
            raise file_error(path, error) from error

    def follower(self) -> SQLiteTape:
        """A connection of its own."""
        path = self.index_path
        try:
            with ExitStack() as opening:
                connection = opening.enter_context(closing(self.connect()))
                # Only now are the files open.
                tables_of(connection)
                tape = SQLiteTape(path, connection, OpenedFiles(path))
                opening.pop_all()
                return tape
        except sqlite3.Error as error:
            raise file_error(self.index_path, error) from error

    def connect(self) -> sqlite3.Connection:
        """A connection as records are written by. Raises WalOrphaned, sqlite3.Error."""
        check_beside(self.index_path, self.lock_seconds)
        connection = open_in_wal_mode(self.index_path, timeout=self.lock_seconds, page_size=PAGE_SIZE)
        # A commit is on the disk before anybody is told.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _check_one_name(self) -> None:
        """Raises LogHasTwoNames; EarlierLog for one of which an upgrade that was cut short has kept the old file."""
        try:
            check_one_name(self.index_path)
        except LogHasTwoNames:
            with (
                suppress(sqlite3.Error),
                closing(open_read_only(self.index_path, timeout=self.lock_seconds)) as connection,
            ):
                has_records(connection, self.index_path)
            raise

    def _make(self, connection: sqlite3.Connection) -> None:
        address = self.address
        with writing(connection):
            connection.execute(CREATE_RECORDS)
            connection.execute(_CREATE_LOG)
            row = (address.app, address.partition, address.partitions)
            connection.execute("INSERT OR IGNORE INTO log VALUES (1,?,?,?)", row)


def has_records(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether there is a tape; False in a file without tables. Raises LogChanged where it is gone, EarlierLog."""
    tables = tables_of(connection)
    if "records" in tables:
        return True
    if tables & {"head", "accepted_records"}:
        reason = "the table of its records is gone"
        raise LogChanged(log=str(path), reason=reason, index=str(path), is_emptied=True)
    if tables & {"stored_events", "answers"}:
        raise EarlierLog(log=str(path))
    return False


def log_id_in(path: Path) -> str | None:
    """The id of the log in a file that is only read, an earlier one too; None where there is none."""
    try:
        with closing(open_read_only(path)) as connection:
            if "records" in tables_of(connection):
                found = _genesis(connection)
                return _log_id(found) if found is not None else None
            (log_id,) = connection.execute("SELECT log_id FROM log").fetchone() or (None,)
            return log_id
    except (sqlite3.Error, MalformedControlRecord):
        return None


def _noted_identity(path: Path, keys: LogKeys, lock_seconds: float) -> bytes | None:
    """The identity that the log in a file must have, as its keys remember it; None for a file without records.

    Raises LogLocked.
    """
    identity = keys.identity()
    if identity is None or not path.exists():
        return None
    try:
        with closing(open_read_only(path, timeout=lock_seconds)) as connection:
            is_begun = "records" in tables_of(connection) and connection.execute(_SELECT_ANY).fetchone() is not None
    except sqlite3.Error as error:
        if is_locked(error):
            raise file_error(path, error) from error
        # Whoever opens it next says what is wrong with it.
        return identity
    return identity if is_begun else None


def _genesis(connection: sqlite3.Connection) -> Genesis | None:
    (value,) = connection.execute(_SELECT_FIRST).fetchone() or (None,)
    return parse_genesis(value[HEADER_LENGTH:]) if value is not None else None


def _log_id(genesis: Genesis) -> str:
    continues = genesis.continues
    return continues if continues and not continues.startswith(CONTINUES_MOVED) else genesis.identity.hex()


def own_keys(path: Path) -> LogKeys:
    """The keys of an embedded log that are made by itself, in a folder beside it."""
    return LogKeys(KeyFolder(path.with_name(f"{path.name}.keys")), makes_own=True)
