"""Taking a backup of a log that others write to: what is new is added to what is there.

    1. Have the folder for this process alone, and forget what earlier processes did not finish.
    2. Compare the folder with the log: its last records must be records of this log. Its files must be there, each as
       long as it was; reading them again is left to whoever verifies the backup.
    3. Copy the read models, where that is asked for: what they show is in the log that is read afterwards.
    4. Copy each partition to its end; each full file is noted as progress, so that a run which is broken off goes on.
    5. Copy what came meanwhile, so that the ends of all partitions are as close in time as they can be.
    6. Replace the manifest, and only then remove the files that it no longer names.

Whatever ends the process at any point, the manifest and the files that it names are the last whole backup. No writer
is kept waiting: records are read as any reader reads them, and judged by the same rule. What the rule does not accept
is not copied. Where the log is broken the backup holds all that is before it, and the error says where that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from infra.backup.errors import BackupAltered, NewerBackup
from infra.backup.manifest import (
    FORMAT,
    MANIFEST,
    PROGRESS,
    Manifest,
    PartitionContent,
    ViewsCopy,
    is_of_backup,
    read_manifest,
    write_manifest,
)
from infra.backup.partition_copy import PartitionCopy, another_log
from infra.backup.segments import SEGMENT_BYTES, check_sizes
from infra.backup.signatures import SignatureChecks
from infra.backup.storage import BackupStorage
from infra.backup.views import copy_views
from infra.errors import LogUnusable
from infra.log.acceptance import start
from infra.log.errors import LogNotFounded, RecordsUnsigned
from infra.log.partition_source import PartitionSource


@dataclass(frozen=True, slots=True)
class BackupTaken:
    """What is in the folder now, and how many records each partition was given.

    `faults` are what is wrong with the log behind them, `unsigned` what stands at the end of a partition and may be a
    stranger's or an altered record.
    """

    manifest: Manifest
    added: Sequence[int]
    faults: Sequence[LogUnusable]
    unsigned: Sequence[RecordsUnsigned]


@dataclass(frozen=True, slots=True)
class BackupTold:
    """When a backup is taken, by which release, and whether with the read models (their file, or database)."""

    taken_at: datetime
    program: str
    views: Path | str | None = None


def take_backup(
    storage: BackupStorage, sources: Sequence[PartitionSource], told: BackupTold, *, largest: int = SEGMENT_BYTES
) -> BackupTaken:
    """Bring a backup up to the end of the log. `largest`: bytes of a file of records, at most.

    Raises BackupInUse, BackupOfAnotherLog, BackupOfAnotherHistory, BackupAltered, ViewsNotCopied, BackupUnusable,
    LogNotFounded, and what reading the log raises; a fault of the log is returned, since what is before it is kept.
    """
    identity = _identity(sources[0])
    with storage.writing(), ExitStack() as stack:  # 1
        whole, found = _known(storage)
        _forget_leftovers(storage, whole, found)
        known = found or _empty(sources, told, identity)
        checks = stack.enter_context(SignatureChecks())
        run = _Run(storage, known, told, sources[0].log_id)
        for source in sources:  # 2
            if not _is_of(known, source, identity):
                raise another_log(storage, bytes.fromhex(known.identity), identity)
            partition = source.address.partition
            check_sizes(storage, partition, known.partitions[partition].segments)
            copy = PartitionCopy(storage, source, known, run.note, checks=checks, largest=largest)
            stack.callback(copy.close)
            copy.begin()
            run.copies.append(copy)
        views = copy_views(storage, told.views, told.taken_at) if told.views is not None else None  # 3
        for _ in range(2):  # 4, 5
            for copy in run.copies:
                copy.read_on()
        return run.finish(views)  # 6


class _Run:
    """One run: what it has to work with, and the manifest as it grows."""

    def __init__(self, storage: BackupStorage, known: Manifest, told: BackupTold, log_id: str) -> None:
        self.copies: list[PartitionCopy] = []
        self._storage = storage
        self._growing = msgspec.structs.replace(known, program=told.program, taken_at=told.taken_at, log_id=log_id)

    def note(self, content: PartitionContent) -> None:
        """A file is full: whoever goes on after this process begins behind it."""
        self._put(content)
        write_manifest(self._storage, self._growing, PROGRESS)

    def finish(self, views: ViewsCopy | None) -> BackupTaken:
        """Make it the whole backup."""
        for copy in self.copies:
            self._put(copy.finish())
        if views is not None:
            self._growing = msgspec.structs.replace(self._growing, views=views)
        write_manifest(self._storage, self._growing)
        _remove_all_but(self._storage, {MANIFEST, *self._growing.files()})
        faults = [fault for copy in self.copies if (fault := copy.fault()) is not None]
        unsigned = [found for copy in self.copies if (found := copy.unsigned()) is not None]
        return BackupTaken(self._growing, [copy.added for copy in self.copies], faults, unsigned)

    def _put(self, content: PartitionContent) -> None:
        partitions = list(self._growing.partitions)
        partitions[content.partition] = content
        self._growing = msgspec.structs.replace(self._growing, partitions=tuple(partitions))


def _identity(source: PartitionSource) -> bytes:
    """The log's identity, from its first record. Raises LogNotFounded, LogBroken."""
    genesis = source.founder().read(0)
    if genesis is None:
        raise LogNotFounded(log=source.address.name)
    return genesis.identity


def _known(storage: BackupStorage) -> tuple[Manifest | None, Manifest | None]:
    """The last whole backup, and what there is to go on from. Raises BackupAltered, NewerBackup."""
    whole = read_manifest(storage)
    try:
        progress = read_manifest(storage, PROGRESS)
    except (BackupAltered, NewerBackup):
        # It saves work and nothing else.
        progress = None
    if progress is None or (whole is not None and _records(progress) <= _records(whole)):
        return whole, whole
    return whole, progress


def _records(manifest: Manifest) -> int:
    return sum(each.records for each in manifest.partitions)


def _empty(sources: Sequence[PartitionSource], told: BackupTold, identity: bytes) -> Manifest:
    address = sources[0].address
    contents = (PartitionContent.of(start(source.address.place), None, ()) for source in sources)
    return Manifest(
        FORMAT, told.program, told.taken_at, address.app, identity.hex(), sources[0].log_id, tuple(contents)
    )


def _is_of(known: Manifest, source: PartitionSource, identity: bytes) -> bool:
    address = source.address
    shape = known.app, len(known.partitions), known.identity
    return shape == (address.app, address.partitions, identity.hex())


def _forget_leftovers(storage: BackupStorage, whole: Manifest | None, known: Manifest | None) -> None:
    kept = {MANIFEST, PROGRESS}
    for manifest in (whole, known):
        kept |= manifest.files() if manifest is not None else set()
    _remove_all_but(storage, kept)


def _remove_all_but(storage: BackupStorage, kept: set[str]) -> None:
    """Nothing that is no file of a backup is removed."""
    for name in storage.names() - kept:
        if is_of_backup(name):
            storage.remove(name)
