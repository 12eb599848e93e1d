"""A partition of the log on Kafka: its topic, and the file of its index on this machine."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final

import structlog

from infra.errors import LogUnusable
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.schemas_topic import publish_schemas
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure, log_topic
from infra.log.founding import Founder
from infra.log.index import Index
from infra.log.index_file import open_index
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_client import PartitionClient
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_knowledge import PartitionAddress
from infra.log.partition_pool import WRITERS

_log = structlog.get_logger(__name__)

_provided: Final[set[tuple[str, str]]] = set()
"""The logs whose schemas this process has seen to: where their brokers are, and their topics' prefix."""


class KafkaSource:
    """See `PartitionSource`. Without a `topic`, it is made where it is missing, and looked at."""

    def __init__(self, settings: KafkaSettings, number: int, topic: Topic | None = None) -> None:
        self.settings = settings
        name = f"{settings.url}/{number}"
        self.address = PartitionAddress(name, settings.app, settings.partitions, number, settings.identity)
        self.keys = LogKeys(KeyFolder(settings.key_folder), makes_own=settings.keys_dir is None)
        self.index_path = index_path(settings, number)
        if topic is not None:
            self.topic = topic

    @cached_property
    def topic(self) -> Topic:
        """The topic of the log. Raises TopicUnusable, KafkaUnreachable."""
        return ensure(self.settings, [log_topic(self.settings, self.settings.events_topic)])[0]

    @property
    def log_id(self) -> str:
        """The cluster's id and the topic's: another one when the topic was made anew."""
        return f"{self.topic.identity.cluster_id}/{self.topic.identity.topic_id}"

    def provide_schemas(self, *, required: bool) -> None:
        """Fill the topic of schemas, so that a stranger can read the log with nothing but Kafka; once in a process.

        One who may write to the log and not there goes on all the same, once the log was founded.
        """
        log = (self.settings.bootstrap, self.settings.app)
        if log in _provided:
            return
        try:
            publish_schemas(self.settings)
            _provided.add(log)
        except LogUnusable as error:
            if required:
                raise
            _log.warning("schemas.not_published", log=self.settings.url, code=error.code, reason=str(error))

    def name_tape(self) -> None:
        """A topic has its id."""

    def founder(self) -> Founder:
        """Of all partitions of the topic."""
        settings, topic = self.settings, self.topic
        return Founder(
            settings.url,
            settings.app,
            settings.partitions,
            lambda number: KafkaPartitionClient(settings, topic, number),
            settings.identity,
        )

    def open(self) -> tuple[PartitionClient, Index]:
        """The partition of the topic, and the index for the one process that uses it."""
        index = open_index(self.index_path, self.address.app, self.topic.identity, self.address.partition)
        return self.follower(), index

    def follower(self) -> PartitionClient:
        """Connections of its own."""
        return KafkaPartitionClient(self.settings, self.topic, self.address.partition)


def index_path(settings: KafkaSettings, number: int) -> Path:
    """The index file of a partition."""
    return settings.index_dir / f"{settings.app}-{number}-of-{settings.partitions}.sqlite"


def open_partition(settings: KafkaSettings, number: int) -> PartitionHandle:
    """A partition open for writing, shared in this process. Raises LogUnusable."""
    return WRITERS.open(KafkaSource(settings, number))


close_partition = WRITERS.close
"""The end of one `open_partition`; the last one closes it."""
