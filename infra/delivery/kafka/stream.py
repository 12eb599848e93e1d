"""The stream as the publisher uses it, and a replay into a topic of the subscriber's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from consumers.cloudevents import REPLAY, DecisionSerializer
from consumers.feed import FeedEntry
from consumers.publisher import OutcomeUnknown, Publisher, publish_all
from infra.delivery.kafka import schema_registry as registry
from infra.delivery.kafka import schemas
from infra.delivery.kafka.encoding import FingerprintEncoding, ValueEncoding, record_of
from infra.delivery.kafka.errors import StreamUnusable, TopicTaken
from infra.delivery.kafka.producer import KafkaPartitionProducer
from infra.delivery.kafka.topics import check, decisions_topic, ensure
from infra.errors import LogUnusable
from infra.kafka.consumer_group import Membership
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic_watch import TopicWatch
from infra.retry import Retry
from infra.timeouts import Timeout
from schemas.public_decision import newest

_RETRY_PAUSE: Final = 0.5


def encoding_of(settings: KafkaSettings, registry_url: str | None) -> ValueEncoding:
    """How decisions become bytes. Raises RegistryUnusable, BadSetting."""
    if registry_url is None:
        return FingerprintEncoding()
    return registry.register(registry_url, decisions_topic(settings.app), newest().text)


class KafkaStream:
    """The stream of an installation. A consumer group spreads its partitions over the publishers.

    Every `check_every` seconds the settings of its topics are looked at.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        serializer: DecisionSerializer,
        partitions: range,
        encoding: ValueEncoding,
        *,
        check_every: float = Timeout.TOPIC_CHECK.seconds,
    ) -> None:
        self._settings = settings
        self._serializer = serializer
        self._partitions = partitions
        self._encoding = encoding
        self._membership: Membership | None = None
        self._watch = TopicWatch(lambda: check(settings, len(partitions)), seconds=check_every)

    def prepare(self) -> None:
        """Make the topics and publish the schemas, where they are missing. Raises StreamUnusable."""
        ensure(self._settings, len(self._partitions))
        schemas.publish(self._settings)

    def assigned(self) -> frozenset[int]:
        """The partitions that are this process's now; none at first. Raises StreamUnusable."""
        self._watch.check()
        if self._membership is None:
            settings = self._settings
            group, topic = f"{settings.app}.publisher", decisions_topic(settings.app)
            # Eager as in version 0.1: while publishers are upgraded, old and new ones are members of one group.
            self._membership = Membership(settings, group, topic, eager=True)
        try:
            return self._membership.partitions
        except LogUnusable as error:
            raise StreamUnusable(topic=decisions_topic(self._settings.app), reason=str(error)) from error

    def open(self, partition: int) -> KafkaPartitionProducer:
        """See `consumers.publisher.Stream`."""
        return KafkaPartitionProducer(self._settings, self._encoding, self._serializer, partition)

    def close(self) -> None:
        """Leave the group."""
        membership, self._membership = self._membership, None
        if membership is not None:
            membership.close()


class OnePublisher(KafkaStream):
    """The stream for a process that publishes all partitions: no group, no wait for one."""

    def assigned(self) -> frozenset[int]:
        """All partitions."""
        return frozenset(self._partitions)


def publish_once(publisher: Publisher, settings: KafkaSettings) -> int:
    """Publish until nothing is left; returns how many decisions were published.

    Raises StreamUnusable when the stream's brokers do not settle a transaction within `Timeout.SEND`, and what
    `Publisher.run` raises.
    """
    try:
        return publish_all(publisher, Retry(Timeout.SEND, pause=_RETRY_PAUSE))
    except OutcomeUnknown as error:
        raise StreamUnusable(topic=decisions_topic(settings.app), reason=str(error)) from error


def replay(
    settings: KafkaSettings,
    serializer: DecisionSerializer,
    topic: str,
    decisions: Iterable[FeedEntry],
    *,
    name: str,
    encoding: ValueEncoding | None = None,
) -> int:
    """Write decisions into a topic of the subscriber's own, each marked by the replay's name; returns how many.

    Raises TopicTaken for a topic of ours, StreamUnusable.
    """
    # A topic of ours may be any that begins so, now or later.
    if topic.startswith(f"{settings.app}."):
        raise TopicTaken(topic=topic)
    encoding = encoding or FingerprintEncoding()
    sent: list[Any] = []
    try:
        producer = KafkaProducer(
            **settings.client, acks="all", max_block_ms=Timeout.REQUEST.milliseconds, allow_auto_create_topics=False
        )
        try:
            for each in decisions:
                record = record_of(
                    serializer, encoding, each.feed_position, serializer.typed(each.record), **{REPLAY: name}
                )
                sent.append(producer.send(topic, record.value, record.key, headers=record.headers))
            producer.flush(timeout=Timeout.STREAM_DELIVERY.seconds)
            for future in sent:
                future.get(timeout=Timeout.STREAM_DELIVERY.seconds)
        finally:
            producer.close(timeout=1)
    except KafkaError as error:
        raise StreamUnusable(topic=topic, reason=str(error) or type(error).__name__) from error
    return len(sent)
