"""What may hold more than a log: each is brought to the form of an index, so that there is one way to compare them.

Records are worth most: those of a backup, or of another file of an embedded log, are judged by the rule that every
reader uses, signatures and all, and an index is made of what it accepts. An index alone holds the hash of each record,
the events and the answers, and no signature: where it parts from the log nothing but its own word stands for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Final, Literal, NamedTuple
from uuid import UUID

from domain.i18n import Text, pair
from infra.backup.folder import FolderStorage
from infra.backup.manifest import Manifest, whole_manifest
from infra.backup.segments import stored_records
from infra.backup.storage import BackupStorage
from infra.backup.verifying import verify
from infra.errors import LogUnusable
from infra.kafka.topics import Identity
from infra.log.index_comparison import fill_anew
from infra.log.index_file import open_index
from infra.log.partition_client import FetchResult, PartitionClient, Record
from infra.log.partition_knowledge import PartitionAddress
from infra.log.partition_source import PartitionSource
from infra.log.sqlite.index import tables_of
from infra.log.sqlite.reading import ReadOnlySource
from infra.recovery.errors import HolderUnusable
from infra.sqlite_file import open_read_only

_AT_ONCE: Final = 500
_LAST: Final = "SELECT COALESCE(MAX(number), 0) FROM accepted_records"
_READ_TO: Final = "SELECT COALESCE(MAX(next_offset), 0) FROM head"


class Holder(NamedTuple):
    """An index of one partition.

    `name` is what a person knows it by, `file` where it is. `proof`: "signatures" where it was made just now of records
    that the log's writers signed, "hashes" where it was found as it is. `last` is the number of its last record, and
    `read_to` the offset that it would read next, both as they were when it was found: it may be in use.
    """

    name: str
    partition: int
    file: Path
    proof: Literal["signatures", "hashes"]
    last: int
    read_to: int


class Holders:
    """Opens what holds a log; `folder` is for the indexes that are made meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    def log(self, source: PartitionSource) -> Holder:
        """A partition of the log that stands, as far as it is whole. Raises LogUnusable."""
        with closing(source.follower()) as client:
            return self._made(source.address.name, source.address, client)

    def index(self, path: Path) -> list[Holder]:
        """An index of a log on Kafka; or an embedded log: its records, and its index where that is ahead of them.

        Raises HolderUnusable, LogUnusable.
        """
        if not path.is_file():
            raise HolderUnusable(path=str(path), reason=pair("there is no such file"))
        try:
            with closing(open_read_only(path)) as connection:
                tables = tables_of(connection)
                if "accepted_records" not in tables:
                    raise HolderUnusable(path=str(path), reason=pair("it is neither an index nor a log"))
                (partition,) = connection.execute("SELECT partition FROM log").fetchone()
                as_it_is = Holder(str(path), partition, path, "hashes", *_bounds(connection))
        except (sqlite3.Error, TypeError) as error:
            raise HolderUnusable(path=str(path), reason=Text(str(error), str(error))) from error
        if "records" not in tables:
            return [as_it_is]
        with closing(ReadOnlySource(path)) as source:
            source.check_beside()
            made = self.log(source)
        return [made, as_it_is] if as_it_is.last > made.last else [made]

    def backup(self, folder: Path) -> list[Holder]:
        """All partitions of a backup. Raises BackupMissing, BackupAltered, NewerBackup, BackupInUse, LogUnusable."""
        storage = FolderStorage(folder)
        with storage.reading():
            manifest = whole_manifest(storage)
            return [self._backed_up(storage, manifest, at) for at in range(len(manifest.partitions))]

    def _backed_up(self, storage: BackupStorage, manifest: Manifest, partition: int) -> Holder:
        place, content = manifest.place(partition), manifest.partitions[partition]
        name = f"{storage.name}/partition-{partition}"
        identity = bytes.fromhex(manifest.identity)
        address = PartitionAddress(name, place.app, place.partitions, partition, identity)
        made = self._made(storage.name, address, _BackupClient(storage, manifest, partition))
        if made.last != content.records:
            # It says which file and which record.
            verify(storage)
        return made

    def _made(self, name: str, address: PartitionAddress, client: PartitionClient) -> Holder:
        path = self._folder / f"{next(self._numbers)}.sqlite"
        nowhere = Identity("", UUID(int=0), address.partitions)
        with closing(open_index(path, address.app, nowhere, address.partition)) as index:
            # A record that this release cannot use ends what can be compared; the doctor names it.
            fill_anew(address, client, index)
        with closing(open_read_only(path)) as connection:
            return Holder(name, address.partition, path, "signatures", *_bounds(connection))


def _bounds(connection: sqlite3.Connection) -> tuple[int, int]:
    return connection.execute(_LAST).fetchone()[0], connection.execute(_READ_TO).fetchone()[0]


class _BackupClient:
    """See `PartitionClient`: the records of a partition of a backup, each at the place of its number."""

    largest = 0
    lag = 0.0
    tape = ""
    session = "only read"

    def __init__(self, storage: BackupStorage, manifest: Manifest, partition: int) -> None:
        self._storage = storage
        self._partition = partition
        self._segments = manifest.partitions[partition].segments

    def send(self, value: bytes) -> None:
        """Nothing is ever written."""
        raise LogUnusable(log=self._storage.name, reason=f"{len(value)} bytes for a backup, which is only read")

    def read(self, start: int) -> Iterator[FetchResult]:
        """See `PartitionClient`."""
        batch: list[Record] = []
        for stored in stored_records(self._storage, self._partition, self._segments):
            if stored.number - 1 < start:
                continue
            batch.append(Record(stored.number - 1, stored.value, stored.record.appended_at))
            if len(batch) == _AT_ONCE:
                yield FetchResult(batch, stored.number)
                batch = []
        if batch:
            yield FetchResult(batch, batch[-1].offset + 1)

    def follow(self, start: int, seconds: float) -> FetchResult:
        """Nothing comes."""
        del seconds
        return FetchResult([], start)

    def close(self) -> None:
        """Nothing is open."""
