"""`dossier log copy`: whole, from a running system, for its owner alone, and never in the place of another file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from infra.errors import LogUnusable
from infra.log.errors import CopyDiffers, LogBroken, WriterNotRegistered
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from infra.log.sqlite.copying import CopyExists, copy_log
from infra.log.sqlite.reading import ReadOnlySource, SQLiteReader
from tests.infra.log.sqlite.rows import index, rows
from tests.support.terminal import Terminal

Open = Callable[[], PartitionHandle]


def happen(opened: PartitionHandle) -> int:
    (position,) = insert(opened, [StoredEvent(uuid4(), 1, "Happened", b"")], None) or ()
    return position


def left_in(folder: Path) -> list[str]:
    """What stands in a folder, but for the log, its keys, and what SQLite keeps beside it."""
    return sorted(each.name for each in folder.iterdir() if not each.name.startswith("log.sqlite"))


def test_a_copy_of_a_log_in_use_holds_all_that_was_acknowledged_before(open_log: Open, path: Path) -> None:
    """Whoever appends meanwhile is not held up, and nothing of it is there by half."""
    opened = open_log()
    for _ in range(5):
        happen(opened)
    assert path.with_name("log.sqlite-wal").stat().st_size
    stopped = Event()
    after: list[int] = []

    def go_on() -> None:
        while not stopped.is_set():
            after.append(happen(opened))

    thread = Thread(target=go_on)
    thread.start()
    to = path.with_name("copy.sqlite")
    try:
        copied = copy_log(ReadOnlySource(path), to)
    finally:
        stopped.set()
        thread.join()
    assert copied.position >= 5
    assert happen(opened) == 5 + len(after) + 1
    records = rows(path, "SELECT * FROM records ORDER BY record_offset")
    assert rows(to, "SELECT * FROM records ORDER BY record_offset") == records[: copied.number]
    with closing(SQLiteReader(ReadOnlySource(to))) as log:
        assert log.head(0) == copied.position
        assert log.log_id == copied.identity.hex()
        state = log.state(0).state
        assert (state.number, state.head) == (copied.number, copied.head)
    assert to.stat().st_mode & 0o777 == 0o600
    assert to.stat().st_nlink == 1


def test_it_is_for_its_owner_alone_whatever_the_umask(open_log: Open, path: Path, tmp_path: Path) -> None:
    happen(open_log())
    before = os.umask(0)
    try:
        copy_log(ReadOnlySource(path), tmp_path / "copy.sqlite")
    finally:
        os.umask(before)
    assert (tmp_path / "copy.sqlite").stat().st_mode & 0o777 == 0o600
    assert left_in(tmp_path) == ["copy.sqlite"]


@pytest.mark.parametrize("taken", ["file", "folder", "link to nothing", "wal", "itself"])
def test_nothing_is_written_over(open_log: Open, path: Path, tmp_path: Path, taken: str) -> None:
    happen(open_log())
    to = tmp_path / "copy.sqlite"
    if taken == "file":
        to.write_text("of somebody")
    elif taken == "folder":
        to.mkdir()
    elif taken == "link to nothing":
        to.symlink_to(tmp_path / "nothing")
    elif taken == "wal":
        (tmp_path / "copy.sqlite-wal").write_text("of somebody")
    else:
        to = path
    before = left_in(tmp_path)
    with pytest.raises(CopyExists):
        copy_log(ReadOnlySource(path), to)
    assert left_in(tmp_path) == before
    assert taken != "file" or to.read_text() == "of somebody"


@pytest.mark.parametrize("links", [True, False])
def test_who_takes_the_name_meanwhile_keeps_it(
    open_log: Open, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """On a file system without second names too."""
    happen(open_log())
    to = tmp_path / "copy.sqlite"
    link = os.link

    def taken(draft: Path, name: Path) -> None:
        name.write_text("of somebody")
        if not links:
            raise OSError("not supported")
        link(draft, name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", taken)
        with pytest.raises(CopyExists):
            copy_log(ReadOnlySource(path), to)
    assert to.read_text() == "of somebody"
    assert left_in(tmp_path) == ["copy.sqlite"]


def test_a_file_system_without_second_names_gets_one_as_well(
    open_log: Open, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(open_log())

    def refused(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", refused)
    copied = copy_log(ReadOnlySource(path), tmp_path / "copy.sqlite")
    assert copied.position == 1
    assert index(tmp_path / "copy.sqlite")["stored_events"] == index(path)["stored_events"]


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE records SET value = zeroblob(200) WHERE record_offset = 2",
        "UPDATE records SET appended_at = 0 WHERE record_offset = 1",
        "DELETE FROM records WHERE record_offset = 1",
        "INSERT INTO records VALUES (99, x'00', 0)",
    ],
)
def test_a_copy_that_is_not_the_log_gets_no_name(
    open_log: Open, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """As by a disk that writes other than it was told."""
    opened = open_log()
    for _ in range(3):
        happen(opened)
    connect = sqlite3.connect

    class Faulty(sqlite3.Connection):
        def close(self) -> None:
            self.executescript(script)
            super().close()

    def faulty(database: str, **options: object) -> sqlite3.Connection:
        is_draft = not options and str(database).endswith("copy.sqlite")
        return connect(database, factory=Faulty) if is_draft else connect(database, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(sqlite3, "connect", faulty)
    with pytest.raises(CopyDiffers):
        copy_log(ReadOnlySource(path), tmp_path / "copy.sqlite")
    assert left_in(tmp_path) == []


def test_a_log_that_is_not_whole_is_not_copied_as_one_that_is(open_log: Open, path: Path, tmp_path: Path) -> None:
    opened = open_log()
    for _ in range(3):
        happen(opened)
    opened.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET value = CAST(value || x'00' AS BLOB) WHERE record_offset = 2")
    with pytest.raises(LogBroken):
        copy_log(ReadOnlySource(path), tmp_path / "copy.sqlite")
    assert left_in(tmp_path) == []


def test_a_place_that_cannot_be_written_is_told(open_log: Open, path: Path, tmp_path: Path) -> None:
    happen(open_log())
    with pytest.raises(LogUnusable, match="No such file"):
        copy_log(ReadOnlySource(path), tmp_path / "no" / "folder" / "copy.sqlite")


def test_the_command_says_what_was_copied_and_that_keys_were_not(tmp_path: Path) -> None:
    """Who has the copy can read it; nobody can write to it without the keys."""
    terminal = Terminal(tmp_path)
    opening = ["open", "04630", "--level=basic", "--year=2024", "--on=2024-06-12"]
    terminal.run(*opening)
    to = tmp_path / "copy.sqlite"
    said = terminal.run("log", "copy", str(to)).out
    assert "2 records up to position 1" in said
    assert f"keys are not copied: keep those in {tmp_path / 'log.sqlite.keys'}" in said
    found = terminal.json("log", "copy", str(tmp_path / "again.sqlite"))
    assert (found["records"], found["position"], found["keys_copied"]) == (2, 1, False)
    assert not (tmp_path / "copy.sqlite.keys").exists()
    terminal.environment["DOSSIER_LOG"] = f"sqlite:///{to}"
    assert terminal.json("status")["rows"][0]["unit_id"] == "04630"
    assert WriterNotRegistered.code in terminal.run(*opening[:1], "04633", *opening[2:], code=4).err
    for wrong in (["log", "copy"], ["log", "reindex", str(to)]):
        assert "BAD_OPTION" in terminal.run(*wrong, code=2).err
