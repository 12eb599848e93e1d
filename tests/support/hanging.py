"""A stranger's transaction in a topic, that stays open: of a producer that lives, or one that no coordinator knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from confluent_kafka import Producer
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.protocol.producer import ProduceRequest

from infra.kafka.client import KafkaPartitionClient
from infra.kafka.internals import raise_for_code
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from tests.support.stranger import batch, record

_VERIFIED = "transaction.partition.verification.enable"
_TRANSACTIONAL = 16
_VERSION = 11
"""The last version of the request with which the broker does not tell the coordinator by itself."""


@dataclass(frozen=True, slots=True)
class Living:
    """A producer with an open transaction."""

    name: str
    producer: Producer


def living(settings: KafkaSettings, topic: str, *partitions: int) -> Living:
    """Begin a transaction, write into these partitions, and neither commit nor abort; the broker waits long for it."""
    name = f"stranger-{uuid4().hex[:8]}"
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap, "transactional.id": name, "transaction.timeout.ms": 900_000}
    )
    producer.init_transactions()
    producer.begin_transaction()
    for partition in partitions:
        producer.produce(topic, b"hello", partition=partition)
    assert producer.flush(20) == 0
    return Living(name, producer)


def forgotten(settings: KafkaSettings, topic: Topic, partition: int) -> None:
    """Leave an open transaction in a partition that no coordinator knows of, as old brokers and lost markers do.

    The broker's own guard against it is off meanwhile.
    """
    name = f"forgotten-{uuid4().hex[:8]}"
    with _unverified(settings):
        producer = KafkaProducer(**settings.client, transactional_id=name)
        producer.init_transactions()
        known = producer._transaction_manager.producer_id_and_epoch
        producer.close(timeout=1)
        left = batch(record(b"left behind"), 1, attributes=_TRANSACTIONAL, producer=(known.producer_id, known.epoch, 0))
        data = ProduceRequest.TopicProduceData
        request = ProduceRequest(
            transactional_id=name,
            acks=-1,
            timeout_ms=10_000,
            topic_data=[
                data(name=topic.name, partition_data=[data.PartitionProduceData(index=partition, records=left)])
            ],
            min_version=_VERSION,
            max_version=_VERSION,
        )
        client = KafkaPartitionClient(settings, topic, partition)
        try:
            answer = client._response(client._request(request, client._leader().node))
            raise_for_code(answer.responses[0].partition_responses[0].error_code)
        finally:
            client.close()


@contextmanager
def _unverified(settings: KafkaSettings) -> Iterator[None]:
    admin = KafkaAdminClient(**settings.client)
    try:
        brokers = [str(each["broker_id"]) for each in admin.describe_cluster()["brokers"]]

        def verify(value: str) -> None:
            kind = ConfigResourceType.BROKER
            admin.alter_configs([ConfigResource(kind, broker, configs={_VERIFIED: value}) for broker in brokers])

        verify("false")
        try:
            yield
        finally:
            verify("true")
    finally:
        admin.close()
