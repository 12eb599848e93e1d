"""Putting a backup back as an embedded log: written to a file beside, read back, and only then put in its place.

    1. Compare what is at the path: nothing, or this very log, which an earlier run has put there.
    2. Compare what an earlier run left in `<log>.restoring`, record by record, and write the rest.
    3. Read all back by the rule, and fill the index, as whoever opens the log first would.
    4. Give the file its name. Nothing is ever overwritten.

Records have the offsets 0, 1, 2, … there and the moments that they had.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from domain.i18n import Text, pair
from infra.backup.comparison import check_read_back, compare_target
from infra.backup.errors import RestoreTargetTaken
from infra.backup.manifest import Manifest
from infra.backup.restoring import Restored, check_identity, check_shape
from infra.backup.storage import BackupStorage
from infra.durable_files import take_name
from infra.errors import LogUnusable
from infra.log.errors import NewerLog, RecordUnreadable
from infra.log.partition_client import Record
from infra.log.partition_reader import PartitionReader
from infra.log.sqlite.reading import ReadOnlySource
from infra.log.sqlite.source import APP, SQLiteSource
from infra.private_files import make_private
from infra.sqlite_file import JOURNAL, WAL, has_content, writing

_INSERT: Final = "INSERT INTO records VALUES (?,?,?)"
_SELECT_END: Final = "SELECT COALESCE(MAX(record_offset), -1) + 1 FROM records"
_AT_ONCE: Final = 2000
_BYTES_AT_ONCE: Final = 8 << 20
_BESIDE: Final = ("-wal", "-shm", "-journal")


def restore_embedded(storage: BackupStorage, manifest: Manifest, target: SQLiteSource) -> Restored:
    """Put a verified backup at the path of an embedded log. To be called within `storage.reading`.

    Raises RestoreOtherShape, RestoreTargetTaken, RestoreDiffers, RestoreOtherLog where the keys at the target are
    another log's, LogUnusable.
    """
    path = target.index_path
    check_shape(manifest, str(path), APP, 1)
    check_identity(manifest, str(path), target.keys.identity())
    if path.exists():  # 1
        _check_same(storage, manifest, path)
        return Restored([0], 0)
    check_nothing_beside(path)
    draft = path.with_name(f"{path.name}.restoring")
    with _mapped(draft):
        path.parent.mkdir(parents=True, exist_ok=True)
        make_private(draft)
        added = _write(storage, manifest, draft)  # 2
        _read_back(storage, manifest, draft)  # 3
        put_in_place(draft, path)  # 4
    return Restored([added], 0)


def check_nothing_beside(path: Path) -> None:
    """Raises RestoreTargetTaken for what may hold records. Whoever only read a log leaves an empty `-wal` behind."""
    for ending in (WAL, JOURNAL):
        beside = path.with_name(path.name + ending)
        if has_content(beside):
            reason = pair("a part of a log that is gone is there: keep it, and restore elsewhere")
            raise RestoreTargetTaken(target=str(beside), reason=reason)


def _check_same(storage: BackupStorage, manifest: Manifest, path: Path) -> None:
    """Raises RestoreTargetTaken where anything but this very log is there."""
    try:
        with closing(ReadOnlySource(path)) as source, closing(source.follower()) as tape:
            found = compare_target(storage, manifest, 0, tape, str(path))
    except LogUnusable as error:
        reason = Text(error.message("en"), error.message("vi"))
        raise RestoreTargetTaken(target=str(path), reason=reason) from error
    except sqlite3.Error as error:
        raise RestoreTargetTaken(target=str(path), reason=Text(str(error), str(error))) from error
    if found.number != manifest.partitions[0].records:
        reason = pair("the log there ends with record {number}", number=found.number)
        raise RestoreTargetTaken(target=str(path), reason=reason)
    draft = path.with_name(f"{path.name}.restoring")
    if draft.exists() and draft.samefile(path):
        draft.unlink()


def _write(storage: BackupStorage, manifest: Manifest, draft: Path) -> int:
    """Write what is missing; how many records that was."""
    source = SQLiteSource(draft)
    _, index = source.open()
    index.close()
    with closing(source.follower()) as tape:
        found = compare_target(storage, manifest, 0, tape, str(draft))
    if found.next_offset != found.number:
        raise RestoreTargetTaken(target=str(draft), reason=pair("it holds what no restore has written"))
    return insert(source, (each.record for each in found.rest), found.number)


def insert(source: SQLiteSource, records: Iterator[Record], end: int) -> int:
    """Write records behind an offset; how many they were.

    Raises RestoreTargetTaken where another process writes there too, and sqlite3.Error.
    """
    added = 0
    with closing(source.connect()) as connection:
        for group in _groups(records):
            with writing(connection):
                (found,) = connection.execute(_SELECT_END).fetchone()
                if found != end + added:
                    reason = pair("another process is restoring to it")
                    raise RestoreTargetTaken(target=str(source.index_path), reason=reason)
                rows = ((end + added + at, each.value, each.appended_at) for at, each in enumerate(group))
                connection.executemany(_INSERT, rows)
            added += len(group)
    return added


def _groups(records: Iterator[Record]) -> Iterator[list[Record]]:
    """As many records as one transaction is to write."""
    group: list[Record] = []
    size = 0
    for record in records:
        group.append(record)
        size += len(record.value or b"")
        if len(group) == _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _read_back(storage: BackupStorage, manifest: Manifest, draft: Path) -> None:
    source = SQLiteSource(draft)
    with closing(source.follower()) as tape:
        check_read_back(storage, manifest, 0, tape, str(draft))
    fill_index(source)


def fill_index(source: SQLiteSource) -> None:
    """As whoever opens the log first would."""
    try:
        PartitionReader(source).close()
    except (NewerLog, RecordUnreadable):
        # It stops every reader of this log there, as it did before; the index goes up to it.
        return


def put_in_place(draft: Path, path: Path) -> None:
    """Give the file its name. Raises RestoreTargetTaken where a file has it, and sqlite3.Error."""
    with closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for ending in _BESIDE:
        draft.with_name(draft.name + ending).unlink(missing_ok=True)
    try:
        take_name(draft, path)
    except FileExistsError as error:
        raise RestoreTargetTaken(target=str(path), reason=pair("a file is there")) from error


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
