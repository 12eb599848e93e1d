"""The embedded log as the processes use it."""

from __future__ import annotations

from infra.log.indexed_log import AppendableLog
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_pool import WRITERS, PartitionPool
from infra.log.sqlite.source import SQLiteSource


class SQLiteLog(AppendableLog):
    """The one partition of an embedded log, which is made when it is missing. Raises EarlierLog, LogUnusable."""

    def __init__(self, source: SQLiteSource, pool: PartitionPool[PartitionHandle] = WRITERS) -> None:
        super().__init__(1, pool)
        self._source = source
        keys = self.opened(0).partition.state.keys
        if source.address.identity is None and keys is not None:
            source.keys.note_identity(keys.identity)

    def source(self, partition: int) -> SQLiteSource:
        """The file."""
        del partition
        return self._source

    def head(self, partition: int) -> int:
        """The last position, 0 when the log is empty. What anybody appended before the call is seen.

        Raises LogBroken while an orphan is open, and as `refresh`.
        """
        return self.head_at_end(partition)
