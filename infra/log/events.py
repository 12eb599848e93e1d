"""Events from a SQLite file of the library's shape: the embedded log, or the index of a log on Kafka."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import Notification
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor

from infra.errors import LogUnusable

_SELECT_AFTER: Final = (
    "SELECT originator_id, originator_version, topic, state, rowid FROM stored_events "
    "WHERE rowid > ? ORDER BY rowid LIMIT ?"
)
_SELECT_TYPES: Final = (
    "SELECT originator_id, originator_version, topic, state, rowid FROM stored_events "
    "WHERE topic IN (SELECT value FROM json_each(?)) AND rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?"
)
_SELECT_POSITIONS: Final = "SELECT rowid FROM stored_events WHERE originator_id = ? ORDER BY originator_version"
_SELECT_RECORD: Final = "SELECT position, hash, appended_at FROM accepted_records WHERE number = ?"
_SELECT_LAST: Final = "SELECT MAX(number) FROM accepted_records"
_originator: Final[Callable[[str], UUID]] = lru_cache(maxsize=4096)(UUID)
"""A dossier's id from its text: events of a dossier stand close together."""


def events_after(cursor: SQLiteCursor, position: int, limit: int) -> list[Notification]:
    """Events after a position, in order: the library's `select_notifications` without what it spends on each row."""
    return _notifications(cursor, _SELECT_AFTER, (position, limit))


def events_of_types(
    cursor: SQLiteCursor, types: Collection[str], position: int, up_to: int, limit: int
) -> list[Notification]:
    """Events of these types after a position, none after `up_to`, in order.

    It reads every row between, which an index of types would spare: a million events take under half a second, and only
    a process that begins reads as many.
    """
    return _notifications(cursor, _SELECT_TYPES, (json.dumps(sorted(types)), position, up_to, limit))


class IndexedEvents(SQLiteApplicationRecorder):
    """The library's recorder of such a file, with readings that spare what it spends on each row."""

    def read(self, after: int, limit: int) -> list[Notification]:
        """Events after a position, in order."""
        with self.datastore.transaction(commit=False) as cursor:
            return events_after(cursor, after, limit)

    def read_types(self, types: Collection[str], after: int, up_to: int, limit: int) -> list[Notification]:
        """Events of these types after a position, none after `up_to`, in order."""
        with self.datastore.transaction(commit=False) as cursor:
            return events_of_types(cursor, types, after, up_to, limit)

    def appended_at(self, dossier_id: UUID) -> list[datetime | None]:
        """When the record of each event of a dossier was appended, by the clock of the log's keeper; None: unknown."""
        with self.datastore.transaction(commit=False) as cursor:
            rows = cursor.sqlite_cursor
            rows.row_factory = None
            positions = rows.execute(_SELECT_POSITIONS, (dossier_id.hex,)).fetchall()
            (last,) = rows.execute(_SELECT_LAST).fetchone()
            found = [_record_of(rows, position, last or 0)[1] for (position,) in positions]
        return [datetime.fromtimestamp(each / 1000, UTC) if each else None for each in found]

    def hash_at(self, position: int) -> bytes:
        """The hash of the record with a position, which must not be above the last one: it covers all before it."""
        with self.datastore.transaction(commit=False) as cursor:
            rows = cursor.sqlite_cursor
            rows.row_factory = None
            (last,) = rows.execute(_SELECT_LAST).fetchone()
            return _record_of(rows, position, last or 0)[0]


def _record_of(rows: sqlite3.Cursor, position: int, last: int) -> tuple[bytes, int]:
    """Hash of the record with a position, and when it was appended (0: unknown); numbers grow as positions do."""
    first, found = 1, (b"", 0)
    while first <= last:
        middle = (first + last) // 2
        begins, digest, appended_at = rows.execute(_SELECT_RECORD, (middle,)).fetchone() or (0, b"", 0)
        if begins <= position:
            first, found = middle + 1, (digest, appended_at)
        else:
            last = middle - 1
    return found


def _notifications(cursor: SQLiteCursor, statement: str, parameters: tuple[str | int, ...]) -> list[Notification]:
    rows = cursor.sqlite_cursor
    rows.row_factory = None
    try:
        return [
            Notification(_originator(dossier), version, topic, state, position)
            for dossier, version, topic, state, position in rows.execute(statement, parameters)
        ]
    except (AttributeError, TypeError, ValueError) as error:
        raise _no_event(rows.execute(statement, parameters), error) from error


def _no_event(rows: Iterable[tuple[Any, ...]], error: Exception) -> LogUnusable:
    """The error for rows of which one is no event: somebody else has written it."""
    for dossier, _, _, _, position in rows:
        try:
            _originator(dossier)
        except (AttributeError, TypeError, ValueError):
            return LogUnusable(log="stored_events", reason=f"position {position}: {dossier!r} is no dossier")
    return LogUnusable(log="stored_events", reason=str(error))
