"""Small logs of many records, and backups of them, for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from infra.backup.folder import FolderStorage
from infra.backup.verifying import Noted, VerifiedBackup, verify
from infra.backup.writing import BackupTaken, BackupTold, take_backup
from infra.log.control_records import Orphan
from infra.log.format import Format, encode_body, seal
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_source import PartitionSource
from infra.log.recorder import insert
from infra.log.repair import examined, repaired

TAKEN_AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
LARGEST = 1200
"""Bytes of a file of records: some three or four of the test's records."""


def happen(opened: PartitionHandle, count: int) -> None:
    """Append so many records of one event each."""
    for _ in range(count):
        insert(opened, [StoredEvent(uuid4(), 1, "Happened", b"state")], None)


def send_orphan(opened: PartitionHandle) -> int:
    """Append a record that was built on one which is not there; its offset."""
    source = opened.source
    chain = (bytes(32), 99, 99, 0)
    value = seal(source.address.place, source.keys.writer(), Format.APPENDS, chain, encode_body("w", []))
    with closing(source.follower()) as tape:
        assert [*tape.read(0)]
        pending = tape.send(value)
        offset = pending.result() if pending is not None else None
    assert offset is not None
    return offset


def dismiss_all(opened: PartitionHandle) -> None:
    """Leave every open orphan behind."""
    with repaired(opened.source) as partition:
        found = [Orphan(at, digest) for at, digest in partition.orphans.items()]
        partition.dismiss(found, opened.source.keys.writer())


def void_from(opened: PartitionHandle, number: int) -> None:
    """Void the records from a number on."""
    keys = opened.source.keys
    with examined(opened.source, number) as (partition, found):
        partition.void(found, "a test", keys.folder.roots(), keys.writer())


def take(
    folder: Path, sources: Sequence[PartitionSource], *, views: Path | str | None = None, largest: int = LARGEST
) -> BackupTaken:
    """Take a backup, or go on with it."""
    return take_backup(FolderStorage(folder), sources, BackupTold(TAKEN_AT, "1", views), largest=largest)


def looked_at(folder: Path, noted: Noted | None = None) -> VerifiedBackup:
    """Verify a backup."""
    storage = FolderStorage(folder)
    with storage.reading():
        return verify(storage, noted)


def contents(folder: Path) -> dict[str, bytes]:
    """Name → bytes of every file but the lock."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }
