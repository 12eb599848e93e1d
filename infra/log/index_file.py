"""The file of an index of a log on Kafka: who may have it, and from which log it was made."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.log.errors import IndexInUse, IndexUnusable, LogChanged
from infra.log.index import CREATE_TABLES, PAGE_SIZE, Index
from infra.log.index_head import CLOSED_VERSION, VERSION
from infra.sqlite_file import open_in_wal_mode

if TYPE_CHECKING:
    # The clients of Kafka take their time to load, and an embedded log needs none.
    from infra.kafka.topics import Identity

_HEAP_BYTES: Final = 16 << 20
"""What SQLite keeps in memory for all files of a process together: beyond that a file's own pages make room."""
_CREATE_LOG: Final = """
CREATE TABLE IF NOT EXISTS log (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    app TEXT NOT NULL, partition INTEGER NOT NULL,
    cluster_id TEXT NOT NULL, topic_id TEXT NOT NULL, partitions INTEGER NOT NULL);
"""


def open_index(path: Path, app: str, identity: Identity, partition: int) -> Index:
    """The index in a file of its own, for the process that holds its lock.

    Raises LogChanged when it was made from another log, IndexInUse, IndexUnusable.
    """
    with ExitStack() as opening:
        opening.callback(os.close, _take_lock(path))
        try:
            connection = opening.enter_context(closing(open_in_wal_mode(path, page_size=PAGE_SIZE)))
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute(f"PRAGMA soft_heap_limit = {_HEAP_BYTES}")
            _make_tables(connection, path)
            _check_log(connection, path, app, identity, partition)
        except sqlite3.Error as error:
            raise IndexUnusable(log=str(path), reason=str(error)) from error
        return Index(path, connection, opening.pop_all())


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Make them in a new file; another one is not touched. Raises IndexUnusable where another release filled it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    if tables and version in {VERSION, CLOSED_VERSION}:
        return
    if tables:
        reason = f"another release made it (version {version} of its tables, not {VERSION})"
        raise IndexUnusable(log=str(path), reason=reason)
    connection.executescript(f"BEGIN; {CREATE_TABLES} {_CREATE_LOG} PRAGMA user_version = {VERSION}; COMMIT;")


def _check_log(connection: sqlite3.Connection, path: Path, app: str, identity: Identity, partition: int) -> None:
    """Raises LogChanged when the file was made from another log."""
    own = (app, partition, identity.cluster_id, str(identity.topic_id), identity.partitions)
    connection.execute("INSERT OR IGNORE INTO log VALUES (1,?,?,?,?,?)", own)
    found = connection.execute("SELECT app, partition, cluster_id, topic_id, partitions FROM log").fetchone()
    if found != own:
        named = zip(("app", "partition", "cluster", "topic id", "partitions"), found, own, strict=True)
        reason = "; ".join(f"its {name} was {was}, and is {now}" for name, was, now in named if was != now)
        raise LogChanged(log=f"{app}.events/{partition}", reason=reason, index=str(path))


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
