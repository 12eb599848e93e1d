"""Putting a backup back on Kafka, whatever cluster it is and however many brokers it has.

    1. Make the topic of the events on CreateTime, or switch an empty one to it. A log's topic is on LogAppendTime, so
       every program refuses this one (TOPIC_UNUSABLE) until the restore is at its end; and records keep their moments.
    2. Compare what stands there, record by record: an earlier run may have been broken off.
    3. Send what is missing, in order. Of a batch whose outcome is unknown it is first read whether it is there.
    4. Read everything back by the rule, and compare it with the backup.
    5. Switch the topic to LogAppendTime. Only now it is a log.

A second copy of a record changes nothing: every reader ignores it, since its number is not the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from domain.i18n import pair
from infra.backup.comparison import TargetState, check_read_back, compare_target
from infra.backup.errors import RestoreTargetTaken
from infra.backup.manifest import Manifest
from infra.backup.restoring import Restored, check_identity, check_shape
from infra.backup.storage import BackupStorage
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import KafkaUnreachable, TopicUnusable
from infra.kafka.schemas_topic import publish_schemas
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import (
    LARGEST_OF_KAFKA,
    Topic,
    TopicSpec,
    ensure,
    exists,
    log_topic,
    room_for,
    settings_of,
    switch,
)
from infra.log.partition_client import Record
from infra.queue.topics import queue_topics
from infra.retry import Retry
from infra.timeouts import Timeout

_STAMPED_BY: Final = "message.timestamp.type"
_AT_CREATION: Final = "CreateTime"
_BY_BROKER: Final = "LogAppendTime"
_ANY_MOMENT: Final = {"message.timestamp.after.max.ms": str((1 << 63) - 1)}
"""A moment of another broker's clock may be ahead of this one's; by default an hour is the most."""
_BYTES_AT_ONCE: Final = 700_000
_RECORDS_AT_ONCE: Final = 2000


def restore_kafka(storage: BackupStorage, manifest: Manifest, settings: KafkaSettings, largest: int) -> Restored:
    """Put a verified backup into the topic of a log; `largest` are the bytes of its largest record.

    To be called within `storage.reading`. Raises RestoreOtherShape, RestoreOtherLog, RestoreTargetTaken,
    RestoreDiffers, TopicUnusable, KafkaUnreachable.
    """
    check_shape(manifest, settings.url, settings.app, settings.partitions)
    check_identity(manifest, settings.url, settings.identity)
    run = _Restore(storage, manifest, settings)
    if exists(settings, settings.events_topic) and not run.may_write():
        return Restored([0] * settings.partitions, 0, run.commands())
    topic = prepared_topic(settings, largest)  # 1
    added = [run.write(topic, partition) for partition in range(settings.partitions)]  # 2, 3
    moments = sum(run.read_back(topic, partition).moments for partition in range(settings.partitions))  # 4
    open_topic(settings)  # 5
    return Restored(added, moments, run.commands())


def is_prepared(settings: KafkaSettings) -> bool:
    """Whether the topic that is there is set so that no program takes it for a log. Raises KafkaUnreachable."""
    return settings_of(settings, _spec(settings))[_STAMPED_BY] == _AT_CREATION


def prepared_topic(settings: KafkaSettings, largest: int) -> Topic:
    """The topic, so set that no program takes it for a log, for values of so many bytes. Raises TopicUnusable."""
    spec = _spec(settings, largest)
    if exists(settings, spec.name) and not is_prepared(settings):
        switch(settings, spec.name, {_STAMPED_BY: _AT_CREATION, **_ANY_MOMENT})
    publish_schemas(settings)
    (topic,) = ensure(settings, [spec])
    if topic.largest < largest:
        wanted = f"max.message.bytes={room_for(largest)}"
        raise TopicUnusable(
            log=settings.url,
            reason=f"the topic {spec.name} takes {topic.largest} bytes, and a record has {largest}",
            mend=f"kafka-configs.sh --alter --topic {spec.name} --add-config {wanted} "
            f"--bootstrap-server {settings.bootstrap}",
        )
    return topic


def open_topic(settings: KafkaSettings) -> None:
    """From here on the topic is a log. Raises TopicUnusable, KafkaUnreachable."""
    switch(settings, settings.events_topic, {_STAMPED_BY: _BY_BROKER, **dict.fromkeys(_ANY_MOMENT)})


def _spec(settings: KafkaSettings, largest: int = 0) -> TopicSpec:
    made = log_topic(settings, settings.events_topic)
    at_creation = dict(_ANY_MOMENT)
    if room_for(largest) > LARGEST_OF_KAFKA:
        at_creation["max.message.bytes"] = str(room_for(largest))
    return replace(made, required={**made.required, _STAMPED_BY: _AT_CREATION}, at_creation=at_creation)


class _Restore:
    """One restore: what it has to work with."""

    def __init__(self, storage: BackupStorage, manifest: Manifest, settings: KafkaSettings) -> None:
        self._storage = storage
        self._manifest = manifest
        self._settings = settings

    def may_write(self) -> bool:
        """Whether the topic that is there is to be written to; no where it holds this very log already.

        Raises RestoreTargetTaken where it is a log that anybody may be using.
        """
        settings = self._settings
        if is_prepared(settings):
            return True
        (topic,) = ensure(settings, [log_topic(settings, settings.events_topic)])
        found = [self._compared(topic, partition) for partition in range(settings.partitions)]
        if not any(each.next_offset for each in found):
            return True
        numbers = [each.number for each in found]
        if numbers == [each.records for each in self._manifest.partitions]:
            return False
        reason = pair("the log there ends with the records {numbers}", numbers=numbers)
        raise RestoreTargetTaken(target=settings.url, reason=reason)

    def write(self, topic: Topic, partition: int) -> int:
        """Send what a partition lacks; how many records that was."""
        found = self._compared(topic, partition)
        added, offset = 0, found.next_offset
        with closing(KafkaPartitionClient(self._settings, topic, partition)) as client:
            for records in batches((each.record for each in found.rest), topic.largest):
                offset = send(client, self._settings.url, records, offset)
                added += len(records)
        return added

    def read_back(self, topic: Topic, partition: int) -> TargetState:
        """Raises RestoreDiffers."""
        with closing(KafkaPartitionClient(self._settings, topic, partition)) as client:
            return check_read_back(self._storage, self._manifest, partition, client, self._name(partition))

    def commands(self) -> Any:
        """The id of the topic of commands; with it the rest of the queue is made where it is missing."""
        return queue_topics(self._settings, create=True).commands.identity.topic_id

    def _compared(self, topic: Topic, partition: int) -> TargetState:
        with closing(KafkaPartitionClient(self._settings, topic, partition)) as client:
            return compare_target(self._storage, self._manifest, partition, client, self._name(partition))

    def _name(self, partition: int) -> str:
        return f"{self._settings.url}/{partition}"


def batches(records: Iterator[Record], largest: int) -> Iterator[list[Record]]:
    """As many records as are sent together."""
    group: list[Record] = []
    size = 0
    for record in records:
        length = len(record.value or b"")
        if group and (size + length > min(_BYTES_AT_ONCE, largest) or len(group) == _RECORDS_AT_ONCE):
            yield group
            group, size = [], 0
        group.append(record)
        size += length + 64
    if group:
        yield group


def send(client: KafkaPartitionClient, log: str, records: Sequence[Record], offset: int) -> int:
    """Append a batch behind an offset; the offset behind it. Raises KafkaUnreachable where that stays unknown."""
    values = [(None, each.value or b"") for each in records]
    moments = [max(each.appended_at, 0) for each in records]
    tries = Retry(Timeout.APPEND, longest=1.0)
    while True:
        if client.send_all(values, moments).result() == offset:
            return offset + len(records)
        # Others sent something too, or the outcome is unknown.
        there, offset = _is_there(client, records, offset)
        if there:
            return offset
        if tries.is_over:
            raise KafkaUnreachable(log=log, reason="the brokers did not acknowledge in time")
        tries.pause()


def _is_there(client: KafkaPartitionClient, records: Sequence[Record], offset: int) -> tuple[bool, int]:
    """Whether a batch stands behind an offset, which happens as a whole or not at all; and the offset behind all."""
    missing = iter([each.value for each in records])
    expected = next(missing, None)
    for fetched in client.read(offset):
        for record in fetched.records:
            if expected is not None and record.value == expected:
                expected = next(missing, None)
        offset = fetched.next_offset
    return expected is None, offset
