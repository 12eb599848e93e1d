"""Indexes made anew from the log, where somebody has changed their rows; what was there is kept for whoever looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from infra.errors import LogUnusable
from infra.log.errors import IndexInUse
from infra.log.index import TABLES, open_index
from infra.log.kafka.source import KafkaSource
from infra.log.last_rows import mark_of
from infra.log.partition_reader import PartitionReader
from infra.log.sqlite.source import SQLiteSource
from infra.sqlite_file import open_in_wal_mode, writing


def renew_embedded(path: Path) -> Path:
    """Make the index of an embedded log anew; the file as it was is kept beside it, under the name that is returned.

    Raises LogUnusable.
    """
    kept = _kept(path)
    try:
        with closing(open_in_wal_mode(path)) as connection:
            with closing(sqlite3.connect(kept)) as copy:
                connection.backup(copy)
            with writing(connection):
                for table in TABLES:
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
    except sqlite3.Error as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
    mark_of(path).unlink(missing_ok=True)
    with closing(PartitionReader(SQLiteSource(path))) as reader:
        reader.check_whole()
    return kept


def put_aside(source: KafkaSource, path: Path) -> Path:
    """Put an index of a partition on Kafka aside, under the name that is returned: whoever needs it makes it anew.

    Raises IndexInUse, LogUnusable.
    """
    kept = _kept(path)
    try:
        open_index(path, source.address.app, source.topic.identity, source.address.partition).close()
    except IndexInUse:
        raise
    except LogUnusable:
        # Of whatever is wrong with it, nothing keeps it from being put aside.
        pass
    try:
        path.rename(kept)
        mark_of(path).unlink(missing_ok=True)
        for rest in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + rest).rename(kept.with_name(kept.name + rest))
    except OSError as error:
        raise LogUnusable(log=str(path), reason=error.strerror or str(error)) from error
    return kept


def _kept(path: Path) -> Path:
    return path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}.kept")
