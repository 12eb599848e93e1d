from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from infra.backup.errors import (
    BackupAltered,
    BackupInUse,
    BackupOfAnotherHistory,
    BackupOfAnotherLog,
    BackupUnusable,
    ViewsNotCopied,
)
from infra.backup.folder import FolderStorage
from infra.backup.manifest import PROGRESS, read_manifest
from infra.backup.segments import stored_records
from infra.log.control_records import StatementKind
from infra.log.errors import LogBroken, LogNotFounded, RecordsUnsigned
from infra.log.key_statements import state_keys
from infra.log.partition_client import FetchResult
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.tape import SQLiteTape
from infra.views.sqlite import SQLiteViews
from tests.infra.backup.logs import contents, dismiss_all, happen, looked_at, send_orphan, take, void_from
from tests.infra.log.sqlite.conftest import open_log, path
from tests.support.signing import STRANGER

__all__ = ["open_log", "path"]

Opening = Callable[[], PartitionHandle]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def opened(open_log: Opening) -> PartitionHandle:
    """A log of a genesis and nine records."""
    opened = open_log()
    happen(opened, 9)
    return opened


def test_a_backup_holds_every_record_with_offset_and_moment(opened: PartitionHandle, path: Path, folder: Path) -> None:
    taken = take(folder, [opened.source])
    with closing(sqlite3.connect(path)) as connection:
        expected = connection.execute("SELECT record_offset, value, appended_at FROM records").fetchall()
    (partition,) = taken.manifest.partitions
    stored = stored_records(FolderStorage(folder), 0, partition.segments)
    assert [(each.record.offset, each.value, each.record.appended_at) for each in stored] == expected
    assert (partition.records, partition.head) == (10, opened.partition.state.head.hex())
    assert len(partition.segments) > 2
    assert taken.added == [10]
    assert looked_at(folder).manifest == taken.manifest


def test_only_its_owner_can_read_it(opened: PartitionHandle, folder: Path) -> None:
    """A folder that others could read is theirs no longer."""
    folder.mkdir(mode=0o755)
    take(folder, [opened.source])
    modes = {path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {mode for name, mode in modes.items() if name == "partition-0"} == {0o700}
    assert {mode for name, mode in modes.items() if name != "partition-0"} == {0o600}


@pytest.mark.parametrize("largest", [1, 700, 1200, 5000, 1 << 20])
def test_many_runs_make_the_files_of_one_run(open_log: Opening, folder: Path, tmp_path: Path, largest: int) -> None:
    """Byte for byte, the manifest too; a run with nothing new changes nothing."""
    opened = open_log()
    for count in (0, 1, 4, 0, 2, 7):
        happen(opened, count)
        taken = take(folder, [opened.source], largest=largest)
        take(tmp_path / "once", [opened.source], largest=largest)
        assert contents(folder) == contents(tmp_path / "once")
        assert {*contents(folder)} == {"manifest.json", *taken.manifest.files()}
        assert looked_at(folder).manifest.partitions[0].records == opened.partition.state.number
        shutil.rmtree(tmp_path / "once")


def test_a_void_and_a_dismissal_are_in_it(opened: PartitionHandle, folder: Path, tmp_path: Path) -> None:
    """The void names a record that stands in a file which was closed long ago, and in an earlier run."""
    take(folder, [opened.source])
    keys, source = opened.source.keys, opened.source
    void_from(opened, 3)
    take(folder, [source])
    state_keys([source], StatementKind.ADD_WRITER, STRANGER.public, keys.folder.roots(), keys.writer())
    offset = send_orphan(opened)
    assert [type(each) for each in take(folder, [source]).faults] == [LogBroken]
    dismiss_all(opened)
    taken = take(folder, [source])
    assert offset == 12
    assert taken.faults == []
    state = taken.manifest.partitions[0]
    assert [each[:2] for each in state.voids] == [(3, 10)]
    assert (state.records, state.orphans) == (13, ())
    assert looked_at(folder).manifest == taken.manifest
    take(tmp_path / "once", [source])
    assert contents(folder) == contents(tmp_path / "once")


def test_a_log_that_is_broken_is_copied_up_to_the_break(opened: PartitionHandle, path: Path, folder: Path) -> None:
    """And the error says where it is; what is copied is a whole backup."""
    opened.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE records SET value = CAST(value || x'00' AS BLOB) WHERE record_offset = 6")
        connection.commit()
    taken = take(folder, [opened.source])
    (fault,) = taken.faults
    assert isinstance(fault, LogBroken)
    assert (fault.details["number"], fault.details["offset"]) == (7, 7)
    assert taken.manifest.partitions[0].records == 6
    assert looked_at(folder).manifest == taken.manifest
    assert [type(each) for each in take(folder, [opened.source]).faults] == [LogBroken]


def test_an_altered_last_record_is_named(opened: PartitionHandle, path: Path, folder: Path) -> None:
    opened.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE records SET value = CAST(value || x'00' AS BLOB) WHERE record_offset = 9")
        connection.commit()
    taken = take(folder, [opened.source])
    (fault,) = taken.faults
    assert isinstance(fault, RecordsUnsigned)
    assert (taken.manifest.partitions[0].records, fault.details["offset"]) == (9, 9)


def test_a_log_that_lost_its_end_does_not_take_it_from_the_backup(
    open_log: Opening, path: Path, folder: Path, tmp_path: Path
) -> None:
    """Nor one that then grew past it by other facts. Nothing in the folder is changed."""
    opened = open_log()
    happen(opened, 4)
    opened.close()
    shutil.copy(path, tmp_path / "older.sqlite")
    opened = open_log()
    happen(opened, 3)
    opened.close()
    take(folder, [opened.source])
    before = contents(folder)
    shutil.copy(tmp_path / "older.sqlite", path)
    with pytest.raises(BackupOfAnotherHistory) as cut:
        take(folder, [SQLiteSource(path)])
    assert "ends with record 5" in str(cut.value)
    other = open_log()
    happen(other, 9)
    other.close()
    with pytest.raises(BackupOfAnotherHistory) as grown:
        take(folder, [SQLiteSource(path)])
    assert "record 6 is another one" in str(grown.value)
    assert contents(folder) == before


def test_another_log_does_not_touch_the_folder(opened: PartitionHandle, folder: Path, tmp_path: Path) -> None:
    take(folder, [opened.source])
    before = contents(folder)
    other = PartitionHandle(SQLiteSource(tmp_path / "other.sqlite"))
    happen(other, 20)
    other.close()
    with pytest.raises(BackupOfAnotherLog):
        take(folder, [other.source])
    assert contents(folder) == before


def test_a_log_without_a_genesis_is_no_log(path: Path, folder: Path) -> None:
    tape, index = SQLiteSource(path).open()
    index.close()
    assert tape.largest
    with pytest.raises(LogNotFounded):
        take(folder, [SQLiteSource(path)])
    assert not folder.exists()


def test_a_folder_with_other_files_is_left_alone(opened: PartitionHandle, folder: Path) -> None:
    folder.mkdir()
    (folder / "letter.txt").write_text("a letter", encoding="utf-8")
    with pytest.raises(BackupUnusable, match=r"letter\.txt"):
        take(folder, [opened.source])
    assert contents(folder) == {"letter.txt": b"a letter"}


@pytest.mark.parametrize("how", [fcntl.LOCK_EX, fcntl.LOCK_SH])
def test_two_at_once_refuse_each_other(opened: PartitionHandle, folder: Path, how: int) -> None:
    """Whoever reads keeps writers away too; two readers do not mind."""
    take(folder, [opened.source])
    held = os.open(folder / "lock", os.O_RDONLY)
    try:
        fcntl.flock(held, how)
        with pytest.raises(BackupInUse):
            take(folder, [opened.source])
        if how == fcntl.LOCK_EX:
            with pytest.raises(BackupInUse):
                looked_at(folder)
        else:
            looked_at(folder)
    finally:
        os.close(held)
    take(folder, [opened.source])


def test_a_damaged_last_file_is_not_built_on(opened: PartitionHandle, folder: Path) -> None:
    taken = take(folder, [opened.source], largest=1 << 20)
    (name,) = taken.manifest.files()
    (folder / name).write_bytes((folder / name).read_bytes()[:-1] + b"\1")
    happen(opened, 1)
    with pytest.raises(BackupAltered):
        take(folder, [opened.source], largest=1 << 20)


@pytest.mark.parametrize("lost", [-1, None])
def test_an_older_file_that_is_cut_or_gone_is_not_built_on(
    opened: PartitionHandle, folder: Path, lost: int | None
) -> None:
    """A run that ended well would say that there is a backup."""
    taken = take(folder, [opened.source])
    first = folder / taken.manifest.partitions[0].segments[0].name(0)
    content = first.read_bytes()
    if lost is None:
        first.unlink()
    else:
        first.write_bytes(content[:lost])
    happen(opened, 1)
    before = contents(folder)
    with pytest.raises(BackupAltered):
        take(folder, [opened.source])
    assert contents(folder) == before
    first.write_bytes(content)
    assert take(folder, [opened.source]).added == [1]


def test_progress_is_gone_on_with_and_no_backup_yet(opened: PartitionHandle, folder: Path, tmp_path: Path) -> None:
    """A run that ends half way leaves the last whole backup as it was, and the next one reads what is new alone."""
    take(folder, [opened.source])
    whole = looked_at(folder).manifest
    happen(opened, 9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.backup.writing._Run.finish", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            take(folder, [opened.source])
    assert looked_at(folder).manifest == whole
    progress = read_manifest(FolderStorage(folder), PROGRESS)
    assert progress is not None
    reached = progress.partitions[0]
    assert whole.partitions[0].records < reached.records < 19
    begun: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        original = SQLiteTape.read

        def read(tape: SQLiteTape, start: int) -> Iterator[FetchResult]:
            begun.append(start)
            return original(tape, start)

        patch.setattr(SQLiteTape, "read", read)
        taken = take(folder, [opened.source])
    # Beside the genesis, which says what log it is.
    assert min(begun[1:]) == reached.offset
    assert taken.manifest.partitions[0].records == 19
    take(tmp_path / "once", [opened.source])
    assert contents(folder) == contents(tmp_path / "once")


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_writers_go_on_while_it_is_taken(open_log: Opening, folder: Path) -> None:
    """Neither waits for the other, and every backup is whole."""
    opened, over = open_log(), Event()

    def write() -> None:
        while not over.is_set():
            happen(opened, 1)

    writer = Thread(target=write)
    writer.start()
    try:
        records = [take(folder, [opened.source]).manifest.partitions[0].records for _ in range(10)]
    finally:
        over.set()
        writer.join()
    assert records == sorted(records)
    assert looked_at(folder).manifest.partitions[0].records == records[-1]
    assert take(folder, [opened.source]).manifest.partitions[0].records == opened.partition.state.number


def test_read_models_are_copied_as_they_stand_in_one_moment(
    opened: PartitionHandle, folder: Path, tmp_path: Path
) -> None:
    """While somebody writes to them; a later backup without them keeps the copy, one with them replaces it."""
    views = tmp_path / "views.sqlite"
    with SQLiteViews(views) as store:
        with store.transaction() as transaction:
            transaction.execute("CREATE TABLE shown (what TEXT)")
            transaction.execute("INSERT INTO shown VALUES ('first')")
        with store.transaction() as transaction:
            transaction.execute("INSERT INTO shown VALUES ('second')")
            first = take(folder, [opened.source], views=views).manifest.views
        assert first is not None
        assert _shown(folder / first.name) == ["first"]
        assert take(folder, [opened.source]).manifest.views == first
        second = take(folder, [opened.source], views=views).manifest.views
        assert second is not None
        assert _shown(folder / second.name) == ["first", "second"]
    assert not (folder / first.name).exists()
    assert looked_at(folder).manifest.views == second


def _shown(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [what for (what,) in connection.execute("SELECT what FROM shown")]


@pytest.mark.parametrize("views", ["postgresql://localhost/views", Path("/nowhere/views.sqlite")])
def test_read_models_that_are_in_no_file_are_not_copied(
    opened: PartitionHandle, folder: Path, views: Path | str
) -> None:
    take(folder, [opened.source])
    before = contents(folder)
    happen(opened, 1)
    with pytest.raises(ViewsNotCopied):
        take(folder, [opened.source], views=views)
    assert contents(folder) == before
