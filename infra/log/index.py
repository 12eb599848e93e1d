"""The index of one partition: the library's SQLite schema, filled from the log, and how far it has been filled.

It is written in the log's order alone, each record as a whole and with the head in one transaction. The index of a log
on Kafka is a file of its own and a cache: what a power loss takes from it is read again from the log, and one process
uses it at a time (`index_file`). That of an embedded log stands in the log's own file (`infra.log.sqlite.index`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from consumers.commands.ports import CommandKey
from infra.errors import LogLocked, LogUnusable
from infra.log.acceptance import ChainState, RecordedAt
from infra.log.errors import IndexUnusable
from infra.log.format import Append, Format, HandledCommand
from infra.log.index_head import (
    HEAD_TABLES,
    STATE_TABLES,
    Head,
    StoppedAt,
    read_head,
    read_recorded,
    read_stop,
    write_head,
    write_stop,
)
from infra.sqlite_file import is_locked, lock_holder

_FILLED_TABLES: Final = """
CREATE TABLE IF NOT EXISTS stored_events (
    originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,
    PRIMARY KEY (originator_id, originator_version));
CREATE TABLE IF NOT EXISTS tracking (
    application_name TEXT, notification_id INTEGER, PRIMARY KEY (application_name)) WITHOUT ROWID;
INSERT OR IGNORE INTO tracking VALUES ('__migration__', 1);
CREATE TABLE IF NOT EXISTS answers (
    scope BLOB, command_id BLOB, digest BLOB NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (scope, command_id)) WITHOUT ROWID;
"""
CREATE_TABLES: Final = HEAD_TABLES + _FILLED_TABLES
TABLES: Final = ("stored_events", "tracking", "answers", *STATE_TABLES, "known_voids")
"""The tables that are filled from the log's records."""
_INSERT_TRACKING: Final = "INSERT OR REPLACE INTO tracking VALUES (?,?)"
_INSERT_EVENTS: Final = "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state) VALUES "
_INSERT_ANSWERS: Final = "INSERT INTO answers VALUES "
_INSERT_RECORDS: Final = "INSERT INTO accepted_records VALUES "
_SELECT_APPENDS: Final = (
    f"SELECT number, record_offset, position FROM accepted_records WHERE format = {Format.APPENDS:d} AND number < ? "  # noqa: S608
    "ORDER BY number DESC LIMIT 1"
)
PAGE_SIZE: Final = 8192
"""Bytes of a page of a new file: larger ones are faster in a cold start, smaller ones in appends."""
_IDS_AT_ONCE: Final = 256
_NO_ID: Final = (None, None)
_ROWS_AT_ONCE: Final = 256


class Applied(NamedTuple):
    """An accepted record to be written: where it stands, who wrote it, its first position and its appends.

    `hash` has 32 bytes. A control record, and one that is void, has no appends.
    """

    offset: int
    writer: str
    position: int
    appends: Sequence[Append]
    number: int
    hash: bytes
    format: int
    appended_at: int = 0


class RecordRefused(Exception):
    """One of the records from `first` to `last`, by number, contradicts what the index holds."""

    def __init__(self, first: int, last: int, reason: str) -> None:
        super().__init__(reason)
        self.first = first
        self.last = last


class ErrorsAs:
    """A block in which an error of SQLite, or a number that is too large for it, becomes one of ours about a file.

    It is made once and entered again and again: a generator would cost more each time than what is done within.
    """

    def __init__(self, error: type[LogUnusable], path: Path) -> None:
        self._error = error
        self._path = path

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (sqlite3.Error, OverflowError)):
            raise file_error(self._path, error, self._error) from error


def file_error(path: Path, error: Exception, kind: type[LogUnusable] = LogUnusable) -> LogUnusable:
    """What an error of SQLite says about a file: that somebody else has locked it, or that it cannot be used."""
    if kind is LogUnusable and isinstance(error, sqlite3.Error) and is_locked(error):
        return LogLocked(log=str(path), holder=lock_holder(path))
    return kind(log=str(path), reason=str(error))


class _RollingBack(ErrorsAs):
    """A block that forgets what was begun when it fails."""

    def __init__(self, index: Index) -> None:
        super().__init__(index.unusable, index.path)
        self._roll_back = index.roll_back

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._roll_back()
        super().__exit__(kind, error, trace)


class Index:
    """The tables of one partition, on a connection. Raises IndexUnusable whenever they cannot be used.

    The writer's methods are for one thread at a time.
    """

    unusable: ClassVar[type[LogUnusable]] = IndexUnusable
    """The error for a file that cannot be used."""

    def __init__(self, path: Path, connection: sqlite3.Connection, resources: ExitStack | None = None) -> None:
        """`resources`: what is let go of once the connection is closed."""
        self.path = path
        self.database = str(path)
        """How the library opens the file."""
        self._connection = connection
        self._resources = resources or ExitStack()
        self._mapped = ErrorsAs(self.unusable, path)
        self._rolling_back = _RollingBack(self)
        self._stored: ChainState | None = None
        """The rule's state in the file, as far as this process knows."""

    def close(self) -> None:
        """Close the file and let others use it."""
        self._resources.close()

    def head(self) -> Head | None:
        """How far the index has been filled; None when it is new."""
        with self._mapped:
            return read_head(self._connection)

    def expect_much(self, *, expected: bool) -> None:
        """While a log is read from far behind, move pages to the file every 40 MB instead of every 4."""
        with self._mapped:
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {5000 if expected else 500}")

    def fill(self, records: Sequence[Applied], head: Head) -> None:
        """Write accepted records and the head after them. Raises RecordRefused."""
        self.begin(records, head)
        self.commit()

    def begin(self, records: Sequence[Applied], head: Head) -> None:
        """Write accepted records and the head after them, all or none, up to `commit`. Raises RecordRefused."""
        self.add(records)
        self.write_head(head)

    def write_head(self, head: Head) -> None:
        """Write how far the records go that were added; the last thing before `commit`."""
        with self._rolling_back:
            write_head(self._connection, head, self._stored)
            self._stored = head.state

    def add(self, records: Sequence[Applied]) -> None:
        """Write accepted records; `begin` with the head after them follows sooner or later. Raises RecordRefused."""
        with self._rolling_back:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            if records:
                self._write(records)

    def commit(self) -> None:
        """Make what was begun visible."""
        with self._mapped:
            self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Forget what was begun."""
        self._stored = None
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def begin_anew(self, known_voids: Iterable[tuple[int, int]]) -> None:
        """Forget everything but voids, by first and last number. Others see that with the next `commit` or `fill`."""
        with self._rolling_back:
            self._connection.execute("BEGIN IMMEDIATE")
            for table in TABLES:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            self._connection.execute("INSERT INTO tracking VALUES ('__migration__', 1)")
            self._connection.executemany("INSERT INTO known_voids VALUES (?,?)", known_voids)

    def known_voids(self) -> list[tuple[int, int]]:
        """First and last number of voids that were known when the index was begun anew."""
        with self._mapped:
            return self._connection.execute("SELECT first, last FROM known_voids").fetchall()

    def told_stop(self) -> StoppedAt | None:
        """What `tell_stop` told last."""
        with self._mapped:
            return read_stop(self._connection)

    def tell_stop(self, stop: StoppedAt | None) -> None:
        """Tell those who read the file at which record it is filled no further; None: it is filled again."""
        with self._rolling_back:
            self._connection.execute("BEGIN IMMEDIATE")
            write_stop(self._connection, stop)
            self._connection.execute("COMMIT")

    def recorded(self, number: int) -> RecordedAt | None:
        """What is remembered of the accepted record of a number."""
        with self._mapped:
            return read_recorded(self._connection, number)

    def last_appends(self, before: int) -> tuple[int, int, int] | None:
        """Number, offset and position of the last record of appends before a number; None where there is none."""
        with self._mapped:
            found: tuple[int, int, int] | None = self._connection.execute(_SELECT_APPENDS, (before,)).fetchone()
            return found

    def _write(self, records: Sequence[Applied]) -> None:
        recorded = [
            (each.number, each.offset, each.hash, each.position, each.format, each.appended_at) for each in records
        ]
        events: list[tuple[int, str, int, str, bytes]] = []
        answers: list[tuple[bytes, bytes, bytes, str]] = []
        tracked: list[tuple[str, int]] = []
        for record in records:
            position = record.position
            for append in record.appends:
                for event in append.events:
                    events.append((position, *event))
                    position += 1
                if (command := append.bound) is not None:
                    answers.append(_answer_row(command))
                if append.tracking is not None:
                    tracked.append((append.tracking.application_name, append.tracking.notification_id))
        try:
            self._insert(_INSERT_EVENTS, events)
            self._insert(_INSERT_ANSWERS, answers)
            if tracked:
                self._connection.executemany(_INSERT_TRACKING, tracked)
        except (sqlite3.IntegrityError, OverflowError) as error:
            raise RecordRefused(records[0].number, records[-1].number, str(error)) from error
        self._insert(_INSERT_RECORDS, recorded)

    def _insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        # Python lets other threads in at every statement, and gets the lock back when they like: few statements.
        start, at_once = 0, _ROWS_AT_ONCE
        while start < len(rows):
            while at_once > len(rows) - start:
                at_once //= 2
            values = [*chain.from_iterable(rows[start : start + at_once])]
            self._connection.execute(_with_rows(statement, at_once, len(rows[0])), values)
            start += at_once

    def last_versions(self, originator_ids: Sequence[str]) -> dict[str, int]:
        """The last version of each of these aggregates that exists."""
        found: dict[str, int] = {}
        with self._mapped:
            for start in range(0, len(originator_ids), _IDS_AT_ONCE):
                ids = originator_ids[start : start + _IDS_AT_ONCE]
                # Padded to one shape, so that SQLite compiles it once.
                padded = [*ids, *[None] * (_IDS_AT_ONCE - len(ids))] if len(ids) > 1 else ids
                found.update(self._connection.execute(_select_versions(len(padded)), padded))
        return found

    def tracking(self) -> dict[str, int]:
        """The position up to which each upstream application has been processed."""
        with self._mapped:
            return dict(self._connection.execute("SELECT application_name, notification_id FROM tracking"))

    def bound_of(self, keys: Sequence[CommandKey]) -> set[CommandKey]:
        """Those of these command ids that have their answers."""
        with self._mapped:
            return set(find_answers(self._connection, keys))


def find_answers(
    connection: sqlite3.Connection | sqlite3.Cursor, keys: Sequence[CommandKey]
) -> dict[CommandKey, tuple[bytes, str]]:
    """Digest and first answer of those commands that were handled before. Raises sqlite3.Error."""
    found: dict[CommandKey, tuple[bytes, str]] = {}
    for start in range(0, len(keys), _IDS_AT_ONCE):
        some = keys[start : start + _IDS_AT_ONCE]
        pairs: list[tuple[bytes | None, bytes | None]] = [(key.scope, key.command_id.bytes) for key in some]
        pairs += [_NO_ID] * (_padded(len(some)) - len(some))
        for scope, command_id, digest, answer in connection.execute(
            _select_answers(len(pairs)), [*chain.from_iterable(pairs)]
        ):
            found[CommandKey(scope, UUID(bytes=command_id))] = digest, answer
    return found


@cache
def _with_rows(statement: str, rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return statement + ",".join([row] * rows)


@cache
def _select_versions(ids: int) -> str:
    places = ",".join("?" * ids)
    return (
        "SELECT originator_id, MAX(originator_version) FROM stored_events "  # noqa: S608  (places alone)
        f"WHERE originator_id IN ({places}) GROUP BY originator_id"
    )


@cache
def _select_answers(keys: int) -> str:
    places = ",".join(["(?,?)"] * keys)
    # A cross join keeps its order: SQLite looks each key up, where for `IN` it goes through the whole table.
    return (
        f"WITH wanted (wanted_scope, wanted_id) AS (VALUES {places}) SELECT scope, command_id, digest, answer "  # noqa: S608
        "FROM wanted CROSS JOIN answers ON scope = wanted_scope AND command_id = wanted_id"
    )


def _padded(count: int) -> int:
    """To how many places a list is filled up, so that SQLite compiles few statements."""
    return _IDS_AT_ONCE if count > 1 else 1


def _answer_row(command: HandledCommand) -> tuple[bytes, bytes, bytes, str]:
    return command.key.scope, command.key.command_id.bytes, command.digest, command.answer
