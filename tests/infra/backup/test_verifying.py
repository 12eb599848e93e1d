from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from infra.backup.errors import BackupAltered, BackupLacks, BackupMissing, NewerBackup
from infra.backup.folder import FolderStorage
from infra.backup.manifest import (
    FORMAT_OF_MOVED,
    MANIFEST,
    Manifest,
    Segment,
    read_manifest,
    whole_manifest,
    write_manifest,
)
from infra.backup.segments import _FACTS, _FRAME, _MAGIC
from infra.backup.verifying import Noted
from infra.log.acceptance import start
from infra.log.errors import NewerLog, RecordUnreadable
from infra.log.format import Format, Place, seal
from infra.log.partition_handle import PartitionHandle
from tests.infra.backup.logs import contents, happen, looked_at, take, void_from
from tests.infra.log.sqlite.conftest import open_log, path

__all__ = ["open_log", "path"]

Opening = Callable[[], PartitionHandle]
WHOLE = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def opened(open_log: Opening) -> PartitionHandle:
    opened = open_log()
    happen(opened, 4)
    return opened


def test_any_byte_of_any_file_is_found(open_log: Opening, folder: Path, tmp_path: Path) -> None:
    """And named: the file, and in a file of records the record as well, wherever it is in one."""
    opened = open_log()
    happen(opened, 2)
    views = tmp_path / "views.sqlite"
    connection = sqlite3.connect(views)
    connection.execute("CREATE TABLE shown (what TEXT)")
    connection.close()
    taken = take(folder, [opened.source], views=views, largest=700)
    looked_at(folder)
    for name, content in contents(folder).items():
        # A prime, so that every kind of place is met somewhere.
        step = 997 if name.endswith(".sqlite") else 3
        for at in range(0, len(content), step):
            damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            (folder / name).write_bytes(damaged)
            with pytest.raises((BackupAltered, NewerBackup)) as found:
                looked_at(folder)
            if isinstance(found.value, BackupAltered):
                assert found.value.details["file"] == name
                expected = _record_at(taken.manifest, name, content, at)
                assert found.value.details["record"] == expected, (name, at)
        for damaged in (content[:-1], content + b"\0", b""):
            (folder / name).write_bytes(damaged)
            with pytest.raises(BackupAltered):
                looked_at(folder)
        (folder / name).unlink()
        with pytest.raises((BackupAltered, BackupMissing)):
            looked_at(folder)
        (folder / name).write_bytes(content)
    assert looked_at(folder).manifest == taken.manifest


def _record_at(manifest: Manifest, name: str, content: bytes, at: int) -> int | None:
    """The number of the record that a byte of a file is a part of."""
    for segment in manifest.partitions[0].segments:
        if segment.name(0) != name or at < len(_MAGIC):
            continue
        start = len(_MAGIC)
        for number in range(segment.first, segment.last + 1):
            start += _FRAME.size + _FRAME.unpack_from(content, start)[0]
            if at < start:
                return number
    return None


def forge(folder: Path, number: int, value: bytes) -> None:
    """Put another record into a backup of one file, and make checksums, SHA-256 and manifest fit to it."""
    storage = FolderStorage(folder)
    manifest = whole_manifest(storage)
    (partition,) = manifest.partitions
    (segment,) = partition.segments
    content = (folder / segment.name(0)).read_bytes()
    made, start = content[: len(_MAGIC)], len(_MAGIC)
    for each in range(segment.first, segment.last + 1):
        length, _, offset, moment = _FRAME.unpack_from(content, start)
        found = content[start + _FRAME.size : start + _FRAME.size + length]
        start += _FRAME.size + length
        kept = value if each == number else found
        facts = _FACTS.pack(len(kept), offset, moment)
        made += _FRAME.pack(len(kept), crc32(kept, crc32(facts)), offset, moment) + kept
    (folder / segment.name(0)).write_bytes(made)
    forged = Segment(segment.first, segment.last, len(made), sha256(made).hexdigest())
    entry = msgspec.structs.replace(partition, segments=(forged,))
    write_manifest(storage, msgspec.structs.replace(manifest, partitions=(entry,)))


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_record_that_somebody_made_fit_is_found_by_its_signature(
    opened: PartitionHandle, folder: Path, number: int
) -> None:
    take(folder, [opened.source], largest=WHOLE)
    forge(folder, number, b"\xf9" + bytes(200))
    with pytest.raises(BackupAltered) as found:
        looked_at(folder)
    assert found.value.details["record"] == number
    assert "signed" in str(found.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"records": 4},
        {"next_position": 7},
        {"head": "00" * 32},
        {"keys": None},
        {"voids": ((1, 1, 1, 1),)},
    ],
)
def test_a_manifest_that_says_another_end_is_found(
    opened: PartitionHandle, folder: Path, changed: dict[str, object]
) -> None:
    """Though its own SHA-256 fits."""
    taken = take(folder, [opened.source])
    entry = msgspec.structs.replace(taken.manifest.partitions[0], **changed)
    write_manifest(FolderStorage(folder), msgspec.structs.replace(taken.manifest, partitions=(entry,)))
    with pytest.raises(BackupAltered) as found:
        looked_at(folder)
    assert found.value.details["file"] == MANIFEST


def test_what_was_noted_elsewhere_tells_an_older_backup(opened: PartitionHandle, folder: Path, tmp_path: Path) -> None:
    """Which is whole in itself: nothing in its folder can tell."""
    first = take(folder, [opened.source]).manifest
    shutil.copytree(folder, tmp_path / "older")
    happen(opened, 3)
    second = take(folder, [opened.source]).manifest
    heads = [first.partitions[0].head, second.partitions[0].head]
    assert looked_at(tmp_path / "older").manifest == first
    empty = start(Place(first.app, 1, 0)).head.hex()
    looked_at(folder, Noted(first.identity, {0: 8, None: 8}, [empty, *heads]))
    looked_at(tmp_path / "older", Noted(first.identity, {0: 5, None: 5}, heads[:1]))
    for noted in (
        Noted(identity="00" * 32),
        Noted(records={0: 6}),
        Noted(records={None: 6}),
        Noted(records={1: 1}),
        Noted(heads=heads),
    ):
        with pytest.raises(BackupLacks):
            looked_at(tmp_path / "older", noted)


def test_what_is_no_part_of_it_is_named_and_stops_nobody(opened: PartitionHandle, folder: Path) -> None:
    take(folder, [opened.source])
    (folder / "partition-0" / "000000000009-000000000010.records").write_bytes(b"a run that was killed")
    (folder / "note.txt").write_bytes(b"a note")
    assert looked_at(folder).left_over == ["note.txt", "partition-0/000000000009-000000000010.records"]
    take(folder, [opened.source])
    assert looked_at(folder).left_over == ["note.txt"]


@pytest.mark.parametrize(("format_", "kind"), [(Format.APPENDS, RecordUnreadable), (0xFE, NewerLog)])
def test_a_record_that_nobody_can_use_is_kept_and_named(
    opened: PartitionHandle, folder: Path, format_: int, kind: type[Exception]
) -> None:
    """It is a record of the log: the fault is the log's and not the backup's. A void ends it."""
    source, state = opened.source, opened.partition.state
    value = seal(state.place, source.keys.writer(), format_, (state.head, state.number + 1, state.position, 1), b"x")
    tape = source.follower()
    assert [*tape.read(0)]
    pending = tape.send(value)
    assert pending is not None
    pending.result()
    tape.close()
    taken = take(folder, [source])
    assert taken.faults == []
    (error,) = looked_at(folder).unusable
    assert isinstance(error, kind)
    assert error.details["number"] == 6
    void_from(opened, 6)
    take(folder, [source])
    assert looked_at(folder).unusable == []


def test_a_backup_of_a_newer_release_is_not_read(opened: PartitionHandle, folder: Path) -> None:
    take(folder, [opened.source])
    manifest = folder / MANIFEST
    newer = msgspec.json.decode(manifest.read_bytes()) | {"format": FORMAT_OF_MOVED + 1}
    manifest.write_bytes(msgspec.json.encode(newer))
    with pytest.raises(NewerBackup):
        looked_at(folder)
    with pytest.raises(NewerBackup):
        take(folder, [opened.source])


def test_there_is_no_backup_where_there_is_none(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(BackupMissing):
            looked_at(folder)
    assert read_manifest(FolderStorage(tmp_path)) is None
