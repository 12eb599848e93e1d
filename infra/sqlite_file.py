"""Opening a SQLite file that others may open, or make, in the same moment; and one that is only read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from domain.i18n import Text
from infra.file_locks import holder, locks_on
from infra.retry import Retry

WAL: Final = "-wal"
SHM: Final = "-shm"
JOURNAL: Final = "-journal"

BUSY_TIMEOUT: Final = 30.0
"""Seconds to wait for a transaction of somebody else before giving up."""

_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.1
_PRIMARY_CODE: Final = 0xFF
"""The bits of an error's code that do not tell its details."""
_WAL_WRITE: Final = 120
"""The byte of the `-shm` that whoever writes has locked."""
_PENDING: Final = 0x40000000
"""The first byte of the file itself that a lock of SQLite may be on."""


def open_in_wal_mode(
    path: Path | str, *, timeout: float = BUSY_TIMEOUT, page_size: int | None = None
) -> sqlite3.Connection:
    """A connection to a file in WAL mode, which is made when missing; it commits by itself, and threads may share it.

    `path` as text may be a URI. `timeout`: seconds to wait for somebody else's transaction, here and later.
    `page_size`: bytes of a page, if the file is new. Raises sqlite3.Error.
    """
    connection = sqlite3.connect(
        path, timeout=timeout, isolation_level=None, check_same_thread=False, uri=isinstance(path, str)
    )
    try:
        with reading_schema():
            if page_size is not None:
                connection.execute(f"PRAGMA page_size = {page_size}")
            _switch_to_wal(connection, timeout)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def reading_schema() -> Iterator[None]:
    """A block with the first statement of a connection. Raises sqlite3.DatabaseError whatever the schema's text is.

    SQLite quotes it in its error, and Python raises another one where that is no UTF-8.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise sqlite3.DatabaseError("malformed database schema: its text is no UTF-8") from error


def _switch_to_wal(connection: sqlite3.Connection, timeout: float) -> None:
    # Who switches has read the file before it writes, and in that order SQLite does not wait for another writer, but
    # says at once that the file is locked: two that did wait would each keep the other from going on.
    tries = Retry(timeout, pause=_PAUSE, longest=_LONGEST_PAUSE)
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_locked(error) or tries.is_over:
                raise
            tries.pause()
        else:
            return


def read_only_uri(path: Path, *, immutable: bool = False) -> str:
    """How SQLite is told to open a file without ever writing to it; `immutable`: and that nobody else does."""
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"


def open_read_only(path: Path, *, timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """A connection that never writes to the file, commits by itself, and may be shared by threads.

    See `uri_for_reading`. `timeout`: seconds to wait for whoever has the file for himself. Raises sqlite3.Error.
    """
    return _connect(uri_for_reading(path, timeout=timeout), timeout)


def uri_for_reading(path: Path, *, timeout: float = BUSY_TIMEOUT) -> str:
    """How a file can be opened that is only read, tried out. Raises sqlite3.Error where it cannot.

    Where its folder cannot be written either, SQLite cannot keep beside it what its readers share. As long as no `-wal`
    holds anything, the file alone is all of it, and nobody is writing: then it is read as one that does not change.
    """
    uri = read_only_uri(path)
    with closing(_connect(uri, timeout)) as connection:
        try:
            with reading_schema():
                connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as error:
            if not is_refused(error) or has_content(beside(path, WAL)):
                raise
        else:
            return uri
    uri = read_only_uri(path, immutable=True)
    with closing(_connect(uri, timeout)) as connection, reading_schema():
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    return uri


def _connect(uri: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)


def is_locked(error: sqlite3.Error) -> bool:
    """Whether somebody else held a lock for too long."""
    return _primary_code(error) == sqlite3.SQLITE_BUSY


def is_refused(error: sqlite3.Error) -> bool:
    """Whether the system does not let this process open or write what it must."""
    return _primary_code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}


def _primary_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & _PRIMARY_CODE


def lock_holder(path: Path) -> Text:
    """Who keeps others from writing to a file, in words."""
    writers = [lock for lock in locks_on(beside(path, SHM)) if lock.writes and lock.covers(_WAL_WRITE)]
    return holder(writers or [lock for lock in locks_on(path) if lock.writes and lock.reaches(_PENDING)])


def beside(path: Path, ending: str) -> Path:
    """The file that SQLite keeps beside a database. It follows links first."""
    return Path(os.path.realpath(path) + ending)


def has_content(path: Path) -> bool:
    """Whether there is a file with anything in it."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that has the file for itself from its beginning, all or nothing. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Forget what was begun. After some errors, as on a full disk, SQLite has done so itself."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
