"""What a stopped broker has on its disk, changed by hand as a broken or a dishonest disk would."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crc32c import crc32c
from kafka.record.memory_records import MemoryRecords

from infra.dev.kafka_node import Node
from tests.fault.evidence import Record

_BATCH = struct.Struct(">qi")
"""Offset of the first record, and the length of what follows."""
_INDEXES = (".index", ".timeindex")
_CHECKSUM_AT, _CHECKED_FROM = 17, 21


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


def _batches(raw: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """Offset of the first record, and where the batch begins and ends."""
    start = 0
    while start + _BATCH.size <= len(raw):
        offset, length = _BATCH.unpack_from(raw, start)
        end = start + _BATCH.size + length
        yield offset, start, end
        start = end
