"""What a stopped broker has on its disk, changed by hand as a broken or a dishonest disk would."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crc32c import crc32c
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from infra.dev.kafka_node import Node
from tests.fault.evidence import Record

_BATCH = struct.Struct(">qi")
"""Offset of the first record, and the length of what follows."""
_INDEXES = (".index", ".timeindex")
_EPOCH_AT, _CHECKSUM_AT, _CHECKED_FROM, _STAMP_AT = 12, 17, 21, 35
_LARGEST = 1 << 22
_STAMPED_BY_BROKER = 8
"""The bit of a batch's attributes that says LogAppendTime."""


@dataclass(frozen=True, slots=True)
class Segments:
    """The one segment of a partition on each broker, none of which runs."""

    files: tuple[Path, ...]

    @classmethod
    def of(cls, nodes: Sequence[Node], topic: str, partition: int) -> Segments:
        """Those of a topic's partition."""
        found = []
        for node in nodes:
            (file,) = (node.folder / "data" / f"{topic}-{partition}").glob("*.log")
            found.append(file)
        return cls(tuple(found))

    def records(self) -> list[Record]:
        """All records, as the first broker has them."""
        raw = self.files[0].read_bytes()
        return [
            (record.offset, record.value)
            for batch in MemoryRecords(raw)
            if not batch.is_control_batch
            for record in batch
        ]

    def originals(self) -> dict[Path, bytes]:
        """What `put_back` takes: the segments, and what the brokers keep beside them, as the epochs of the leaders."""
        found = [file for segment in self.files for file in segment.parent.iterdir()]
        return {file: file.read_bytes() for file in found if file.suffix not in _INDEXES}

    def put_back(self, originals: dict[Path, bytes], *, keep: bool) -> None:
        """The partition as it was. `keep`: with what has been written behind it since."""
        for file, raw in originals.items():
            if not keep:
                file.write_bytes(raw)
            elif file in self.files:
                file.write_bytes(raw + file.read_bytes()[len(raw) :])
        for file in self.files:
            _forget_indexes(file)

    def alter(self, offset: int, rng: random.Random) -> int:
        """Another byte in the value of a record, under a checksum that fits; which of its bytes."""
        value = next(value for at, value in self.records() if at == offset) or b""
        place, byte = rng.randrange(len(value)), rng.randrange(1, 256)
        for file in self.files:
            raw = bytearray(file.read_bytes())
            start, end = next(bounds for first, *bounds in _batches(raw) if first == offset)
            raw[raw.index(value, start, end) + place] ^= byte
            struct.pack_into(">I", raw, start + _CHECKSUM_AT, crc32c(bytes(raw[start + _CHECKED_FROM : end])))
            file.write_bytes(raw)
        return place

    def write(self, records: Sequence[tuple[int, bytes]]) -> None:
        """These records, with their offsets, in the place of those that are there; each in a batch of its own."""
        for file in self.files:
            raw = file.read_bytes()
            (epoch,) = struct.unpack_from(">i", raw, _EPOCH_AT)
            (stamp,) = struct.unpack_from(">q", raw, _STAMP_AT)
            file.write_bytes(b"".join(_batch(offset, value, epoch, stamp) for offset, value in records))
            _forget_indexes(file)

    def cut(self, offset: int) -> None:
        """Everything from an offset on is gone."""
        for file in self.files:
            raw = file.read_bytes()
            file.write_bytes(raw[: next((start for first, start, _ in _batches(raw) if first >= offset), len(raw))])
            _forget_indexes(file)


def _forget_indexes(segment: Path) -> None:
    """The broker makes them again from the segment."""
    for kind in _INDEXES:
        segment.with_suffix(kind).unlink(missing_ok=True)


def _batch(offset: int, value: bytes, epoch: int, stamp: int) -> bytes:
    """One record as a broker keeps it, under a checksum that fits. `stamp`: milliseconds since 1970."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=_LARGEST)
    builder.append(timestamp=stamp, key=None, value=value, headers=[])
    builder.close()
    raw = bytearray(builder.buffer())
    struct.pack_into(">q", raw, 0, offset)
    struct.pack_into(">i", raw, _EPOCH_AT, epoch)
    struct.pack_into(">h", raw, _CHECKED_FROM, _STAMPED_BY_BROKER)
    struct.pack_into(">I", raw, _CHECKSUM_AT, crc32c(bytes(raw[_CHECKED_FROM:])))
    return bytes(raw)


def _batches(raw: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """Offset of the first record, and where the batch begins and ends."""
    start = 0
    while start + _BATCH.size <= len(raw):
        offset, length = _BATCH.unpack_from(raw, start)
        end = start + _BATCH.size + length
        yield offset, start, end
        start = end
