"""The rows of a publisher's fold in a SQLite file of their own, so that a start need not fold the whole log.

A cache, of one process at a time. It is believed only where every row is what was saved, for this log, this partition
and this release's fold: each row has a digest, and the checkpoint has one of all of them. Whatever else is found is
forgotten, and said in the log; where another process has the file, a temporary one is used instead. So nothing is done
against a torn transaction but to notice it: there is no journal beside the file, which somebody who replaced the file
would leave to the next. Memory holds what the events since the last checkpoint changed, and a few pages of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
import structlog

from consumers.publisher_ports import FoldCheckpoint, FoldStoreDamaged
from infra.private_files import make_private
from infra.sqlite_file import reading_schema, roll_back, writing
from infra.state_files import StateUnusable
from projections.engine.table import Key, Row, Table
from projections.public_decisions.read_model import DECISIONS, FeedPosition
from projections.public_decisions.tables import DOSSIERS, UNITS

_log = structlog.get_logger("publisher")

_VERSION: Final = 1
"""Of these tables, kept as SQLite's `user_version`."""
_CREATE: Final = f"""
BEGIN;
CREATE TABLE rows (kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE checkpoint (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), body BLOB NOT NULL, digest BLOB NOT NULL);
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_CACHE_KIB: Final = 256
_DIGEST_BYTES: Final = 16
_NO_ROWS: Final = bytes(_DIGEST_BYTES)
_TABLES: Final = {table.name: table for table in (DOSSIERS, UNITS)}


class _Saved(msgspec.Struct, frozen=True):
    """A checkpoint as it stands in the file. `rows` is the digest of all rows, whatever their order."""

    scope: str
    position: int
    event: bytes
    last: tuple[int, int]
    last_id: str | None
    rows: bytes


class SQLiteFoldStore:
    """See `consumers.publisher_ports.FoldStore`. Not for several threads at once.

    `path`: the file, in the folder of state. Raises StateUnusable where nothing can be written at all.
    """

    def __init__(self, path: Path, log_id: str, partition: int) -> None:
        self._path = path
        self._partition = partition
        # Rows of another release's fold are not these rows.
        self._scope = f"{log_id}/{partition}/{DECISIONS.revision}"
        self._changed: dict[tuple[str, str], Row] = {}
        self._rows = _NO_ROWS
        self._is_kept = True
        self._connection = self._opened()

    def load(self) -> FoldCheckpoint | None:
        """How far the rows go; None, and an empty store, where they are not whole or of something else."""
        try:
            found = self._read_checkpoint()
            if found is not None:
                self._rows = self._digest_of_all(found.rows)
        except (sqlite3.DatabaseError, FoldStoreDamaged) as error:
            _log.warning("publisher.store_damaged", partition=self._partition, path=str(self._path), reason=str(error))
            self.clear()
            return None
        if found is None:
            return None
        return FoldCheckpoint(found.position, found.event, FeedPosition(*found.last), found.last_id)

    def get(self, table: Table, key: Key) -> Row | None:
        """The row of a key, or None. Raises FoldStoreDamaged."""
        name = str(key)
        changed = self._changed.get((table.name, name))
        if changed is not None:
            return changed
        with self._reading():
            found = self._connection.execute(
                "SELECT body, digest FROM rows WHERE kind = ? AND key = ?", (table.name, name)
            ).fetchone()
        return self._row(table, name, *found) if found is not None else None

    def upsert_row(self, table: Table, row: Row) -> None:
        """Insert or replace a row; it is saved with the next checkpoint."""
        self._changed[table.name, str(table.key_of(row))] = row

    def save(self, checkpoint: FoldCheckpoint) -> None:
        """Save all rows with how far they go. Raises StateUnusable, FoldStoreDamaged."""
        digest_of_all = self._rows
        with self._reading(), writing(self._connection):
            for (kind, key), row in self._changed.items():
                old = self._connection.execute(
                    "SELECT digest FROM rows WHERE kind = ? AND key = ?", (kind, key)
                ).fetchone()
                body = msgspec.json.encode(_TABLES[kind].values_of(row))
                digest = self._digest(kind, key, body)
                digest_of_all = _exclusive_or(digest_of_all, digest, *(old or ()))
                self._connection.execute("INSERT OR REPLACE INTO rows VALUES (?,?,?,?)", (kind, key, body, digest))
            saved = _Saved(
                self._scope, checkpoint.position, checkpoint.event, checkpoint.last, checkpoint.last_id, digest_of_all
            )
            body = msgspec.json.encode(saved)
            self._connection.execute(
                "INSERT OR REPLACE INTO checkpoint VALUES (1,?,?)", (body, self._digest("checkpoint", "", body))
            )
        self._rows = digest_of_all
        self._changed.clear()

    def clear(self) -> None:
        """Forget every row. Raises StateUnusable."""
        self._changed.clear()
        self._rows = _NO_ROWS
        self._connection.close()
        self._connection = self._opened(anew=self._is_kept)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _opened(self, *, anew: bool = False) -> sqlite3.Connection:
        """The file, made anew where it is of no use; a temporary one where it cannot be had. Raises StateUnusable."""
        self._is_kept = True
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if anew:
                self._path.unlink(missing_ok=True)
            make_private(self._path)
            try:
                return _open(str(self._path))
            except sqlite3.DatabaseError as error:
                if _is_busy(error):
                    raise
                _log.warning(
                    "publisher.store_damaged", partition=self._partition, path=str(self._path), reason=str(error)
                )
            self._path.unlink()
            make_private(self._path)
            return _open(str(self._path))
        except (OSError, sqlite3.DatabaseError) as error:
            _log.warning("publisher.store_not_kept", partition=self._partition, path=str(self._path), reason=str(error))
        self._is_kept = False
        try:
            # To SQLite this is a file that only this connection sees.
            return _open("")
        except sqlite3.DatabaseError as error:
            raise StateUnusable(path=str(self._path), reason=str(error)) from error

    def _read_checkpoint(self) -> _Saved | None:
        """Raises sqlite3.Error, FoldStoreDamaged; None where there is none of this log and release."""
        found = self._connection.execute("SELECT body, digest FROM checkpoint").fetchone()
        if found is None:
            return None
        body, digest = found
        try:
            saved = msgspec.json.decode(body, type=_Saved)
        except (msgspec.MsgspecError, TypeError, UnicodeDecodeError) as error:
            raise FoldStoreDamaged(f"the checkpoint cannot be read: {error}") from error
        if saved.scope != self._scope:
            _log.info("publisher.store_of_another", partition=self._partition, scope=saved.scope)
            return None
        if not isinstance(body, bytes) or digest != self._digest("checkpoint", "", body):
            raise FoldStoreDamaged("the checkpoint is not what was saved")
        return saved

    def _digest_of_all(self, expected: bytes) -> bytes:
        """Raises sqlite3.Error, FoldStoreDamaged for rows that are not those that were saved."""
        found = _NO_ROWS
        for kind, key, body, digest in self._connection.execute("SELECT kind, key, body, digest FROM rows"):
            self._check(kind, key, body, digest)
            found = _exclusive_or(found, digest)
        if found != expected:
            raise FoldStoreDamaged("rows are missing, or are other ones")
        return found

    def _row(self, table: Table, key: str, body: bytes, digest: bytes) -> Row:
        self._check(table.name, key, body, digest)
        return dict(zip(table.columns, msgspec.json.decode(body), strict=True))

    def _check(self, kind: str, key: str, body: object, digest: object) -> None:
        if not isinstance(body, bytes) or digest != self._digest(kind, key, body):
            raise FoldStoreDamaged(f"the row {key} of {kind} is not what was saved")

    def _digest(self, kind: str, key: str, body: bytes) -> bytes:
        return blake2b(f"{self._scope}/{kind}/{key}/".encode() + body, digest_size=_DIGEST_BYTES).digest()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            roll_back(self._connection)
            raise StateUnusable(path=str(self._path), reason=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise FoldStoreDamaged(str(error)) from error


def _open(path: str) -> sqlite3.Connection:
    """A file with its tables, held for this connection alone. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        with reading_schema():
            for setting in ("locking_mode = EXCLUSIVE", "journal_mode = MEMORY", "synchronous = OFF"):
                connection.execute(f"PRAGMA {setting}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # This takes the lock, which is kept.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        _make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, _VERSION}:
        raise sqlite3.DatabaseError(f"another release made it (version {version} of its tables)")
    if version == 0:
        connection.executescript(_CREATE)


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return (code & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _exclusive_or(first: bytes, *others: bytes) -> bytes:
    number = int.from_bytes(first)
    for each in others:
        number ^= int.from_bytes(each)
    return number.to_bytes(_DIGEST_BYTES)
