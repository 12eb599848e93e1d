"""The index of one partition: the library's SQLite schema, filled from the log, and how far it has been filled.

It is a cache: what a power loss takes from it is read again from the log. It is written in the log's order alone, each
record as a whole and with the head in one transaction. One process uses an index file at a time.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from consumers.commands.ports import CommandKey, QueuePosition
from infra.kafka.errors import IndexInUse, IndexUnusable, LogChanged, RecordUnreadable
from infra.kafka.topics import Identity
from infra.log.acceptance import ChainState
from infra.log.format import Append, HandledCommand
from infra.sqlite_file import open_in_wal_mode

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS stored_events (
    originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,
    PRIMARY KEY (originator_id, originator_version));
CREATE TABLE IF NOT EXISTS tracking (
    application_name TEXT, notification_id INTEGER, PRIMARY KEY (application_name)) WITHOUT ROWID;
INSERT OR IGNORE INTO tracking VALUES ('__migration__', 1);
CREATE TABLE IF NOT EXISTS answers (
    scope BLOB, command_id BLOB, digest BLOB NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (scope, command_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orphans (record_offset INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    app TEXT NOT NULL, partition INTEGER NOT NULL,
    cluster_id TEXT NOT NULL, topic_id TEXT NOT NULL, partitions INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS head (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    next_offset INTEGER NOT NULL, record_offset INTEGER, hash BLOB NOT NULL, number INTEGER NOT NULL,
    position INTEGER NOT NULL, commands_topic_id BLOB, commands_offset INTEGER,
    late INTEGER NOT NULL, strange INTEGER NOT NULL, orphaned INTEGER NOT NULL);
"""
_INSERT_TRACKING: Final = "INSERT OR REPLACE INTO tracking VALUES (?,?)"
_INSERT_EVENTS: Final = "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state) VALUES "
_INSERT_ANSWERS: Final = "INSERT INTO answers VALUES "
_SELECT_ANSWER: Final = "SELECT digest, answer FROM answers WHERE scope = ? AND command_id = ?"
_PAGE_SIZE: Final = 8192
"""Bytes of a page of a new file: larger ones are faster in a cold start, smaller ones in appends."""
_IDS_AT_ONCE: Final = 256
_ROWS_AT_ONCE: Final = 256
_INSERT_HEAD: Final = "INSERT OR REPLACE INTO head VALUES (1,?,?,?,?,?,?,?,?,?,?)"


class Ignored(NamedTuple):
    """How many records were ignored, by sort, since the log began."""

    late: int = 0
    foreign: int = 0
    orphans: int = 0


class Head(NamedTuple):
    """How far the log has been read.

    `next_offset` is the first offset not read, `record_offset` that of the last accepted record (None: none yet),
    `commands` the last handled offset of the commands topic, `ignored` what was ignored so far.
    """

    next_offset: int
    record_offset: int | None
    state: ChainState
    commands: QueuePosition | None = None
    ignored: Ignored = Ignored()


class Applied(NamedTuple):
    """An accepted record to be written: where it stands, who wrote it, its first position and its appends."""

    offset: int
    writer: str
    position: int
    appends: Sequence[Append]


class Index:
    """The file of one partition, for the process that holds its lock. Raises IndexUnusable whenever it cannot be used.

    The writer's methods are for one thread at a time.
    """

    def __init__(self, path: Path, app: str, identity: Identity, partition: int) -> None:
        self.path = path
        self._lock = _take_lock(path)
        self._has_orphans = True
        try:
            with self._mapped():
                self._connection = open_in_wal_mode(path, page_size=_PAGE_SIZE)
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.execute("PRAGMA cache_size = -65536")
                self._connection.executescript(_TABLES)
                self._check(app, identity, partition)
        except BaseException:
            self.close()
            raise

    def _check(self, app: str, identity: Identity, partition: int) -> None:
        """Raises LogChanged when the file was made from another log."""
        own = (app, partition, identity.cluster_id, str(identity.topic_id), identity.partitions)
        self._connection.execute("INSERT OR IGNORE INTO log VALUES (1,?,?,?,?,?)", own)
        found = self._connection.execute("SELECT app, partition, cluster_id, topic_id, partitions FROM log").fetchone()
        if found != own:
            named = zip(("app", "partition", "cluster", "topic id", "partitions"), found, own, strict=True)
            reason = "; ".join(f"its {name} was {was}, and is {now}" for name, was, now in named if was != now)
            raise LogChanged(log=f"{app}.events/{partition}", reason=reason, index=str(self.path))

    def close(self) -> None:
        """Close the file and let others use it."""
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()
        os.close(self._lock)

    def head(self) -> Head | None:
        """How far the index has been filled; None when it is new."""
        with self._mapped():
            return read_head(self._connection)

    def expect_much(self, *, expected: bool) -> None:
        """While a log is read from far behind, move pages to the file every 40 MB instead of every 4."""
        with self._mapped():
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {5000 if expected else 500}")

    def fill(self, records: Sequence[Applied], head: Head) -> None:
        """Write accepted records and the head after them. Raises RecordUnreadable."""
        self.begin(records, head)
        self.commit()

    def begin(self, records: Sequence[Applied], head: Head) -> None:
        """Write accepted records and the head after them, all or none, up to `commit`. Raises RecordUnreadable."""
        self.add(records)
        with self._rolling_back():
            self._write_head(head)

    def add(self, records: Sequence[Applied]) -> None:
        """Write accepted records; `begin` with the head after them follows sooner or later. Raises RecordUnreadable."""
        with self._rolling_back():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            if records:
                self._write(records)

    def commit(self) -> None:
        """Make what was begun visible."""
        with self._mapped():
            self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Forget what was begun."""
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def _write_head(self, head: Head) -> None:
        state, commands = head.state, head.commands
        self._connection.execute(
            _INSERT_HEAD,
            (
                head.next_offset,
                head.record_offset,
                state.head,
                state.number,
                state.position,
                commands and commands.topic_id.bytes,
                commands and commands.offset,
                *head.ignored,
            ),
        )
        if state.orphans or self._has_orphans:
            self._connection.execute("DELETE FROM orphans")
            self._connection.executemany("INSERT INTO orphans VALUES (?,?)", state.orphans.items())
            self._has_orphans = True

    def _write(self, records: Sequence[Applied]) -> None:
        events: list[tuple[int, str, int, str, bytes]] = []
        answers: list[tuple[bytes, bytes, bytes, str]] = []
        for record in records:
            position = record.position
            for append in record.appends:
                for event in append.events:
                    events.append((position, *event))
                    position += 1
                if (command := append.bound) is not None:
                    answers.append(_answer_row(command))
                if append.tracking is not None:
                    tracking = (append.tracking.application_name, append.tracking.notification_id)
                    self._connection.execute(_INSERT_TRACKING, tracking)
        try:
            self._insert(_INSERT_EVENTS, events)
            self._insert(_INSERT_ANSWERS, answers)
        except (sqlite3.IntegrityError, OverflowError) as error:
            first, last = records[0], records[-1]
            writers = ", ".join(sorted({record.writer for record in records}))
            reason = f"offsets {first.offset} to {last.offset}, written by {writers}: {error}"
            raise RecordUnreadable(log=str(self.path), reason=reason) from error

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
        with self._mapped():
            for start in range(0, len(originator_ids), _IDS_AT_ONCE):
                ids = originator_ids[start : start + _IDS_AT_ONCE]
                # Padded to one shape, so that SQLite compiles it once.
                padded = [*ids, *[None] * (_IDS_AT_ONCE - len(ids))] if len(ids) > 1 else ids
                found.update(self._connection.execute(_select_versions(len(padded)), padded))
        return found

    def tracking(self) -> dict[str, int]:
        """The position up to which each upstream application has been processed."""
        with self._mapped():
            return dict(self._connection.execute("SELECT application_name, notification_id FROM tracking"))

    def is_bound(self, key: CommandKey) -> bool:
        """Whether a command id has its answer."""
        with self._mapped():
            return self._connection.execute(_SELECT_ANSWER, (key.scope, key.command_id.bytes)).fetchone() is not None

    def answers(self, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before. For any thread."""
        found: dict[CommandKey, tuple[bytes, str]] = {}
        with self._mapped(), closing(sqlite3.connect(self.path)) as connection:
            for key in keys:
                row = connection.execute(_SELECT_ANSWER, (key.scope, key.command_id.bytes)).fetchone()
                if row is not None:
                    found[key] = (row[0], row[1])
        return found

    @contextmanager
    def _rolling_back(self) -> Iterator[None]:
        with self._mapped():
            try:
                yield
            except BaseException:
                self.roll_back()
                raise

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise IndexUnusable(log=str(self.path), reason=str(error)) from error


def read_head(connection: sqlite3.Connection) -> Head | None:
    """How far an index has been filled; None when it is new. For whoever only reads it, too."""
    row = connection.execute(
        "SELECT next_offset, record_offset, hash, number, position, commands_topic_id, commands_offset, "
        "late, strange, orphaned FROM head"
    ).fetchone()
    if row is None:
        return None
    orphans = dict(connection.execute("SELECT record_offset, hash FROM orphans"))
    commands = QueuePosition(UUID(bytes=row[5]), row[6]) if row[5] is not None else None
    return Head(row[0], row[1], ChainState(row[2], row[3], row[4], orphans), commands, Ignored(*row[7:]))


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


def _answer_row(command: HandledCommand) -> tuple[bytes, bytes, bytes, str]:
    return command.key.scope, command.key.command_id.bytes, command.digest, command.answer


def _take_lock(path: Path) -> int:
    """Keep other processes from the file. Raises IndexUnusable when one has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
        os.close(lock)
        raise IndexInUse(log=str(path), reason=f"process {holder} uses it") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
