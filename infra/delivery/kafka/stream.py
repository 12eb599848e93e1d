"""The stream as the publisher uses it, and a replay into a topic of the subscriber's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from consumers.cloudevents import REPLAY, DecisionSerializer
from consumers.feed import FeedEntry
from consumers.publisher import PartitionPublisher, publish_all
from consumers.publisher_ports import OutcomeUnknown, PartitionUnsettled, TailUndecided
from infra.delivery.kafka import schema_registry as registry
from infra.delivery.kafka.encoding import FingerprintEncoding, ValueEncoding, record_of
from infra.delivery.kafka.errors import StreamUndecided, StreamUnusable, TopicTaken
from infra.delivery.kafka.producer import KafkaPartitionProducer
from infra.delivery.kafka.topics import check, decisions_topic, ensure
from infra.kafka.consumer_group import run_member
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
    """The stream of an installation, for its publishers. Every `check_every` seconds its topics are looked at."""

    def __init__(
        self,
        settings: KafkaSettings,
        partitions: range,
        encoding: ValueEncoding,
        *,
        check_every: float = Timeout.TOPIC_CHECK.seconds,
    ) -> None:
        self.settings = settings
        self.topic = decisions_topic(settings.app)
        self.partitions = partitions
        self._encoding = encoding
        self._watch = TopicWatch(lambda: check(settings, len(partitions)), seconds=check_every)

    def prepare(self) -> None:
        """Make the topics and publish the schemas, where they are missing. Raises StreamUnusable."""
        ensure(self.settings, len(self.partitions))

    def check_topics(self) -> None:
        """See `TopicWatch.check`. Raises StreamUnusable."""
        self._watch.check()

    def open(self, partition: int, serializer: DecisionSerializer) -> KafkaPartitionProducer:
        """A partition, from which whoever published before is shut out. Raises OutcomeUnknown, StreamUnusable."""
        return KafkaPartitionProducer(self.settings, self._encoding, serializer, partition)

    def take_part(self, on_change: Callable[[set[int]], object], stopped: Event) -> None:
        """Be a member of the group that spreads the partitions. See `infra.kafka.consumer_group.run_member`."""
        # Eager as in version 0.1: while publishers are upgraded, old and new ones are members of one group.
        run_member(self.settings, f"{self.settings.app}.publisher", self.topic, on_change, stopped, eager=True)

    def error(self, partition: int, unknown: OutcomeUnknown) -> StreamUnusable | StreamUndecided:
        """What it is called when an outcome stays unknown."""
        if isinstance(unknown, TailUndecided):
            return StreamUndecided(topic=self.topic, partition=partition, offset=unknown.first)
        return StreamUnusable(topic=self.topic, reason=str(unknown))


def publish_once(publishers: Sequence[PartitionPublisher], stream: KafkaStream) -> int:
    """Publish until nothing is left; returns how many decisions were published.

    Raises StreamUndecided, StreamUnusable when the stream's brokers do not settle a transaction within `Timeout.SEND`,
    and what `PartitionPublisher.run` raises.
    """
    try:
        return publish_all(publishers, Retry(Timeout.SEND, pause=_RETRY_PAUSE))
    except PartitionUnsettled as error:
        raise stream.error(error.partition, error.unknown) from error


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
