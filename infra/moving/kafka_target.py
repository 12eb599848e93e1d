"""A log on Kafka as the target of a move: a topic on CreateTime, which every program refuses, until all is there.

So records keep their moments. Whoever moves a log there needs the right to alter the topic's settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

from infra.backup.restoring_kafka import batches, is_prepared, open_topic, prepared_topic, send
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure, exists, log_topic
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_client import Record
from infra.queue.topics import queue_topics


class KafkaTarget:
    """See `Target`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._topic: Topic | None = None
        self.name = settings.url
        self.app = settings.app
        self.partitions = settings.partitions
        self.identity = settings.identity
        self.keys = LogKeys(KeyFolder(settings.key_folder), makes_own=settings.keys_dir is None)

    @property
    def tape(self) -> str:
        """See `Target`."""
        with closing(self.client(0)) as client:
            return client.tape

    def in_place(self) -> bool:
        """See `Target`."""
        settings = self._settings
        if not exists(settings, settings.events_topic) or is_prepared(settings):
            return False
        (topic,) = ensure(settings, [log_topic(settings, settings.events_topic)])
        for partition in range(self.partitions):
            with closing(KafkaPartitionClient(settings, topic, partition)) as client:
                if client.end():
                    self._topic = topic
                    return True
        return False

    def prepare(self, largest: int) -> None:
        """See `Target`."""
        self._topic = prepared_topic(self._settings, largest)

    def client(self, partition: int) -> KafkaPartitionClient:
        """See `Target`."""
        return KafkaPartitionClient(self._settings, self._there(), partition)

    def write(self, partition: int, records: Iterator[Record], offset: int) -> int:
        """See `Target`."""
        added = 0
        with closing(self.client(partition)) as client:
            for group in batches(records, client.largest):
                offset = send(client, self.name, group, offset)
                added += len(group)
        return added

    def catch_up(self) -> None:
        """Nothing: indexes are every machine's own."""

    def finish(self) -> UUID:
        """See `Target`."""
        if is_prepared(self._settings):
            open_topic(self._settings)
        return queue_topics(self._settings, create=True).commands.identity.topic_id

    def _there(self) -> Topic:
        if self._topic is None:
            raise AssertionError("neither in place nor prepared")
        return self._topic
