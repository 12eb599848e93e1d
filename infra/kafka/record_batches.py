"""The batches of a fetch, read as strictly as a stranger's bytes must be, by Kafka's specification of format 2.

    0  first offset 8       16 format 1        23 last offset - first 4     43 producer 14
    8  length behind it 4   17 CRC-32C 4       27 first moment 8            57 count of records 4
    12 leader's epoch 4     21 attributes 2    35 last moment 8             61 records

Whoever may produce decides on nearly every byte, and the broker compares less than it seems: not the offset that each
record of a plain batch gives itself, nor the text of a header's key. So a batch is read as a whole or not at all, by a
function of its bytes alone: every reader gets the same offsets from it, whatever libraries are installed. Nothing is
unpacked: the topics are set so that the broker does it, within the bound for a batch, and what stands compressed all
the same was put there under other settings. The offset of a record is its place in its batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

import structlog
from crc32c import crc32c
from kafka.errors import CorruptRecordError

from infra.log.partition_client import FetchResult, Record, UnreadableBatch

_log = structlog.get_logger(__name__)

_FRAME: Final = Struct(">qi")
_HEADER: Final = Struct(">qiibIhiqq14xi")
_MAGIC_AT: Final = 16
_CHECKED_FROM: Final = 21
_FORMAT: Final = 2
_CODECS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
_CODEC_BITS: Final = 0x07
_APPEND_TIME_BIT: Final = 0x08
_CONTROL_BIT: Final = 0x20
_VARINT_BYTES: Final = 5
_VARLONG_BYTES: Final = 10
_LATEST: Final = (1 << 63) - 1
_MORE: Final = 0x80
"""The bit of a byte that says that more follow."""


class _Header(NamedTuple):
    """`delta` is the distance of the last offset from the first, moments are in milliseconds since 1970."""

    first: int
    length: int
    epoch: int
    magic: int
    checksum: int
    attributes: int
    delta: int
    first_moment: int
    last_moment: int
    records: int


class RecordBatch(NamedTuple):
    """A batch: its first offset, the offset after it, and its records, none for a mark of Kafka's own.

    One that cannot be read is a single record without a value at its last offset. `found` is the checksum of a batch
    that has another one than it says, which may have happened on the way here.
    """

    first: int
    next_offset: int
    records: list[Record]
    found: int | None = None


class BatchReader:
    """Reads what is fetched of one partition."""

    def __init__(self, topic: str, partition: int) -> None:
        self._place = {"topic": topic, "partition": partition}
        self._damaged: dict[int, int] = {}
        """The checksum that was found of each batch that says another one, by the batch's first offset."""

    def read(self, fetched: bytes, start: int, high_watermark: int) -> FetchResult:
        """The records from the offset `start` on. Raises CorruptRecordError where another fetch may bring more."""
        records: list[Record] = []
        position = start
        for batch in read_batches(fetched):
            if batch.records and (unreadable := batch.records[0].unreadable) is not None:
                self._check_damage(batch)
                span = {"first": batch.first, "last": batch.next_offset - 1}
                _log.warning("batch.unreadable", **self._place, **span, reason=unreadable.reason)
            position = max(position, batch.next_offset)
            records.extend(record for record in batch.records if record.offset >= start)
        if fetched and position == start < high_watermark:
            raise CorruptRecordError(f"no whole batch came from offset {start} on")
        return FetchResult(records, position)

    def _check_damage(self, batch: RecordBatch) -> None:
        """A wrong checksum is believed when it comes twice: then it was not made on the way, but by a disk.

        Raises CorruptRecordError the first time.
        """
        if batch.found is not None and self._damaged.get(batch.first) != batch.found:
            self._damaged[batch.first] = batch.found
            raise CorruptRecordError(f"the batch at offset {batch.first} has a wrong checksum")


def read_batches(fetched: bytes) -> Iterator[RecordBatch]:
    """The whole batches of a fetch, which ends in the middle of one as a rule."""
    start = 0
    while start + _FRAME.size <= len(fetched):
        first, length = _FRAME.unpack_from(fetched, start)
        end = start + _FRAME.size + length
        if length < 0 or end > len(fetched):
            return
        yield _read(fetched, start, end, first)
        start = end


def _read(fetched: bytes, start: int, end: int, first: int) -> RecordBatch:
    if end - start < _HEADER.size or fetched[start + _MAGIC_AT] != _FORMAT:
        return _unreadable(first, first, "it is of an unknown format")
    header = _Header._make(_HEADER.unpack_from(fetched, start))
    last = first + max(header.delta, 0)
    found = crc32c(memoryview(fetched)[start + _CHECKED_FROM : end])
    if found != header.checksum:
        return _unreadable(first, last, "its checksum is wrong", found)
    if header.attributes & _CONTROL_BIT:
        return RecordBatch(first, last + 1, [])
    reason = _flaw(header)
    if reason is None:
        try:
            return RecordBatch(first, last + 1, _records(fetched, start + _HEADER.size, end, header))
        except (IndexError, ValueError):
            reason = "its records are malformed"
    return _unreadable(first, last, reason)


def _flaw(header: _Header) -> str | None:
    codec = header.attributes & _CODEC_BITS
    if codec:
        return f"it is compressed: {_CODECS[codec] if codec < len(_CODECS) else codec}"
    return None if 0 < header.records == header.delta + 1 else "its count of records is wrong"


def _unreadable(first: int, last: int, reason: str, found: int | None = None) -> RecordBatch:
    return RecordBatch(first, last + 1, [Record(last, None, unreadable=UnreadableBatch(first, reason))], found)


def _records(fetched: bytes, at: int, end: int, header: _Header) -> list[Record]:
    """Raises ValueError, IndexError for anything but all records, which fill the place up to `end`."""
    records = []
    # The broker stamped the batch as a whole, but for one that was put back with the moments that its records had.
    stamped = header.attributes & _APPEND_TIME_BIT
    for place in range(header.records):
        length, at = _varint(fetched, at)
        stop = at + length
        if length < 0 or stop > end:
            raise ValueError("a record has no end")
        moment = header.last_moment
        if stamped:
            at = _after_varlong(fetched, at + 1)
        else:
            later, at = _varint(fetched, at + 1, _VARLONG_BYTES)
            moment = max(header.first_moment + later, 0) & _LATEST
        delta, at = _varint(fetched, at)
        if delta != place:
            raise ValueError("a record gives itself another place")
        key, at = _varint(fetched, at)
        size, at = _varint(fetched, at + max(key, 0))
        value = fetched[at : at + size] if size >= 0 else None
        # Headers are between the sender and whoever looks at them with a tool.
        if at + max(size, 0) > stop:
            raise ValueError("a value has no end")
        records.append(Record(header.first + place, value, moment))
        at = stop
    if at != end:
        raise ValueError("bytes follow the last record")
    return records


def _varint(fetched: bytes, at: int, most: int = _VARINT_BYTES) -> tuple[int, int]:
    """A number in Kafka's zigzag varint of at most so many bytes, and where it ends."""
    number = shift = 0
    for place in range(at, at + most):
        byte = fetched[place]
        number |= (byte & (_MORE - 1)) << shift
        if byte < _MORE:
            return (number >> 1) ^ -(number & 1), place + 1
        shift += 7
    raise ValueError("a number has no end")


def _after_varlong(fetched: bytes, at: int) -> int:
    for end in range(at, at + _VARLONG_BYTES):
        if fetched[end] < _MORE:
            return end + 1
    raise ValueError("a number has no end")
