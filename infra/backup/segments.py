"""Files of records: how they are written and read.

    bytes 0-15    DOSSIER-BACKUP, the format (1) and a line feed
    then for each record, numbers big-endian
        u32   length of the value
        u32   CRC-32 of the 20 bytes of length, offset and moment, and of the value
        u64   the offset at which it stood on the tape
        i64   when it was appended, by the tape's clock, in milliseconds since 1970
        value

Offset and moment are facts about a record, which no signature covers. A file has at most SEGMENT_BYTES, or one record.
Where it ends follows from the records alone: a backup that grew in many runs has the same files as one made at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from os import SEEK_END
from struct import Struct
from typing import BinaryIO, Final, NamedTuple
from zlib import crc32

from domain.i18n import Text, pair
from infra.backup.errors import BackupAltered, BackupUnusable
from infra.backup.manifest import Segment
from infra.backup.storage import BackupStorage
from infra.log.acceptance import RecordedAt
from infra.log.format import read_header
from infra.log.partition_client import Record

SEGMENT_BYTES: Final = 16 << 20
_MAGIC: Final = b"DOSSIER-BACKUP\x01\n"
_FACTS: Final = Struct(">IQq")
_FRAME: Final = Struct(">IIQq")
_CHUNK: Final = 1 << 20


class StoredRecord(NamedTuple):
    """A record of a backup: its number, the file that it stands in, and what the tape said of it."""

    number: int
    file: str
    record: Record
    value: bytes


class SegmentWriter:
    """Writes one file of a partition. `extended`: the last file of the backup so far, which goes on."""

    def __init__(
        self, storage: BackupStorage, partition: int, first: int, *, extended: Segment | None, largest: int
    ) -> None:
        self._storage = storage
        self._draft = storage.draft()
        self._partition = partition
        self._first = first if extended is None else extended.first
        self._last = first - 1
        self._hash = sha256()
        self._size = 0
        self._largest = largest
        try:
            if extended is None:
                self._write(_MAGIC)
            else:
                self._copy(extended)
        except BaseException:
            self.discard()
            raise

    def has_room_for(self, record: Record) -> bool:
        """Whether the record belongs into this file."""
        return has_room_behind(self._size, record, self._largest)

    def add(self, record: Record) -> None:
        """Write the next record."""
        value = record.value or b""
        facts = _FACTS.pack(len(value), record.offset, record.appended_at)
        frame = _FRAME.pack(len(value), crc32(value, crc32(facts)), record.offset, record.appended_at)
        self._write(frame + value)
        self._last += 1

    def finish(self) -> Segment:
        """Give the file its name. Raises BackupUnusable."""
        made = Segment(self._first, self._last, self._size, self._hash.hexdigest())
        self._draft.publish(made.name(self._partition))
        return made

    def discard(self) -> None:
        """Forget what was written."""
        self._draft.discard()

    def _copy(self, extended: Segment) -> None:
        """Begin with what is there. Raises BackupAltered where that is not what was written."""
        name = extended.name(self._partition)
        with closing(_opened(self._storage, name)) as file:
            while chunk := _read(self._storage, file, _CHUNK):
                self._write(chunk)
        if (self._size, self._hash.hexdigest()) != (extended.size, extended.sha256):
            raise altered(self._storage, name, None, pair("its SHA-256 is not the one in the manifest"))

    def _write(self, content: bytes) -> None:
        try:
            self._draft.file.write(content)
        except OSError as error:
            raise unusable(self._storage, error) from error
        self._hash.update(content)
        self._size += len(content)


def has_room_behind(size: int, record: Record, largest: int = SEGMENT_BYTES) -> bool:
    """Whether a record belongs into a file of that many bytes; a file that has no record yet takes any."""
    return size <= len(_MAGIC) or size + _FRAME.size + len(record.value or b"") <= largest


def unusable(storage: BackupStorage, error: OSError) -> BackupUnusable:
    """The error for a place that cannot be read or written."""
    return BackupUnusable(folder=storage.name, reason=Text(str(error), str(error)))


def altered(storage: BackupStorage, file: str, record: int | None, reason: Text) -> BackupAltered:
    """The error for a file that is not what was written, or for the record of a number in it."""
    if record is not None:
        reason = pair("record {record}: {reason}", record=record, reason=reason)
    return BackupAltered(folder=storage.name, file=file, record=record, reason=reason)


def stored_records(storage: BackupStorage, partition: int, segments: Sequence[Segment]) -> Iterator[StoredRecord]:
    """The records of a partition in order. Every byte of its files is looked at. Raises BackupAltered."""
    first = 1
    for segment in segments:
        name = segment.name(partition)
        if segment.first != first or segment.last < first:
            raise altered(storage, name, first, pair("the files do not follow each other"))
        yield from _records(storage, name, segment)
        first = segment.last + 1


def check_sizes(storage: BackupStorage, partition: int, segments: Sequence[Segment]) -> None:
    """Raises BackupAltered where a file is gone, or not as long as it was: its bytes only `stored_records` looks at."""
    for segment in segments:
        name = segment.name(partition)
        with closing(_opened(storage, name)) as file:
            if _end(storage, file) != segment.size:
                raise altered(storage, name, None, pair("it is not as long as the manifest says"))


def recorded(storage: BackupStorage, partition: int, segments: Sequence[Segment], number: int) -> RecordedAt | None:
    """What is known of the record of a number; None where it is not there. Raises BackupAltered."""
    segment = next((each for each in segments if each.first <= number <= each.last), None)
    if segment is None:
        return None
    for found in _records(storage, segment.name(partition), segment):
        header = read_header(found.value)
        if found.number == number and header is not None:
            return RecordedAt(sha256(found.value).digest(), header.position)
    return None


def _records(storage: BackupStorage, name: str, segment: Segment) -> Iterator[StoredRecord]:
    with closing(_opened(storage, name)) as file:
        digest, size = sha256(), 0

        def take(length: int) -> bytes:
            nonlocal size
            content = _read(storage, file, length)
            digest.update(content)
            size += len(content)
            return content

        if take(len(_MAGIC)) != _MAGIC:
            raise altered(storage, name, None, pair("it does not begin as a file of records"))
        for number in range(segment.first, segment.last + 1):
            frame = take(_FRAME.size)
            if len(frame) < _FRAME.size:
                raise altered(storage, name, number, pair("the file ends before it"))
            length, checksum, offset, moment = _FRAME.unpack(frame)
            # An altered length must not ask for more memory than the file has bytes.
            value = take(min(length, max(segment.size - size, 0)))
            if len(value) < length or crc32(value, crc32(_FACTS.pack(length, offset, moment))) != checksum:
                raise altered(storage, name, number, pair("its checksum is wrong"))
            yield StoredRecord(number, name, Record(offset, value, moment), value)
        if take(1):
            raise altered(storage, name, None, pair("bytes follow record {record}", record=segment.last))
        if (size, digest.hexdigest()) != (segment.size, segment.sha256):
            raise altered(storage, name, None, pair("its SHA-256 is not the one in the manifest"))


def _read(storage: BackupStorage, file: BinaryIO, length: int) -> bytes:
    try:
        return file.read(length)
    except OSError as error:
        raise unusable(storage, error) from error


def _end(storage: BackupStorage, file: BinaryIO) -> int:
    try:
        return file.seek(0, SEEK_END)
    except OSError as error:
        raise unusable(storage, error) from error


def _opened(storage: BackupStorage, name: str) -> BinaryIO:
    file = storage.open(name)
    if file is None:
        raise altered(storage, name, None, pair("it is not there"))
    return file
