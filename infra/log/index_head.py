"""How far an index has been filled, and the rule's state there, as tables of its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from consumers.commands.ports import QueuePosition
from infra.log.acceptance import ActiveKeys, ChainState, MovedTo, RecordedAt, VoidRange
from infra.log.control_records import Roots
from infra.log.errors import NewerLog, RecordUnreadable
from infra.log.format import Place

VERSION: Final = 3
"""Of the tables, kept as SQLite's `user_version`."""
CLOSED_VERSION: Final = 4
"""The same once the log has a closing: a release that knows none must not build on what the tables lead to."""

HEAD_TABLES: Final = """
CREATE TABLE IF NOT EXISTS orphans (record_offset INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS head (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    next_offset INTEGER NOT NULL, record_offset INTEGER, hash BLOB NOT NULL, number INTEGER NOT NULL,
    position INTEGER NOT NULL, commands_topic_id BLOB, commands_offset INTEGER,
    late INTEGER NOT NULL, strange INTEGER NOT NULL, orphaned INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    identity BLOB NOT NULL, threshold INTEGER NOT NULL, statements INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS roots (place INTEGER PRIMARY KEY, key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS writers (key_id BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS voids (
    place INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
    first_position INTEGER NOT NULL, last_position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS accepted_records (
    number INTEGER PRIMARY KEY, record_offset INTEGER NOT NULL, hash BLOB NOT NULL,
    position INTEGER NOT NULL, format INTEGER NOT NULL, appended_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS known_voids (first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS stopped (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), next_offset INTEGER NOT NULL, number INTEGER NOT NULL,
    record_offset INTEGER NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL,
    newer INTEGER NOT NULL);
"""
"""`accepted_records` has all of them, for voids name them by number and hash; `appended_at` is as the tape says it, and
0 where it was not read from there. `known_voids` outlives a fresh start. `stopped` is no part of the log's state: it
tells others why the file is filled no further.
"""

CLOSINGS: Final = "closings"
"""The table of closed tapes, which is made with the first one."""
_CREATE_CLOSINGS: Final = (
    f"CREATE TABLE IF NOT EXISTS {CLOSINGS} (tape TEXT PRIMARY KEY, successor TEXT NOT NULL, place TEXT NOT NULL)"
)

STATE_TABLES: Final = ("orphans", "head", "keys", "roots", "writers", "voids", "accepted_records")

_SELECT_STOP: Final = "SELECT next_offset, number, record_offset, position, key, reason, newer FROM stopped"
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


class StoppedAt(NamedTuple):
    """Whoever fills an index stopped at an accepted record that it cannot use, and looked on up to `next_offset`.

    `number`, `offset` and `position` (of its first event) are the record's, `key` is the id of the writer's key
    (hexadecimal), `newer` whether the record is one of a newer release.
    """

    next_offset: int
    number: int
    offset: int
    position: int
    key: str
    reason: str
    newer: bool

    def error(self, log: str) -> RecordUnreadable | NewerLog:
        """What is raised for it."""
        kind = NewerLog if self.newer else RecordUnreadable
        return kind(
            log=log,
            reason=self.reason,
            number=self.number,
            offset=self.offset,
            position=self.position,
            key=self.key,
        )


def read_stop(connection: sqlite3.Connection) -> StoppedAt | None:
    """Where whoever fills an index stopped; None where it goes on."""
    row = connection.execute(_SELECT_STOP).fetchone()
    return StoppedAt._make((*row[:-1], bool(row[-1]))) if row is not None else None


def write_stop(connection: sqlite3.Connection, stop: StoppedAt | None) -> None:
    """Tell others of it, or that there is none any more."""
    connection.execute("DELETE FROM stopped")
    if stop is not None:
        connection.execute("INSERT INTO stopped VALUES (1,?,?,?,?,?,?,?)", stop)


def read_head(connection: sqlite3.Connection) -> Head | None:
    """How far an index has been filled; None when it is new. For whoever only reads it, too."""
    with _snapshot(connection):
        return _read_head(connection)


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let several statements see one state, whatever others write meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _read_head(connection: sqlite3.Connection) -> Head | None:
    row = connection.execute(
        "SELECT next_offset, record_offset, hash, number, position, commands_topic_id, commands_offset, "
        "late, strange, orphaned FROM head"
    ).fetchone()
    if row is None:
        return None
    place = Place(*connection.execute("SELECT app, partitions, partition FROM log").fetchone())
    state = ChainState(
        place,
        head=row[2],
        number=row[3],
        position=row[4],
        orphans=MappingProxyType(dict(connection.execute("SELECT record_offset, hash FROM orphans"))),
        keys=_read_keys(connection),
        voids=tuple(
            VoidRange(*found)
            for found in connection.execute(
                "SELECT first, last, first_position, last_position FROM voids ORDER BY place"
            )
        ),
        closed=_read_closed(connection),
    )
    commands = QueuePosition(UUID(bytes=row[5]), row[6]) if row[5] is not None else None
    return Head(row[0], row[1], state, commands, Ignored(*row[7:]))


def _read_closed(connection: sqlite3.Connection) -> Mapping[str, MovedTo]:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    found = connection.execute(f"SELECT * FROM {CLOSINGS}") if version == CLOSED_VERSION else ()  # noqa: S608
    return MappingProxyType({tape: MovedTo(successor, place) for tape, successor, place in found})


def _read_keys(connection: sqlite3.Connection) -> ActiveKeys | None:
    found = connection.execute("SELECT identity, threshold, statements FROM keys").fetchone()
    if found is None:
        return None
    identity, threshold, statements = found
    roots = Roots(threshold, tuple(key for (key,) in connection.execute("SELECT key FROM roots ORDER BY place")))
    writers = MappingProxyType(dict(connection.execute("SELECT key_id, key FROM writers")))
    return ActiveKeys(identity, roots, writers, statements)


def write_head(connection: sqlite3.Connection, head: Head, stored: ChainState | None) -> None:
    """Write how far an index has been filled; `stored` is the rule's state that it holds already, as far as known."""
    state, commands = head.state, head.commands
    connection.execute(
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
    if stored is None or stored.orphans is not state.orphans:
        connection.execute("DELETE FROM orphans")
        connection.executemany("INSERT INTO orphans VALUES (?,?)", state.orphans.items())
    if stored is None or stored.voids is not state.voids:
        connection.execute("DELETE FROM voids")
        connection.executemany(
            "INSERT INTO voids VALUES (?,?,?,?,?)", ((at, *each) for at, each in enumerate(state.voids))
        )
    if state.keys is not None and (stored is None or stored.keys is not state.keys):
        _write_keys(connection, state.keys)
    if state.closed and (stored is None or stored.closed is not state.closed):
        _write_closed(connection, state.closed)


def _write_closed(connection: sqlite3.Connection, closed: Mapping[str, MovedTo]) -> None:
    connection.execute(_CREATE_CLOSINGS)
    connection.execute(f"DELETE FROM {CLOSINGS}")  # noqa: S608
    rows = ((tape, *moved) for tape, moved in closed.items())
    connection.executemany(f"INSERT INTO {CLOSINGS} VALUES (?,?,?)", rows)  # noqa: S608
    connection.execute(f"PRAGMA user_version = {CLOSED_VERSION}")


def _write_keys(connection: sqlite3.Connection, keys: ActiveKeys) -> None:
    fixed = (keys.identity, keys.roots.threshold, keys.statements)
    connection.execute("INSERT OR REPLACE INTO keys VALUES (1,?,?,?)", fixed)
    connection.execute("DELETE FROM roots")
    connection.executemany("INSERT INTO roots VALUES (?,?)", enumerate(keys.roots.keys))
    connection.execute("DELETE FROM writers")
    connection.executemany("INSERT INTO writers VALUES (?,?)", keys.writers.items())


def read_recorded(connection: sqlite3.Connection, number: int) -> RecordedAt | None:
    """What an index remembers of the accepted record of a number."""
    found = connection.execute("SELECT hash, position FROM accepted_records WHERE number = ?", (number,)).fetchone()
    return RecordedAt(*found) if found is not None else None
