"""An index compared, row by row, with one that was just made from the log itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from domain.i18n import Text, pair
from infra.errors import LogUnusable
from infra.log.errors import IndexUnusable, NewerLog, RecordUnreadable
from infra.log.index import Index, file_error
from infra.log.index_head import CLOSINGS
from infra.log.partition import Partition
from infra.log.partition_client import PartitionClient
from infra.log.partition_knowledge import PartitionAddress
from infra.sqlite_file import open_read_only, read_only_uri

_HAS_HEAD: Final = "SELECT 1 FROM main.sqlite_schema WHERE name = 'head'"
_POSITION: Final = "SELECT position - 1, number, hash FROM {}.head"
_LAST_RECORD: Final = "SELECT number, hash FROM main.head"
_HASH: Final = "SELECT hash FROM made.accepted_records WHERE number = ?"
_EVENTS: Final = (
    "SELECT MIN(m.rowid) FROM made.stored_events m LEFT JOIN main.stored_events i ON i.rowid = m.rowid "
    "WHERE m.rowid <= :last AND (i.rowid IS NULL OR i.originator_id IS NOT m.originator_id "
    "OR i.originator_version IS NOT m.originator_version OR i.topic IS NOT m.topic OR i.state IS NOT m.state)"
)
_MORE_EVENTS: Final = (
    "SELECT MIN(i.rowid) FROM main.stored_events i LEFT JOIN made.stored_events m ON m.rowid = i.rowid "
    "WHERE i.rowid > :last OR m.rowid IS NULL"
)
_ANSWERS: Final = (
    "SELECT lower(hex({one}.command_id)) FROM {one}.answers AS {one} LEFT JOIN {other}.answers AS o "
    "ON o.scope = {one}.scope AND o.command_id = {one}.command_id "
    "WHERE o.answer IS NOT {one}.answer OR o.digest IS NOT {one}.digest LIMIT 1"
)
_RECORDS: Final = (
    "SELECT MIN(i.position), i.number FROM main.accepted_records i LEFT JOIN made.accepted_records m USING (number) "
    "WHERE (m.record_offset, m.hash, m.position, m.format) IS NOT (i.record_offset, i.hash, i.position, i.format)"
)
_IDENTITIES: Final = "SELECT i.identity, m.identity FROM main.keys i, made.keys m"
_VOIDED: Final = "SELECT first, last FROM made.voids EXCEPT SELECT first, last FROM main.known_voids"
_SCHEMAS: Final = ("main", "made")
_HAS_CLOSINGS: Final = f"SELECT 1 FROM {{}}.sqlite_schema WHERE name = '{CLOSINGS}'"  # noqa: S608  # our own name
_KEYS: Final = ("keys", "roots", "writers", "voids", CLOSINGS)
"""What control records led to."""
_TRACKING: Final = (
    "SELECT application_name FROM (SELECT * FROM main.tracking EXCEPT SELECT * FROM made.tracking "
    "UNION ALL SELECT * FROM (SELECT * FROM made.tracking EXCEPT SELECT * FROM main.tracking)) LIMIT 1"
)


def fill_anew(address: PartitionAddress, client: PartitionClient, index: Index) -> LogUnusable | None:
    """Fill a new index from the first record of a tape, as far as the log is whole and can be used.

    Returns the error for an accepted record that cannot be used. Raises LogUnusable where nothing can be read.
    """
    try:
        Partition(address, client, index)
    except (NewerLog, RecordUnreadable) as error:
        return error
    return None


class IndexDifference(NamedTuple):
    """The first thing in which an index differs: the `position` of the log (0: of none), and what it is.

    `gone`: the number of the last record that the index had read, where the log does not hold that record.
    """

    position: int
    what: Text
    gone: int | None = None


def first_difference(path: Path, made: Path) -> IndexDifference | None:
    """The first difference between an index and one that was made from the log just now; None where there is none.

    `path` may be behind, and in use: it is looked at as it stands. Raises IndexUnusable.
    """
    try:
        with closing(open_read_only(path)) as connection:
            connection.execute("ATTACH ? AS made", (read_only_uri(made),))
            connection.execute("BEGIN")
            difference = None if _is_made_anew(connection) else _first_difference(connection)
            return difference and difference._replace(gone=_gone(connection))
    except sqlite3.Error as error:
        raise file_error(path, error, IndexUnusable) from error


def _is_made_anew(connection: sqlite3.Connection) -> bool:
    """Whether whoever opens an index next makes it anew: it has no tables, or has not read of a void yet."""
    is_made = connection.execute(_HAS_HEAD).fetchone() is not None
    head = connection.execute(_POSITION.format("main")).fetchone() if is_made else None
    if head is None:
        return True
    whole = connection.execute(_POSITION.format("made")).fetchone()
    is_behind = whole is not None and head[1] < whole[1]
    return is_behind and connection.execute(_VOIDED).fetchone() is not None


def _gone(connection: sqlite3.Connection) -> int | None:
    number, digest = connection.execute(_LAST_RECORD).fetchone()
    found = connection.execute(_HASH, (number,)).fetchone()
    return number if number and found != (digest,) else None


def _first_difference(connection: sqlite3.Connection) -> IndexDifference | None:
    identity, made_identity = connection.execute(_IDENTITIES).fetchone() or (None, None)
    if identity != made_identity or _rows(connection, "main") != _rows(connection, "made"):
        return IndexDifference(1, pair("it was made from another log"))
    last, number, digest = connection.execute(_POSITION.format("main")).fetchone()
    whole, whole_number, whole_digest = connection.execute(_POSITION.format("made")).fetchone() or (0, 0, b"")
    places = [connection.execute(statement, {"last": last}).fetchone()[0] for statement in (_EVENTS, _MORE_EVENTS)]
    found = [place for place in places if place is not None and place <= whole]
    if found:
        return IndexDifference(min(found), pair("the event there is another one, or none"))
    if last > whole or number > whole_number or any(place is not None for place in places):
        return IndexDifference(whole + 1, pair("it knows more than the log has"))
    position, record = connection.execute(_RECORDS).fetchone()
    if position is not None:
        return IndexDifference(position, pair("what it says of record {number} is another one's", number=record))
    what = _other_rest(connection, is_last=digest == whole_digest, at_end=number == whole_number)
    return None if what is None else IndexDifference(last, what)


def _other_rest(connection: sqlite3.Connection, *, is_last: bool, at_end: bool) -> Text | None:
    """What differs that stands at no position of its own."""
    if at_end and not is_last:
        return pair("the last record is another one")
    return (_other_keys(connection) if at_end else None) or _other_answer(connection, at_end=at_end)


def _other_keys(connection: sqlite3.Connection) -> Text | None:
    """Which table of keys, roots or voids differs: whoever changed it may have let another writer in."""
    for table in _KEYS:
        rows = [
            connection.execute(f"SELECT * FROM {schema}.{table} ORDER BY 1").fetchall()  # noqa: S608
            if table != CLOSINGS or connection.execute(_HAS_CLOSINGS.format(schema)).fetchone()
            else []
            for schema in _SCHEMAS
        ]
        if rows[0] != rows[1]:
            return pair("its table {table} is another one", table=table)
    return None


def _other_answer(connection: sqlite3.Connection, *, at_end: bool) -> Text | None:
    """What differs beside the events. An index that is behind has fewer answers, and none that the log has not."""
    for one, other in (("main", "made"), *([("made", "main")] if at_end else [])):
        answer = connection.execute(_ANSWERS.format(one=one, other=other)).fetchone()
        if answer is not None:
            return pair("the answer of the command {command} is another one", command=answer[0])
    tracked = connection.execute(_TRACKING).fetchone() if at_end else None
    return None if tracked is None else pair("what {name} has tracked", name=tracked[0])


def _rows(connection: sqlite3.Connection, schema: str) -> list[tuple[str | int, ...]]:
    """What an index says of which log it is."""
    return connection.execute(f"SELECT * FROM {schema}.log").fetchall()  # noqa: S608  # our own names
