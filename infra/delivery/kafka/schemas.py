"""The topic of schemas: fingerprint → schema, so that the log can be read in ten years with nothing but the log.

Key: the CRC-64-AVRO fingerprint in hexadecimal digits, its bytes in the order in which they stand in an Avro single
object. Value: the schema as JSON. It holds every released schema: of public decisions, of events, of the log's records.
"""

from __future__ import annotations

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from infra.delivery.kafka.errors import StreamUnusable
from infra.delivery.kafka.polling import poll_past
from infra.delivery.kafka.topics import schemas_topic
from infra.kafka.settings import KafkaSettings
from infra.timeouts import Timeout
from schemas.avro.registry import every_schema


def publish(settings: KafkaSettings) -> int:
    """Write what the topic lacks; returns how many that were. Raises StreamUnusable."""
    topic = schemas_topic(settings.app)
    try:
        present = _present(settings, topic)
        missing = {key: schema for key, schema in every_schema().items() if present.get(key) != schema}
        if missing:
            _write(settings, topic, missing)
    except KafkaError as error:
        raise StreamUnusable(topic=topic, reason=str(error) or type(error).__name__) from error
    return len(missing)


def _write(settings: KafkaSettings, topic: str, missing: dict[str, str]) -> None:
    producer = KafkaProducer(**settings.client, acks="all", allow_auto_create_topics=False)
    try:
        sent = [producer.send(topic, schema.encode(), key.encode(), partition=0) for key, schema in missing.items()]
        producer.flush(timeout=Timeout.SCHEMAS.seconds)
        for each in sent:
            each.get(timeout=Timeout.SCHEMAS.seconds)
    finally:
        producer.close(timeout=1)


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
