"""Verifying a backup: every byte of every file, and all records by the rule that every reader uses, from the genesis.

A byte that changed is found by the checksum of its record, by the SHA-256 of its file or by that of the manifest; a
record that somebody made fit to all of these, by its signature and by the hash in the next one. What nothing in the
folder can show is that records at the end, files and manifest were replaced by those of an earlier backup: who noted
the head or the number of records outside can tell (`Noted`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from consumers.commands.ports import QueuePosition
from domain.i18n import Text, pair
from infra.backup.errors import BackupLacks
from infra.backup.history import history_of, renewed
from infra.backup.manifest import MANIFEST, PROGRESS, Manifest, PartitionContent, whole_manifest
from infra.backup.segments import StoredRecord, altered, stored_records
from infra.backup.signatures import Judged, SignatureChecks
from infra.backup.storage import BackupStorage
from infra.backup.views import verify_views
from infra.errors import LogUnusable
from infra.log.acceptance import Verdict, VoidRange, start
from infra.log.chain import Chain
from infra.log.format import Header, UnreadableBody
from infra.log.index_head import StoppedAt
from infra.log.partition_client import Record
from infra.log.usable import UnknownFormat, stopped_at, usable_body


@dataclass(frozen=True, slots=True)
class Noted:
    """What the caller knows of the log from elsewhere, and the backup must hold.

    `identity` of the log (hexadecimal), `records`: partition → number of records at least (None: all together),
    `heads`: hashes of records (hexadecimal), each of which must be in some partition.
    """

    identity: str | None = None
    records: Mapping[int | None, int] = field(default_factory=dict)
    heads: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """A backup that was read whole.

    `handled`: the last handled command of each partition, `largest`: bytes of the largest record, `unusable`: the first
    accepted record of each partition that this release cannot use, `left_over`: files that are no part of it.
    """

    manifest: Manifest
    handled: Sequence[QueuePosition | None]
    largest: int
    unusable: Sequence[LogUnusable]
    left_over: Sequence[str]


def verify(storage: BackupStorage, noted: Noted | None = None) -> VerifiedBackup:
    """Read all of it. To be called within `storage.reading`.

    Raises BackupMissing, NewerBackup, BackupAltered by file and record; BackupLacks where it does not hold what is
    noted, which is looked at last.
    """
    manifest = whole_manifest(storage)
    noted = noted or Noted()
    heads = set(noted.heads)
    scans = [_PartitionScan(storage, manifest, content) for content in manifest.partitions]
    with SignatureChecks() as checks:
        for scan in scans:
            scan.run(heads, checks)
    if manifest.views is not None:
        verify_views(storage, manifest.views)
    _check_noted(storage, manifest, noted, heads)
    return VerifiedBackup(
        manifest,
        [scan.handled for scan in scans],
        max(scan.largest for scan in scans),
        [scan.unusable.error(scan.name) for scan in scans if scan.unusable is not None],
        sorted(storage.names() - manifest.files() - {MANIFEST, PROGRESS}),
    )


class _PartitionScan:
    """One partition, from its genesis to the end."""

    def __init__(self, storage: BackupStorage, manifest: Manifest, content: PartitionContent) -> None:
        place = manifest.place(content.partition)
        self.name = f"{storage.name}/partition-{content.partition}"
        self.handled: QueuePosition | None = None
        self.largest = 0
        self.unusable: StoppedAt | None = None
        self._storage = storage
        self._manifest = manifest
        self._content = content
        self._voids = [VoidRange(*void) for void in content.voids]
        self._history = history_of(storage, content.partition, lambda: content.segments)
        self._chain = Chain(start(place, bytes.fromhex(manifest.identity)), 0, self._history)

    def run(self, heads: set[str], checks: SignatureChecks) -> None:
        """Read it; those of `heads` that are found are taken out. Raises BackupAltered."""
        file = ""
        # A partition that had no record yet when its head was noted.
        heads.discard(self._chain.state.head.hex())
        records = stored_records(self._storage, self._content.partition, self._content.segments)
        items = ((stored, stored.value) for stored in records)
        place = self._manifest.place(self._content.partition)
        for stored, judged in checks.ahead(place, items, lambda: self._chain.state.keys):
            if stored.file != file:
                file = stored.file
                self._chain = renewed(self._chain, self._history)
            header = self._judged(stored, judged)
            if heads:
                heads.discard(self._chain.state.head.hex())
            self.largest = max(self.largest, len(stored.value))
            self._use(header, stored)
        self._compare()

    def _judged(self, stored: StoredRecord, judged: Judged) -> Header:
        # Where it stood on a tape is no matter of the rule, and may have been another tape for some.
        verdict, header = self._chain.take(Record(stored.number, stored.value), known=judged.is_known(self._chain))
        if header is None or header.number != stored.number:
            reason = pair("it does not follow the record before it")
            if verdict is Verdict.FOREIGN:
                reason = pair("no active writer of the log signed it as it stands")
            raise altered(self._storage, stored.file, stored.number, reason)
        return header

    def _use(self, header: Header, stored: StoredRecord) -> None:
        """Decode it. A record that cannot be used is no fault of the backup."""
        if self.unusable is not None or any(void.first <= header.number <= void.last for void in self._voids):
            return
        try:
            for append in usable_body(header, stored.value, self.handled).appends:
                self.handled = append.source or self.handled
        except (UnreadableBody, UnknownFormat) as error:
            newer = isinstance(error, UnknownFormat)
            self.unusable = stopped_at(header, stored.record.offset, str(error), newer=newer)

    def _compare(self) -> None:
        """Whether the manifest says what the records lead to. Raises BackupAltered."""
        content, state = self._content, self._chain.state._replace(orphans={})
        place = self._manifest.place(content.partition)
        said = content.state(place, bytes.fromhex(self._manifest.identity))._replace(orphans={})
        if said != state:
            reason = pair("partition {partition} ends otherwise than it says", partition=content.partition)
            raise altered(self._storage, MANIFEST, None, reason)


def _check_noted(storage: BackupStorage, manifest: Manifest, noted: Noted, missing: set[str]) -> None:
    """Raises BackupLacks."""
    if noted.identity not in (None, manifest.identity):
        raise _lacks(storage, pair("it is of the log {identity}", identity=manifest.identity))
    counts: dict[int | None, int] = {each.partition: each.records for each in manifest.partitions}
    counts[None] = sum(counts.values())
    for partition, wanted in noted.records.items():
        found = counts.get(partition, 0)
        if found >= wanted:
            continue
        if partition is None:
            raise _lacks(storage, pair("it holds {found} records, not {wanted}", found=found, wanted=wanted))
        raise _lacks(
            storage,
            pair(
                "it holds {found} records of partition {partition}, not {wanted}",
                found=found,
                partition=partition,
                wanted=wanted,
            ),
        )
    if missing:
        raise _lacks(storage, pair("no record of it has the hash {head}", head=min(missing)))


def _lacks(storage: BackupStorage, reason: Text) -> BackupLacks:
    return BackupLacks(folder=storage.name, reason=reason)
