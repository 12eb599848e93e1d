"""One partition, open for reading and writing: a reader with a committer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.append_requests import ReadRequest
from infra.log.committer import Committer
from infra.log.founding import Founder, LogKeys, own_genesis
from infra.log.keys import KeyFolder
from infra.log.partition import Partition
from infra.log.partition_reader import PartitionReader


class PartitionHandle(PartitionReader):
    """See `PartitionReader`. The committer's lead is what keeps its threads apart."""

    def __init__(self, settings: KafkaSettings, topic: Topic, number: int) -> None:
        super().__init__(settings, topic, number)
        try:
            keys = LogKeys(KeyFolder(settings.key_folder), makes_own=settings.keys_dir is None)
            writer = keys.writer()
            if self.partition.state.keys is None:
                founder = kafka_founder(settings, topic)
                founder.found(number, lambda: own_genesis(keys, founder), writer)
                self.partition.read_on()
            self.committer = Committer(self.partition, _writer_name(), writer)
        except BaseException:
            super().close()
            raise

    @contextmanager
    def leading(self) -> Iterator[Partition]:
        """The partition for this thread alone, between two rounds of the committer, with the index at its head."""
        with self.committer.leading() as partition:
            yield partition

    def refresh(self) -> None:
        """Read to the high watermark: what is in the log now is in the index afterwards."""
        self.committer.submit(ReadRequest())


def kafka_founder(settings: KafkaSettings, topic: Topic) -> Founder:
    """Who writes the genesis of a log on Kafka."""
    return Founder(
        settings.url,
        settings.app,
        settings.partitions,
        lambda number: KafkaPartitionClient(settings, topic, number),
        settings.identity,
    )


def _writer_name() -> str:
    return f"{socket.gethostname()[:64]}/{os.getpid()}/{os.urandom(4).hex()}"
