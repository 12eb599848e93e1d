"""Opening a SQLite file that others may open, or make, in the same moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.retry import Retry

BUSY_TIMEOUT: Final = 30.0
"""Seconds to wait for a transaction of somebody else before giving up."""

_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.1
_PRIMARY_CODE: Final = 0xFF
"""The bits of an error's code that do not tell its details."""


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
        if page_size is not None:
            connection.execute(f"PRAGMA page_size = {page_size}")
        _switch_to_wal(connection, timeout)
    except BaseException:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection, timeout: float) -> None:
    # Who switches has read the file before it writes, and in that order SQLite does not wait for another writer, but
    # says at once that the file is locked: two that did wait would each keep the other from going on.
    tries = Retry(timeout, pause=_PAUSE, longest=_LONGEST_PAUSE)
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY or tries.is_over:
                raise
            tries.pause()
        else:
            return


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
