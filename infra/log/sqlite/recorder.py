"""The library's SQLite recorder, with a conditional append of many outcomes in one transaction.

The tables beside the library's `stored_events`: `answers` binds each command id, within its unit, to the digest of its
content and to its first answer; `log` names the log, so that read models know which one they were made from. The log is
in WAL mode with SQLite's default `synchronous=FULL`: a commit is on the disk before anybody is answered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from uuid import UUID

from eventsourcing.persistence import Notification, PersistenceError, StoredEvent
from eventsourcing.sqlite import (
    SQLITE3_DEFAULT_LOCK_TIMEOUT,
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteCursor,
)

from consumers.commands.ports import CommandKey, CommandOutcome, ConcurrencyConflict, QueuePosition
from infra.errors import LogUnusable
from infra.log.events import events_after, events_of_types
from infra.sqlite_file import open_in_wal_mode

_CREATE_ANSWERS = (
    "CREATE TABLE IF NOT EXISTS answers (scope BLOB, command_id BLOB, digest BLOB NOT NULL, "
    "answer TEXT NOT NULL, PRIMARY KEY (scope, command_id)) WITHOUT ROWID"
)
_SELECT_ANSWER = "SELECT digest, answer FROM answers WHERE scope = ? AND command_id = ?"


class SQLiteLogRecorder(SQLiteApplicationRecorder):
    """The recorder, and the one partition of the embedded log."""

    def construct_create_table_statements(self) -> list[str]:
        """The library's tables and ours."""
        return [
            *super().construct_create_table_statements(),
            _CREATE_ANSWERS,
            "CREATE TABLE IF NOT EXISTS log (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT NOT NULL)",
            "INSERT OR IGNORE INTO log VALUES (1, lower(hex(randomblob(16))))",
        ]

    def create_table(self) -> None:
        """Make what is missing, whoever else makes or writes this log in the same moment. Raises LogUnusable.

        The library's own way fails at once there: it reads before it writes, and SQLite lets nobody wait in that order.
        """
        pool = self.datastore.pool
        with ExitStack() as stack:
            if not pool.is_sqlite_memory_mode:
                seconds = pool.lock_timeout or SQLITE3_DEFAULT_LOCK_TIMEOUT
                with self._errors():
                    stack.enter_context(closing(open_in_wal_mode(pool.db_name, timeout=seconds)))
            self._create_table(stack.enter_context(self._writing()))

    def log_id(self) -> str:
        """The name that this log was given when it was created."""
        with self._reading() as cursor:
            cursor.execute("SELECT log_id FROM log")
            return str(cursor.fetchone()[0])

    def head(self) -> int:
        """The last position, 0 when the log is empty."""
        with self._reading() as cursor:
            return self._head(cursor)

    def read(self, after: int, limit: int) -> list[Notification]:
        """Events after a position, in order."""
        with self._reading() as cursor:
            return events_after(cursor, after, limit)

    def read_types(self, types: Collection[str], after: int, up_to: int, limit: int) -> list[Notification]:
        """Events of these types after a position, none after `up_to`, in order."""
        with self._reading() as cursor:
            return events_of_types(cursor, types, after, up_to, limit)

    def answers(self, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before."""
        found: dict[CommandKey, tuple[bytes, str]] = {}
        with self._reading() as cursor:
            for key in keys:
                cursor.execute(_SELECT_ANSWER, (key.scope, key.command_id.bytes))
                row = cursor.fetchone()
                if row is not None:
                    found[key] = (row[0], row[1])
        return found

    def append(self, head: int, outcomes: Sequence[CommandOutcome]) -> None:
        """Append events and answers after `head`, all or none. Raises ConcurrencyConflict when the log has moved on."""
        events = [
            (event.originator_id.hex, event.originator_version, event.topic, event.state)  # type: ignore[union-attr]
            for outcome in outcomes
            for event in outcome.events
        ]
        answers = [
            (outcome.key.scope, outcome.key.command_id.bytes, outcome.digest, outcome.answer)
            for outcome in outcomes
            if outcome.outcome == "decided"
        ]
        with self._writing() as cursor:
            if self._head(cursor) != head:
                raise ConcurrencyConflict
            try:
                # Positions are row ids: dense, since only this method and the library's insert, and nothing deletes.
                cursor.executemany(self.insert_events_statement, events)
                cursor.executemany("INSERT INTO answers VALUES (?,?,?,?)", answers)
            except sqlite3.IntegrityError as error:
                raise ConcurrencyConflict from error

    @contextmanager
    def _writing(self) -> Iterator[SQLiteCursor]:
        """One write transaction that takes the lock at once, so that what it reads stays true until its commit."""
        with self._connection(writes=True) as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def _reading(self) -> Iterator[SQLiteCursor]:
        with self._connection(writes=False) as connection:
            cursor = connection.cursor()
            try:
                yield cursor
            finally:
                cursor.sqlite_cursor.close()

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[SQLiteConnection]:
        with self._errors(), self.datastore.get_connection(commit=writes) as connection:
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LogUnusable(log=self.datastore.pool.db_name, reason=str(error)) from error

    def _head(self, cursor: SQLiteCursor) -> int:
        cursor.execute(self.select_max_notification_id_statement)
        return int(cursor.fetchone()[0] or 0)


class SQLiteLog:
    """The embedded log as the processes use it: partition 0 alone."""

    partitions = range(1)

    def __init__(self, recorder: SQLiteLogRecorder) -> None:
        self.recorder = recorder
        self.log_id = recorder.log_id()

    def partition_of(self, dossier_id: UUID) -> int:
        """Always 0."""
        del dossier_id
        return 0

    def head(self, partition: int) -> int:
        """The last position, 0 when the log is empty."""
        del partition
        return self.recorder.head()

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """Events after a position, in order."""
        del partition
        with self._errors():
            return self.recorder.read(after, limit)

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""
        with self._errors():
            return self.recorder.select_events(dossier_id)

    def read_types(
        self, partition: int, types: Collection[str], after: int, up_to: int, limit: int
    ) -> Sequence[Notification]:
        """Events of these types after a position, none after `up_to`, in order."""
        del partition
        with self._errors():
            return self.recorder.read_types(types, after, up_to, limit)

    def answers(self, partition: int, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before."""
        del partition
        return self.recorder.answers(keys)

    def append(self, partition: int, head: int, outcomes: Sequence[CommandOutcome]) -> None:
        """See `consumers.commands.ports.CommandLog`."""
        del partition
        self.recorder.append(head, outcomes)

    def refresh(self, partition: int) -> None:
        """Nothing to do: every read sees what anybody appended."""

    def commands_offset(self, partition: int) -> QueuePosition | None:
        """Always None: no queue leads to this log."""
        del partition
        return None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What the library's own methods raise, as our error."""
        try:
            yield
        except (PersistenceError, sqlite3.Error) as error:
            raise LogUnusable(log=self.recorder.datastore.pool.db_name, reason=str(error)) from error
