"""The log on Kafka as the processes use it."""

from __future__ import annotations

from infra.kafka.settings import KafkaSettings
from infra.log.indexed_log import AppendableLog, IndexedLog
from infra.log.kafka.source import KafkaSource
from infra.log.partition_pool import READERS
from infra.log.partition_reader import PartitionReader


class KafkaLog(AppendableLog):
    """All partitions, for writing. An index is used by one process at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings.partitions)
        self._settings = settings

    def source(self, partition: int) -> KafkaSource:
        """A partition of the topic of the events."""
        return KafkaSource(self._settings, partition)


class KafkaReader(IndexedLog[PartitionReader]):
    """All partitions, for reading alone."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings.partitions, READERS)
        self._settings = settings

    def source(self, partition: int) -> KafkaSource:
        """A partition of the topic of the events."""
        return KafkaSource(self._settings, partition)
