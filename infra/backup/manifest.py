"""What a backup says of itself: `manifest.json`, and the names of its other files.

    manifest.json                                 which log, how far, and every other file with its size and SHA-256
    progress.json                                 the same of a backup that is being made, or was broken off
    partition-2/000000000001-000000000834.records   records 1 to 834 of partition 2 (`infra.backup.segments`)
    views-<SHA-256>.sqlite                        a copy of the read models, where one was asked for

The manifest is replaced as the last thing: whatever else is in the folder, it and the files that it names are the last
whole backup. Its own SHA-256 stands in it, over the same text with that value left empty. All of it follows from the
records, but for when it was taken, by which release, and where on the tape its last records stood.
"""

from __future__ import annotations

import re
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Final, Self

import msgspec

from domain.i18n import pair
from infra.backup.errors import BackupAltered, BackupMissing, NewerBackup
from infra.backup.storage import BackupStorage
from infra.log.acceptance import ActiveKeys, ChainState, MovedTo, VoidRange, start
from infra.log.control_records import Roots
from infra.log.format import Place
from infra.log.keys import key_id

FORMAT: Final = 1
FORMAT_OF_MOVED: Final = 2
"""Of a log that has a closing, which a release that knows none must not take for one that is open."""
MANIFEST: Final = "manifest.json"
PROGRESS: Final = "progress.json"
_OURS: Final = re.compile(r"manifest\.json|progress\.json|partition-\d+/\d+-\d+\.records|views-[0-9a-f]{64}\.sqlite")


Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""32 bytes, a hash or a public key, in hexadecimal digits."""
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of records: the number of its first and last one, its size in bytes and its SHA-256."""

    first: Number
    last: Number
    size: Number
    sha256: Hash

    def name(self, partition: int) -> str:
        """The name of the file."""
        return f"partition-{partition}/{self.first:012}-{self.last:012}.records"


class KeysThere(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys that are active behind the last record: raw public keys, and the number of the last statement."""

    threshold: Number
    roots: tuple[Hash, ...]
    writers: tuple[Hash, ...]
    statements: Number


class PartitionContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a partition goes.

    `records` is the number of the last record, `head` its SHA-256, `next_position` that of the next event, `offset`
    where the last record stood on the tape. The others are the rest of the rule's state there; of each closed tape
    `closed` has the id, its successor's, and where that is.
    """

    partition: Number
    records: Number
    head: Hash
    next_position: Number
    offset: Number | None
    keys: KeysThere | None
    voids: tuple[tuple[Number, Number, Number, Number], ...]
    orphans: tuple[tuple[Number, Hash], ...]
    segments: tuple[Segment, ...]
    closed: tuple[tuple[str, str, str], ...] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, state: ChainState, offset: int | None, segments: tuple[Segment, ...]) -> Self:
        """What the rule's state behind the last record says."""
        keys = state.keys
        return cls(
            state.place.partition,
            state.number,
            state.head.hex(),
            state.position,
            offset,
            keys
            and KeysThere(
                keys.roots.threshold,
                tuple(key.hex() for key in keys.roots.keys),
                tuple(key.hex() for key in keys.writers.values()),
                keys.statements,
            ),
            tuple((*void,) for void in state.voids),
            tuple((at, found.hex()) for at, found in sorted(state.orphans.items())),
            segments,
            tuple((tape, *moved) for tape, moved in sorted(state.closed.items())) or msgspec.UNSET,
        )

    def state(self, place: Place, identity: bytes) -> ChainState:
        """The rule's state behind the last record."""
        if self.keys is None:
            return start(place, identity)
        writers = [bytes.fromhex(key) for key in self.keys.writers]
        keys = ActiveKeys(
            identity,
            Roots(self.keys.threshold, tuple(bytes.fromhex(key) for key in self.keys.roots)),
            MappingProxyType({key_id(key): key for key in writers}),
            self.keys.statements,
        )
        return ChainState(
            place,
            bytes.fromhex(self.head),
            self.records,
            self.next_position,
            MappingProxyType({at: bytes.fromhex(found) for at, found in self.orphans}),
            keys,
            tuple(VoidRange(*void) for void in self.voids),
            identity,
            MappingProxyType({tape: MovedTo(*moved) for tape, *moved in self.closed or ()}),
        )


class ViewsCopy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A copy of the file of the read models: its size in bytes, its SHA-256, and when it was made."""

    size: Number
    sha256: Hash
    taken_at: datetime

    @property
    def name(self) -> str:
        """The name of the file."""
        return f"views-{self.sha256}.sqlite"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module. `app` and the number of partitions are those that every signature names.

    `identity` is the log's (64 hexadecimal digits), `log_id` what its readers knew it by where it stood. `sha256` is
    filled in in the file alone.
    """

    format: int
    program: str
    taken_at: datetime
    app: str
    identity: Hash
    log_id: str
    partitions: Annotated[tuple[PartitionContent, ...], msgspec.Meta(min_length=1)]
    views: ViewsCopy | None = None
    sha256: str = ""

    def place(self, partition: int) -> Place:
        """Which partition of which log it is."""
        return Place(self.app, len(self.partitions), partition)

    def files(self) -> set[str]:
        """The names of all files that it speaks of."""
        names = {segment.name(each.partition) for each in self.partitions for segment in each.segments}
        return names | ({self.views.name} if self.views is not None else set())

    def encode(self) -> bytes:
        """The file, with its SHA-256."""
        format_ = FORMAT_OF_MOVED if any(each.closed for each in self.partitions) else FORMAT
        whole = msgspec.structs.replace(self, format=format_, sha256="")
        return _json(msgspec.structs.replace(whole, sha256=sha256(_json(whole)).hexdigest()))


class _Format(msgspec.Struct):
    format: int


def is_of_backup(name: str) -> bool:
    """Whether a file could be one of a backup, by its name."""
    return _OURS.fullmatch(name) is not None


def read_manifest(storage: BackupStorage, name: str = MANIFEST) -> Manifest | None:
    """The manifest of that name, as it was written; None where there is none. Raises BackupAltered, NewerBackup."""
    file = storage.open(name)
    if file is None:
        return None
    with closing(file):
        content = file.read()
    try:
        if msgspec.json.decode(content, type=_Format).format > FORMAT_OF_MOVED:
            raise NewerBackup(folder=storage.name)
        found = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BackupAltered(folder=storage.name, file=name, record=None, reason=pair("it is no manifest")) from error
    # The bytes are those that this very content is written as, so not one of them can be another.
    if found.encode() != content or [each.partition for each in found.partitions] != [*range(len(found.partitions))]:
        reason = pair("its SHA-256 is not the one that stands in it")
        raise BackupAltered(folder=storage.name, file=name, record=None, reason=reason)
    return msgspec.structs.replace(found, sha256="")


def whole_manifest(storage: BackupStorage) -> Manifest:
    """The manifest of the last whole backup. Raises BackupMissing, BackupAltered, NewerBackup."""
    found = read_manifest(storage)
    if found is None:
        raise BackupMissing(folder=storage.name)
    return found


def write_manifest(storage: BackupStorage, manifest: Manifest, name: str = MANIFEST) -> None:
    """Put it in the place of the one before, at once. Raises BackupUnusable."""
    draft = storage.draft()
    draft.file.write(manifest.encode())
    draft.publish(name)


def _json(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
