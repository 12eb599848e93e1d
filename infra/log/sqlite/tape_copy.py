"""The tape of an embedded log alone, in a file of its own: what its index is made anew from."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from infra.errors import LogUnusable
from infra.log.sqlite.source import SQLiteSource


def copy_of_tape(path: Path, folder: Path) -> SQLiteSource:
    """Copy the records of a log into a new file in a folder, as they stand. Raises LogUnusable."""
    source = SQLiteSource(folder / path.name)
    tape, index = source.open()
    index.close()
    try:
        with closing(sqlite3.connect(source.index_path.absolute().as_uri(), uri=True)) as connection, connection:
            connection.execute("ATTACH ? AS log", (f"{path.absolute().as_uri()}?mode=ro",))
            connection.execute("INSERT INTO main.records SELECT * FROM log.records")
    except sqlite3.Error as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
    tape.close()
    return source
