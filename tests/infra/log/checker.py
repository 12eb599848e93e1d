"""Reads a partition from offset zero with a consumer of its own, and decides for itself what was accepted."""

from __future__ import annotations

from kafka import KafkaConsumer, TopicPartition

from infra.kafka.settings import KafkaSettings
from infra.log.format import Append
from tests.support.memory_log import MemoryLog, accepted


def appends_in(settings: KafkaSettings, partition: int = 0) -> list[tuple[int, Append]]:
    """Every accepted append with the position of its first event."""
    place = TopicPartition(settings.events_topic, partition)
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap, auto_offset_reset="none", enable_auto_commit=False)
    log = MemoryLog()
    try:
        consumer.assign([place])
        consumer.seek(place, 0)
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=1000).values():
                log.records.extend(record.value for record in records)
    finally:
        consumer.close()
    found = []
    for position, appends in accepted(log, settings.app):
        for append in appends:
            found.append((position, append))
            position += len(append.events)  # noqa: PLW2901
    return found
