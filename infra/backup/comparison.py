"""What stands at the target of a restore, compared with the backup record by record."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final, NamedTuple

from domain.i18n import Text, pair
from infra.backup.errors import RestoreDiffers, RestoreTargetTaken
from infra.backup.history import history_of, renewed
from infra.backup.manifest import Manifest
from infra.backup.segments import StoredRecord, stored_records
from infra.backup.storage import BackupStorage
from infra.log.acceptance import start
from infra.log.chain import Chain
from infra.log.partition_client import PartitionClient, Record

_REMEMBERED: Final = 50_000
"""Records that the chain remembers before it looks them up in the backup."""


class TargetState(NamedTuple):
    """How far a partition of the target goes: all of it is the backup's.

    `number` is that of its last accepted record, `next_offset` the first offset behind all that stands there, `rest`
    the records that are missing. `moments` is how many records bear another moment than the backup says.
    """

    number: int
    next_offset: int
    rest: Iterator[StoredRecord]
    moments: int


def compare_target(
    storage: BackupStorage, manifest: Manifest, partition: int, client: PartitionClient, target: str
) -> TargetState:
    """Read a partition of the target from its beginning, by the rule.

    Raises RestoreTargetTaken where it holds anything that the log of the backup does not, and what reading raises.
    """
    content = manifest.partitions[partition]
    place, identity = manifest.place(partition), bytes.fromhex(manifest.identity)
    history = history_of(storage, partition, lambda: content.segments)
    chain = Chain(start(place, identity), 0, history)
    stored = stored_records(storage, partition, content.segments)
    expected = next(stored, None)
    next_offset = moments = remembered = 0
    for fetched in client.read(0):
        for record in fetched.records:
            # The backup was verified, and what is the same as its next record is the next record.
            _, header = chain.take(record, known=expected is not None and record.value == expected.value)
            if header is None:
                continue
            moments += not _is_same(expected, record, target)
            expected = next(stored, None)
            remembered += 1
            if remembered == _REMEMBERED:
                chain, remembered = renewed(chain, history), 0
        next_offset = fetched.next_offset
    if chain.state.orphans or chain.unfounded is not None:
        found = min(chain.state.orphans, default=chain.unfounded)
        raise _taken(target, pair("the record at offset {offset} is none of the backup", offset=found))
    rest = itertools.chain([expected] if expected is not None else [], stored)
    return TargetState(chain.state.number, next_offset, rest, moments)


def check_read_back(
    storage: BackupStorage, manifest: Manifest, partition: int, client: PartitionClient, target: str
) -> TargetState:
    """Read the whole partition back, and compare it. Raises RestoreDiffers."""
    try:
        found = compare_target(storage, manifest, partition, client, target)
    except RestoreTargetTaken as error:
        reason = Text(str(error.details["reason_en"]), str(error.details["reason_vi"]))
        raise RestoreDiffers(target=target, reason=reason) from error
    wanted = manifest.partitions[partition].records
    if found.number != wanted:
        reason = pair("it ends with record {number} of {wanted}", number=found.number, wanted=wanted)
        raise RestoreDiffers(target=target, reason=reason)
    return found


def _is_same(stored: StoredRecord | None, record: Record, target: str) -> bool:
    """Whether a record bears the moment that the backup says. Raises RestoreTargetTaken for another record."""
    if stored is None:
        raise _taken(target, pair("the log there goes on where the backup ends"))
    if stored.value != record.value:
        raise _taken(target, pair("record {number} there is another one", number=stored.number))
    return stored.record.appended_at == record.appended_at


def _taken(target: str, reason: Text) -> RestoreTargetTaken:
    return RestoreTargetTaken(target=target, reason=reason)
