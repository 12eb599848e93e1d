from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra.backup import restoring_embedded
from infra.backup.errors import BackupAltered, RestoreDiffers, RestoreOtherLog, RestoreOtherShape, RestoreTargetTaken
from infra.backup.folder import FolderStorage
from infra.backup.restoring import Restored
from infra.backup.restoring_embedded import restore_embedded
from infra.backup.verifying import verify
from infra.backup.writing import BackupTold, take_backup
from infra.log.errors import WriterNotRegistered
from infra.log.full_scan import check_whole
from infra.log.keys import KeyFolder
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_knowledge import PartitionAddress
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.whole import compare_index
from tests.infra.backup.logs import TAKEN_AT, contents, dismiss_all, happen, looked_at, send_orphan, take, void_from
from tests.infra.log.sqlite.conftest import open_log, path

__all__ = ["open_log", "path"]

Opening = Callable[[], PartitionHandle]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def opened(open_log: Opening) -> PartitionHandle:
    opened = open_log()
    happen(opened, 7)
    return opened


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "log.sqlite"


def put(folder: Path, target: Path) -> Restored:
    """Restore, as the command does."""
    storage = FolderStorage(folder)
    with storage.reading():
        return restore_embedded(storage, verify(storage).manifest, SQLiteSource(target))


def rows(path: Path, statement: str = "SELECT record_offset, value, appended_at FROM records") -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_every_record_is_as_it_was(opened: PartitionHandle, path: Path, folder: Path, target: Path) -> None:
    """With its moment, in a file of its owner alone; the index is filled, and nothing is left beside it."""
    take(folder, [opened.source])
    before = contents(folder)
    assert put(folder, target) == Restored([8], 0)
    assert rows(target) == rows(path)
    assert [each.name for each in target.parent.iterdir()] == ["log.sqlite"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    source = SQLiteSource(target)
    assert check_whole(source) is None
    assert compare_index(source) == (None, None)
    assert source.log_id == opened.source.log_id
    assert contents(folder) == before


def test_state_behind_a_void_and_a_dismissal_is_the_same(
    opened: PartitionHandle, open_log: Opening, path: Path, folder: Path, target: Path
) -> None:
    void_from(opened, 4)
    send_orphan(opened)
    dismiss_all(opened)
    opened.close()
    happen(open_log(), 2)
    take(folder, [opened.source])
    put(folder, target)
    for statement in ("SELECT rowid, * FROM stored_events", "SELECT * FROM voids", "SELECT hash FROM accepted_records"):
        assert rows(target, statement) == rows(path, statement)
    assert len(rows(target, "SELECT * FROM voids")) == 1


def test_it_is_written_to_with_the_keys_of_the_log_alone(opened: PartitionHandle, folder: Path, target: Path) -> None:
    """Without them it is read; with them backups go on into the same folder."""
    take(folder, [opened.source])
    put(folder, target)
    keyless = PartitionHandle(SQLiteSource(target))
    assert keyless.partition.indexed == 7
    with pytest.raises(WriterNotRegistered):
        happen(keyless, 1)
    keyless.close()
    shutil.rmtree(target.with_name("log.sqlite.keys"))
    opened.source.keys.folder.copy_to(KeyFolder(target.with_name("log.sqlite.keys")))
    again = PartitionHandle(SQLiteSource(target))
    happen(again, 3)
    again.close()
    taken = take(folder, [again.source])
    assert taken.added == [3]
    assert looked_at(folder).manifest.partitions[0].records == 11


def test_a_second_run_finds_that_it_is_done(opened: PartitionHandle, folder: Path, target: Path) -> None:
    take(folder, [opened.source])
    put(folder, target)
    before = target.read_bytes()
    assert put(folder, target) == Restored([0], 0)
    assert target.read_bytes() == before


@pytest.mark.parametrize("broken_at", [1, 3, 8])
def test_a_run_that_was_broken_off_goes_on(
    opened: PartitionHandle, path: Path, folder: Path, target: Path, broken_at: int
) -> None:
    """Until its end nothing stands at the path; what is there is compared, and not written again."""
    take(folder, [opened.source])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring_embedded, "_AT_ONCE", 1)
        patch.setattr(restoring_embedded, "_groups", _breaking_off(broken_at))
        with pytest.raises(KeyboardInterrupt):
            put(folder, target)
    assert not target.exists()
    assert put(folder, target) == Restored([8 - broken_at + 1], 0)
    assert rows(target) == rows(path)


def _breaking_off(at: int) -> Callable[..., Any]:
    original = restoring_embedded._groups

    def groups(records: Any) -> Any:
        for number, group in enumerate(original(records), start=1):
            if number == at:
                raise KeyboardInterrupt
            yield group

    return groups


def test_what_another_backup_left_is_not_mixed_with(
    opened: PartitionHandle, folder: Path, target: Path, tmp_path: Path
) -> None:
    take(folder, [opened.source])
    other = PartitionHandle(SQLiteSource(tmp_path / "other.sqlite"))
    happen(other, 3)
    other.close()
    take(tmp_path / "others", [other.source])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring_embedded, "_read_back", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path / "others", target)
    with pytest.raises(RestoreTargetTaken):
        put(folder, target)
    assert not target.exists()
    put(tmp_path / "others", target)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_nothing_that_is_there_is_overwritten(
    opened: PartitionHandle, path: Path, folder: Path, target: Path, tmp_path: Path
) -> None:
    """Another log, the same log that went on or lost its end, some other file, and what is left of a log."""
    take(folder, [opened.source])
    target.parent.mkdir()
    other = PartitionHandle(SQLiteSource(tmp_path / "other.sqlite"))
    happen(other, 9)
    other.close()
    happen(opened, 1)
    opened.close()
    cut = tmp_path / "cut.sqlite"
    shutil.copy(path, cut)
    with closing(sqlite3.connect(cut)) as connection:
        connection.execute("DELETE FROM records WHERE record_offset > 5")
        connection.commit()
    (tmp_path / "letter").write_bytes(b"a letter")
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    for there in (tmp_path / "other.sqlite", path, cut, tmp_path / "letter", tmp_path / "empty.sqlite"):
        shutil.copy(there, target)
        before = target.read_bytes()
        with pytest.raises(RestoreTargetTaken):
            put(folder, target)
        assert target.read_bytes() == before
        target.unlink()
    wal = target.with_name("log.sqlite-wal")
    wal.write_bytes(b"the last of a log")
    with pytest.raises(RestoreTargetTaken):
        put(folder, target)
    assert wal.read_bytes() == b"the last of a log"


def test_keys_of_another_log_are_not_taken_for_its_own(
    opened: PartitionHandle, folder: Path, target: Path, tmp_path: Path
) -> None:
    take(folder, [opened.source])
    other = PartitionHandle(SQLiteSource(tmp_path / "other.sqlite"))
    other.source.keys.note_identity(bytes(32))
    other.close()
    other.source.keys.folder.copy_to(KeyFolder(target.with_name("log.sqlite.keys")))
    with pytest.raises(RestoreOtherLog):
        put(folder, target)
    assert not target.exists()


def test_a_damaged_backup_is_not_put_back(opened: PartitionHandle, folder: Path, target: Path) -> None:
    taken = take(folder, [opened.source])
    name = max(taken.manifest.files())
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(BackupAltered):
        put(folder, target)
    assert not target.parent.exists()


def test_what_is_read_back_otherwise_is_no_log(opened: PartitionHandle, folder: Path, target: Path) -> None:
    """A disk that loses a write is found before the file has the log's name."""
    take(folder, [opened.source])

    def losing(storage: Any, manifest: Any, draft: Path) -> int:
        added = original(storage, manifest, draft)
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("UPDATE records SET value = zeroblob(200) WHERE record_offset = 4")
            connection.commit()
        return added

    original = restoring_embedded._write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring_embedded, "_write", losing)
        with pytest.raises(RestoreDiffers):
            put(folder, target)
    assert not target.exists()


def test_a_log_of_several_partitions_is_not_put_into_one_file(
    opened: PartitionHandle, path: Path, folder: Path, target: Path
) -> None:
    """Its place is a part of every signature."""
    address = PartitionAddress("another", "other", 1, 0)
    source = opened.source
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "address", address)
        patch.setattr(type(source), "founder", lambda _: _Founded(SQLiteSource(path).genesis()))
        taken = take_backup(FolderStorage(folder), [source], BackupTold(TAKEN_AT, "1"))
    assert taken.manifest.app == "other"
    with pytest.raises(RestoreOtherShape) as found:
        restore_embedded(FolderStorage(folder), taken.manifest, SQLiteSource(target))
    assert "prefix=other&partitions=1" in found.value.hint()
    assert not target.parent.exists()


class _Founded:
    def __init__(self, genesis: Any) -> None:
        self._genesis = genesis

    def read(self, _partition: int) -> Any:
        return self._genesis
