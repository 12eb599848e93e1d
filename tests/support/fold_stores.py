"""The fold of public decisions in memory: what a log leads to, and a publisher's store that a test can look into."""

from __future__ import annotations

from collections.abc import Iterator

from consumers.publisher_ports import FoldCheckpoint
from projections.engine.ports import LogReader
from projections.engine.table import Key, Row, Table
from projections.public_decisions.partition_fold import PartitionFold
from projections.public_decisions.tables import PublicDecision
from schemas.avro.codec import decode_event


class MemoryFoldStore:
    """A `FoldStore` that is gone with the object; `saved` is the last checkpoint."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Table, Key], Row] = {}
        self.saved: FoldCheckpoint | None = None

    def load(self) -> FoldCheckpoint | None:
        return self.saved

    def get(self, table: Table, key: Key) -> Row | None:
        return self._rows.get((table, key))

    def upsert_row(self, table: Table, row: Row) -> None:
        self._rows[table, table.key_of(row)] = row

    def save(self, checkpoint: FoldCheckpoint) -> None:
        self.saved = checkpoint

    def clear(self) -> None:
        self._rows.clear()
        self.saved = None

    def close(self) -> None:
        pass


def folded(log: LogReader, partition: int) -> Iterator[PublicDecision]:
    """The public decisions that a partition of a log leads to, folded from its first event on."""
    fold = PartitionFold(partition, log.log_id, decode_event, MemoryFoldStore())
    for stored in log.read(partition, 0, log.head(partition)):
        yield from fold.apply(stored)
