"""A log that is moved, replaced, deleted or named twice while it is in use: nothing is acknowledged that is lost.

And what SQLite keeps beside a log is never given up for a file that it does not belong to.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from infra.errors import LogLost
from infra.log.errors import LogEmpty, LogHasTwoNames, LogMoved, WalOrphaned
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from infra.log.sqlite import beside as looks
from infra.log.sqlite.log import SQLiteLog
from infra.log.sqlite.reading import ReadOnlySource, SQLiteReader
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.tape import SQLiteTape
from infra.private_files import make_private
from infra.views.errors import ViewsMoved
from infra.views.sqlite import SQLiteViews
from tests.infra.log.sqlite.rows import appends_in
from tests.support.terminal import Terminal

needs_locks = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="this system does not tell who holds locks")


def happen(opened: PartitionHandle, size: int = 0) -> int:
    """Append one event of so many bytes; its position."""
    (position,) = insert(opened, [StoredEvent(uuid4(), 1, "Happened", bytes(size))], None) or ()
    return position


def cp(path: Path, to: Path) -> None:
    """By another process: to close the file here would end this process's locks on it."""
    subprocess.run(["cp", str(path), str(to)], check=True)


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def move(path: Path) -> None:
    path.rename(path.with_name("moved.sqlite"))


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    """As whoever restores a backup does."""
    backup = path.with_name("backup.sqlite")
    with closing(sqlite3.connect(path)) as log, closing(sqlite3.connect(backup)) as copy:
        log.backup(copy)
    backup.replace(path)


def replace_folder(path: Path) -> None:
    """The folder is another one, with whole copies of all that stood in the old one."""
    folder = path.parent
    old = folder.with_name("old")
    folder.rename(old)
    shutil.copytree(old, folder)


def delete_wal(path: Path) -> None:
    beside(path, "-wal").unlink()


def replace_wal(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(beside(path, "-wal"), copy)
    copy.replace(beside(path, "-wal"))


def delete_shm(path: Path) -> None:
    beside(path, "-shm").unlink()


MOVES = [move, delete, replace, replace_folder, delete_wal, replace_wal, delete_shm]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The path of a log in a folder of its own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "log.sqlite"


@pytest.mark.parametrize("moved", MOVES)
def test_nothing_is_acknowledged_by_a_file_that_is_not_at_its_path(log: Path, moved: Callable[[Path], None]) -> None:
    opened = PartitionHandle(SQLiteSource(log))
    assert happen(opened) == 1
    moved(log)
    for _ in range(2):
        with pytest.raises(LogMoved) as refused:
            happen(opened)
        assert "nothing more was appended" in refused.value.message()
        with pytest.raises(LogMoved):
            opened.refresh()
    opened.close()


@pytest.mark.parametrize("moved", [move, replace])
def test_a_reader_does_not_go_on_with_a_file_that_is_not_at_its_path(log: Path, moved: Callable[[Path], None]) -> None:
    opened = PartitionHandle(SQLiteSource(log))
    happen(opened)
    with closing(SQLiteReader(ReadOnlySource(log))) as reader:
        assert reader.head(0) == 1
        moved(log)
        with pytest.raises(LogMoved):
            reader.head(0)
    opened.close()


def test_links_are_followed_to_the_file(log: Path, tmp_path: Path) -> None:
    """What stands beside it stands beside the file itself; a link that leads elsewhere is another file."""
    link = tmp_path / "link.sqlite"
    link.symlink_to(log)
    other = tmp_path / "other.sqlite"
    PartitionHandle(SQLiteSource(other)).close()
    opened = PartitionHandle(SQLiteSource(link))
    assert happen(opened) == 1
    assert beside(log, "-wal").stat().st_size
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(LogMoved):
        happen(opened)
    opened.close()


def test_a_log_is_closed_by_whoever_opened_it_wherever_its_path_leads_by_then(log: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(log)
    opened = SQLiteLog(SQLiteSource(link))
    link.unlink()
    link.symlink_to(tmp_path / "nowhere.sqlite")
    opened.close()
    link.unlink()
    with closing(SQLiteLog(SQLiteSource(log))) as again:
        assert again.head(0) == 0


def test_where_it_is_moved_in_the_moment_of_a_commit_the_outcome_is_not_known(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is in the file that was moved, once, and is there when that is put back."""
    opened = PartitionHandle(SQLiteSource(log))
    happen(opened)
    elsewhere = log.with_name("elsewhere.sqlite")
    check = SQLiteTape._check_place

    def move_after(self: SQLiteTape, *, committed: bool = False) -> None:
        check(self, committed=committed)
        if not committed and opened.index._connection.in_transaction and log.exists():
            log.rename(elsewhere)

    with monkeypatch.context() as patch:
        patch.setattr(SQLiteTape, "_check_place", move_after)
        with pytest.raises(LogMoved, match="not known"):
            happen(opened)
    with pytest.raises(LogMoved, match="nothing more"):
        happen(opened)
    elsewhere.rename(log)
    assert happen(opened) == 3
    opened.close()
    assert [position for position, _ in appends_in(log)] == [1, 2, 3]


@pytest.fixture
def killed(log: Path) -> Path:
    """What a process leaves that is killed: a file, and a `-wal` with the last records in it."""
    folder = log.with_name("killed")
    folder.mkdir()
    opened = PartitionHandle(SQLiteSource(log))
    for _ in range(3):
        happen(opened, 50_000)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for _ in range(3):
        happen(opened)
    for ending in ("", "-wal"):
        cp(beside(log, ending), beside(folder / "log.sqlite", ending))
    shutil.copytree(beside(log, ".keys"), folder / "log.sqlite.keys")
    opened.close()
    assert beside(folder / "log.sqlite", "-wal").stat().st_size
    return folder / "log.sqlite"


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def made_anew(path: Path) -> None:
    """A file that SQLite made, and nothing more."""
    path.unlink()
    fresh = path.with_name("fresh.sqlite")
    with closing(sqlite3.connect(fresh)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
    shutil.move(fresh, path)


def another_log(path: Path) -> None:
    other = path.with_name("other.sqlite")
    opened = PartitionHandle(SQLiteSource(other))
    for _ in range(5):
        happen(opened)
    opened.close()
    other.replace(path)


def restored(path: Path) -> None:
    """A copy of the log from before, which does not go as far as what the `-wal` goes on from."""
    opened = PartitionHandle(SQLiteSource(path.parent.parent / "log.sqlite"))
    records = opened.partition.state.number
    opened.close()
    whole = path.parent.parent / "log.sqlite"
    shutil.copy(whole, path)
    with closing(sqlite3.connect(path.with_name("older.sqlite"))) as older, closing(sqlite3.connect(whole)) as log:
        log.backup(older)
        older.execute("DELETE FROM records WHERE record_offset > 1")
        older.execute("DELETE FROM accepted_records WHERE number > 2")
        older.execute("DELETE FROM stored_events WHERE rowid > 1")
        found = older.execute("SELECT hash FROM accepted_records WHERE number = 2").fetchone()
        older.execute(
            "UPDATE head SET number = 2, next_offset = 2, record_offset = 1, hash = ?, position = 2", found[:1]
        )
        older.commit()
        older.execute("VACUUM")
    assert records > 3
    path.with_name("older.sqlite").replace(path)


@pytest.mark.parametrize("exchanged", [delete, emptied, made_anew, another_log, restored])
def test_a_wal_is_not_given_up_for_a_file_that_it_does_not_belong_to(
    killed: Path, exchanged: Callable[[Path], None], tmp_path: Path
) -> None:
    """Neither by who reads nor by who writes; with its own file beside it again, all is there."""
    kept = shutil.copy(killed, tmp_path / "kept")
    wal = beside(killed, "-wal").read_bytes()
    exchanged(killed)
    for open_it in (
        lambda: PartitionHandle(SQLiteSource(killed)).close(),
        lambda: SQLiteReader(ReadOnlySource(killed)).head(0),
    ):
        with pytest.raises(WalOrphaned) as refused:
            open_it()
        assert f"{killed}-wal" in refused.value.message("vi")
        assert str(killed) in refused.value.hint()
        assert beside(killed, "-wal").read_bytes() == wal
    shutil.copy(kept, killed)
    opened = PartitionHandle(SQLiteSource(killed))
    assert happen(opened) == 7
    opened.close()


def test_no_command_begins_a_log_over_a_wal_that_is_left(tmp_path: Path) -> None:
    """The file was moved away under a process that was killed then."""
    terminal = Terminal(tmp_path)
    path = tmp_path / "log.sqlite"
    beside(path, "-wal").write_bytes(b"what SQLite left")
    for command in (["open", "04630", "--level=basic", "--year=2024", "--on=2024-06-12"], ["status"], ["doctor"]):
        said = terminal.ask(*command)
        assert said.code == 4
        assert "LOG_WAL_ORPHANED" in said.err + said.out
    assert beside(path, "-wal").read_bytes() == b"what SQLite left"
    assert not path.exists()


@needs_locks
def test_who_puts_a_file_in_the_place_of_one_in_use_is_told_who_has_that(log: Path) -> None:
    """SQLite would take the other one's `-wal`, empty as it is, for the new file's, and write to both."""
    opened = PartitionHandle(SQLiteSource(log))
    happen(opened)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    replace(log)
    with pytest.raises(WalOrphaned, match=f"process {os.getpid()} "):
        SQLiteSource(log).open()
    with pytest.raises(WalOrphaned):
        SQLiteReader(ReadOnlySource(log)).head(0)
    opened.close()
    again = PartitionHandle(SQLiteSource(log))
    assert happen(again) == 2
    again.close()


@needs_locks
def test_a_log_is_not_written_under_a_second_name(log: Path, tmp_path: Path) -> None:
    """It is read under one, as in a snapshot of links, unless somebody has it open under the other."""
    opened = PartitionHandle(SQLiteSource(log))
    happen(opened)
    second = tmp_path / "second.sqlite"
    second.hardlink_to(log)
    # Whoever had it before is not held up.
    assert happen(opened) == 2
    with pytest.raises(LogHasTwoNames):
        SQLiteSource(second).open()
    with pytest.raises(LogHasTwoNames):
        SQLiteReader(ReadOnlySource(second)).head(0)
    opened.close()
    with closing(SQLiteReader(ReadOnlySource(second))) as reader:
        assert reader.head(0) == 2
    with pytest.raises(LogHasTwoNames) as refused:
        SQLiteSource(log).open()
    assert "hard link" in refused.value.message()
    second.unlink()
    again = PartitionHandle(SQLiteSource(log))
    assert happen(again) == 3
    again.close()


def test_a_file_that_is_mounted_alone_is_not_written(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `-wal` would stay in the container, and nobody else would see it."""
    mounts = tmp_path / "mountinfo"
    place = str(log.resolve()).replace(" ", "\\040")
    mounts.write_text(f"36 35 98:0 / / rw - ext4 /dev/root rw\n37 36 98:0 /x {place} rw - ext4 /dev/root rw\n")
    PartitionHandle(SQLiteSource(log)).close()
    monkeypatch.setattr(looks, "_MOUNTS", mounts)
    with pytest.raises(LogHasTwoNames, match="mounted alone"):
        SQLiteSource(log).open()
    with closing(SQLiteReader(ReadOnlySource(log))) as reader:
        assert reader.head(0) == 0


@pytest.mark.parametrize("left", ["keys", "views", "both"])
def test_no_log_is_begun_over_what_is_left_of_another(tmp_path: Path, left: str) -> None:
    """A log that was moved away by mistake is missed, and not begun anew in silence."""
    terminal = Terminal(tmp_path)
    opening = ("open", "04630", "--level=basic", "--year=2024", "--on=2024-06-12")
    terminal.run(*opening)
    terminal.run("status")
    for each in tmp_path.glob("log.sqlite*"):
        if each.is_file():
            each.unlink()
    if left == "views":
        shutil.rmtree(tmp_path / "log.sqlite.keys")
    elif left == "keys":
        (tmp_path / "log-views.sqlite").unlink()
    for command in (opening, ("status",)):
        assert "LOG_LOST" in terminal.run(*command, code=4).err
    (tmp_path / "log.sqlite").touch()
    assert "LOG_LOST" in terminal.run(*opening, code=4).err


def test_a_copy_without_its_wal_is_no_log(log: Path, tmp_path: Path) -> None:
    """`cp` beside a writer takes what SQLite has moved into the file so far: of a new log, nothing."""
    opened = PartitionHandle(SQLiteSource(log))
    happen(opened)
    copy = tmp_path / "copy.sqlite"
    cp(log, copy)
    with pytest.raises(LogEmpty) as refused:
        SQLiteReader(ReadOnlySource(copy)).head(0)
    assert "dossier log copy" in refused.value.hint()
    # With the keys beside it, nobody takes it for a new one either.
    SQLiteLog(SQLiteSource(log)).close()
    shutil.copytree(beside(log, ".keys"), beside(copy, ".keys"))
    with pytest.raises(LogLost):
        PartitionHandle(SQLiteSource(copy))
    opened.close()


def test_read_models_are_not_written_to_a_file_that_is_not_at_its_path(tmp_path: Path) -> None:
    path = tmp_path / "views.sqlite"
    with SQLiteViews(path) as views:
        with views.exclusive_transaction() as writer:
            writer.execute("CREATE TABLE some (value TEXT)")
        make_private(tmp_path / "other.sqlite")
        (tmp_path / "other.sqlite").replace(path)
        with pytest.raises(ViewsMoved), views.exclusive_transaction() as writer:
            writer.execute("INSERT INTO some VALUES ('lost')")
        path.unlink()
        with pytest.raises(ViewsMoved), views.reading():
            pass
