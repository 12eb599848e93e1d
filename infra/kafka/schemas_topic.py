"""The topic of schemas: fingerprint → schema, so that the log can be read in ten years with nothing but the log.

Key: the CRC-64-AVRO fingerprint in hexadecimal digits, its bytes in the order in which they stand in an Avro single
object. Value: the schema as JSON. It holds every released schema: of public decisions, of events, of the log's records.
It is filled before a log gets its first record; each writer and publisher of a newer release adds what that one has.
"""

from __future__ import annotations

from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import unreachable
from infra.kafka.polling import poll_past
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import PLAIN, TopicSpec, ensure
from infra.timeouts import Timeout
from schemas.avro.registry import every_schema
from schemas.content_types import content_type_of

SCHEMAS: Final = {**PLAIN, "cleanup.policy": "compact", "unclean.leader.election.enable": "false"}
_BATCH_BYTES: Final = 256 * 1024


def schemas_topic(app: str) -> str:
    """The name of the topic of schemas."""
    return f"{app}.schemas"


def schemas_spec(settings: KafkaSettings) -> TopicSpec:
    """What the topic must be."""
    return TopicSpec(schemas_topic(settings.app), 1, SCHEMAS, survives=False, content_type=content_type_of("schemas"))


def publish_schemas(settings: KafkaSettings) -> int:
    """Make the topic, and write what it lacks; returns how many that were. Raises TopicUnusable, KafkaUnreachable."""
    name = schemas_topic(settings.app)
    (topic,) = ensure(settings, [schemas_spec(settings)])
    client = KafkaPartitionClient(settings, topic, 0)
    try:
        # One that was just made need not be read.
        present = _present(settings, name) if client.end() else {}
        missing = {key: schema for key, schema in every_schema().items() if present.get(key) != schema}
        for batch in _batches(missing):
            client.send_durably(batch)
    except KafkaError as error:
        raise unreachable(settings.url, error) from error
    finally:
        client.close()
    return len(missing)


def _batches(schemas: dict[str, str]) -> list[list[tuple[bytes, bytes]]]:
    """Keys and values that go together."""
    batches: list[list[tuple[bytes, bytes]]] = []
    size = _BATCH_BYTES
    for key, schema in schemas.items():
        record = (key.encode(), schema.encode())
        size += len(record[1])
        if size > _BATCH_BYTES:
            batches.append([])
            size = len(record[1])
        batches[-1].append(record)
    return batches


def _present(settings: KafkaSettings, topic: str) -> dict[str, str]:
    consumer = KafkaConsumer(
        **settings.client, auto_offset_reset="none", enable_auto_commit=False, allow_auto_create_topics=False
    )
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        consumer.seek(place, consumer.beginning_offsets([place])[place])
        found: dict[str, str] = {}
        while (position := consumer.position(place)) < end:
            for record in poll_past(consumer, place, end, Timeout.SCHEMAS.milliseconds):
                # What is no text is a stranger's, and no schema of ours.
                key, value = ((each or b"").decode("utf-8", "replace") for each in (record.key, record.value))
                found[key] = value
            if consumer.position(place) == position:
                raise KafkaTimeoutError(f"offset {position} could not be read")
        return found
    finally:
        consumer.close(timeout_ms=1000)
