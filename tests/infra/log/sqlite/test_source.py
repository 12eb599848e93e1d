"""The file of an embedded log: made once, named once, and refused when it is something else."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from infra.bootstrap import Application
from infra.errors import LogUnusable
from infra.log.errors import EarlierLog, KeyMissing, LogChanged, WriterNotRegistered
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from infra.log.sqlite.source import SQLiteSource
from infra.settings import load
from tests.support.terminal import Terminal

Open = Callable[[], PartitionHandle]


def test_a_log_is_named_once(path: Path) -> None:
    """A new one by chance, one that is taken over as it was called."""
    names = set()
    for each in (path, path, path.with_name("another.sqlite")):
        opened = PartitionHandle(SQLiteSource(each))
        names.add((each, opened.source.log_id))
        opened.close()
    assert len(names) == 2
    assert all(len(name) == 64 for _, name in names)
    opened = PartitionHandle(SQLiteSource(path.with_name("third.sqlite"), continues="taken-over"))
    assert opened.source.log_id == "taken-over"
    opened.close()


def test_processes_may_make_it_in_the_same_moment(path: Path) -> None:
    """They find one log, with one name, and all of them write."""
    barrier = Barrier(6)
    found: list[tuple[str, int]] = []

    def use() -> None:
        barrier.wait()
        opened = PartitionHandle(SQLiteSource(path))
        (position,) = insert(opened, [StoredEvent(uuid4(), 1, "Happened", b"")], None) or ()
        found.append((opened.source.log_id, position))
        opened.close()

    threads = [Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(position for _, position in found) == [1, 2, 3, 4, 5, 6]
    assert len({name for name, _ in found}) == 1


def test_a_file_that_was_begun_and_no_more_becomes_a_log(path: Path, open_log: Open) -> None:
    """Its maker may have died before it made any table."""
    path.touch()
    assert insert(open_log(), [StoredEvent(uuid4(), 1, "Happened", b"")], None) == [1]


@pytest.mark.parametrize("table", ["stored_events", "answers"])
def test_a_log_of_an_earlier_form_is_left_alone(path: Path, open_log: Open, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {table} (something)")
    with pytest.raises(EarlierLog) as refused:
        open_log()
    assert "dossier log upgrade" in refused.value.hint()
    assert "dossier log upgrade" in refused.value.hint("vi")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [(table,)]


def test_a_log_without_its_records_is_no_log_of_an_earlier_form(path: Path, open_log: Open) -> None:
    """Taken over, its index would be believed, whatever somebody wrote into it."""
    insert(open_log(), [StoredEvent(uuid4(), 1, "Happened", b"")], None)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE records")
    with pytest.raises(LogChanged, match="table of its records is gone"):
        open_log()


def test_what_is_no_database_is_told(path: Path, open_log: Open) -> None:
    path.write_text("no database" * 100)
    with pytest.raises(LogUnusable, match="not a database"):
        open_log()


def test_keys_that_an_operator_names_are_used_and_never_made(tmp_path: Path) -> None:
    """A log that nobody has founded waits for whoever makes them; from then on that folder's key signs."""
    folder = tmp_path / "named"
    log = f"sqlite:///{tmp_path / 'log.sqlite'}"
    environment = {"DOSSIER_KEYS": str(folder)}
    with Application(load(environment, log=log), create=True) as application, pytest.raises(KeyMissing):
        application.sqlite_log.head(0)
    terminal = Terminal(tmp_path)
    terminal.environment |= environment
    terminal.run("keys", "init")
    terminal.run("open", "04630", "--level=basic", "--year=2024", "--on=2024-06-12")
    with Application(load(environment, log=log)) as application:
        source = application.sources()[0]
        assert application.sqlite_log.head(0) == 1
        keys = application.sqlite_log.opened(0).partition.state.keys
    assert keys is not None
    assert list(keys.writers.values()) == [source.keys.writer().public]
    assert source.keys.folder.path == folder
    assert not (tmp_path / "log.sqlite.keys").exists()


def test_who_only_reads_needs_no_key(path: Path, open_log: Open) -> None:
    opened = open_log()
    insert(opened, [StoredEvent(uuid4(), 1, "Happened", b"")], None)
    shutil.rmtree(path.with_name("log.sqlite.keys"))
    again = open_log()
    again.refresh()
    assert again.partition.indexed == 1
    with pytest.raises(WriterNotRegistered):
        insert(again, [StoredEvent(uuid4(), 1, "Happened", b"")], None)
