"""An embedded log read by a second hand: its records, and what its index holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from infra.log.format import Append
from infra.log.index import TABLES
from infra.log.sqlite.source import APP
from tests.support.memory_log import MemoryLog, accepted


def rows(path: Path, query: str) -> list[Any]:
    """The rows of a query."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def index(path: Path) -> dict[str, list[Any]]:
    """All rows of the tables that are filled from the records."""
    queries = {table: f"SELECT * FROM {table}" for table in TABLES}  # noqa: S608  (names of our own)
    queries["stored_events"] = "SELECT rowid, * FROM stored_events ORDER BY rowid"
    # When one was appended is known only to who reads it from the tape.
    queries["accepted_records"] = "SELECT number, record_offset, hash, position, format FROM accepted_records"
    return {table: rows(path, query) for table, query in queries.items()}


def appends_in(path: Path) -> list[tuple[int, Append]]:
    """Every accepted append with the position of its first event."""
    log = MemoryLog([value for (value,) in rows(path, "SELECT value FROM records ORDER BY record_offset")])
    found = []
    for position, appends in accepted(log, APP):
        for append in appends:
            found.append((position, append))
            position += len(append.events)  # noqa: PLW2901
    return found
