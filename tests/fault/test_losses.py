"""What the faults themselves must do, so that what they show is the system's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.fault.losses import FileCopies


def _write(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS said (text)")
        connection.execute("DELETE FROM said")
        connection.execute("INSERT INTO said VALUES (?)", (text,))


def _read(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT text FROM said").fetchone()[0])


def test_every_file_gets_its_own_older_copy_back(tmp_path: Path) -> None:
    """Also when one was put back before others were copied."""
    first, second, third = (tmp_path / f"{name}.sqlite" for name in ("first", "second", "third"))
    for path in (first, second):
        _write(path, path.name)
    copies = FileCopies(tmp_path / "copies")
    copies.take([first, second])
    assert copies.put_back(first)
    _write(third, third.name)
    copies.take([third])
    for path in (second, third):
        _write(path, "later")
        assert copies.put_back(path)
        assert _read(path) == path.name
    assert not copies.put_back(first)
