"""One partition of the stream: a transactional producer that shuts out the one before it, and the tail.

What is committed is only ever told by reading it back. Every wait has a deadline, and whatever goes wrong in between,
the outcome is unknown: the producer is given up, and the next one begins by reading the tail.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from consumers.cloudevents import DecisionSerializer
from consumers.publisher_ports import OutcomeUnknown, StreamTail, TailUndecided
from infra.delivery.kafka.encoding import ValueEncoding, record_of, tail_of
from infra.delivery.kafka.errors import StreamUnusable
from infra.delivery.kafka.topics import decisions_topic
from infra.kafka.internals import PatientClient, force_close
from infra.kafka.polling import poll_past
from infra.kafka.settings import KafkaSettings
from infra.retry import Retry
from infra.timeouts import Timeout
from projections.public_decisions.read_model import FeedPosition
from projections.public_decisions.tables import PublicDecision

_BACKOFF_MS: Final = 3
_POLL_MS: Final = 1000
_FIRST_TAIL_OFFSETS: Final = 64
"""Offsets from the end in which the tail is looked for first; then eight times as many, and so on."""
_LASTING_ERRORS: Final = (
    ClusterAuthorizationFailedError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

_log = structlog.get_logger("stream")


def transactional_producer(settings: KafkaSettings, transactional_id: str) -> KafkaProducer:
    """A producer with every time-out that a transaction needs."""
    return KafkaProducer(
        **{**settings.client, "kafka_client": PatientClient},
        transactional_id=transactional_id,
        acks="all",
        linger_ms=0,
        retry_backoff_ms=_BACKOFF_MS,
        request_timeout_ms=Timeout.REQUEST.milliseconds,
        delivery_timeout_ms=Timeout.STREAM_DELIVERY.milliseconds,
        transaction_timeout_ms=Timeout.STREAM_TRANSACTION.milliseconds,
        max_block_ms=Timeout.STREAM_DELIVERY.milliseconds,
        allow_auto_create_topics=False,
    )


class KafkaPartitionProducer:
    """One partition of the stream, open for one publisher. Raises OutcomeUnknown, StreamUnusable."""

    def __init__(
        self, settings: KafkaSettings, encoding: ValueEncoding, serializer: DecisionSerializer, partition: int
    ) -> None:
        self._settings = settings
        self._encoding = encoding
        self._serializer = serializer
        self._topic = decisions_topic(settings.app)
        self._topic_partition = TopicPartition(self._topic, partition)
        self._producer: KafkaProducer | None = None
        try:
            producer = self._producer = transactional_producer(settings, f"{self._topic}.{partition}")
            # Whoever published before can commit nothing more; what it had open is aborted.
            _call_within(Timeout.STREAM_OUTCOME.seconds, producer.init_transactions)
            self.tail = self._read_tail()
        except KafkaError as error:
            self.close()
            raise self._as_our_error(error) from error
        except BaseException:
            self.close()
            raise

    def publish(self, decisions: Sequence[tuple[FeedPosition, PublicDecision]]) -> None:
        """Append records in one transaction, all or none."""
        producer = self._producer
        if producer is None:
            raise OutcomeUnknown("the producer was given up")
        try:
            producer.begin_transaction()
            sent = [self._send(producer, place, decision) for place, decision in decisions]
            # Before the commit: kafka-python would commit without a record that ran out of time.
            for each in sent:
                each.get(timeout=Timeout.STREAM_OUTCOME.seconds)
            _call_within(Timeout.STREAM_OUTCOME.seconds, producer.commit_transaction)
        except KafkaError as error:
            self.close()
            raise self._as_our_error(error) from error

    def hidden(self) -> TailUndecided | None:
        """See `consumers.publisher.PartitionProducer`."""
        committed, everything = self._consumer("read_committed"), self._consumer("read_uncommitted")
        try:
            return self._undecided(committed, everything)[0]
        except KafkaError as error:
            self.close()
            raise self._as_our_error(error) from error
        finally:
            committed.close(timeout_ms=0)
            everything.close(timeout_ms=0)

    def close(self) -> None:
        """Give up the producer. What it may have open is aborted by the next one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            force_close(producer)

    def _send(self, producer: KafkaProducer, place: FeedPosition, decision: PublicDecision) -> Any:
        record = record_of(self._serializer, self._encoding, place, decision)
        return producer.send(
            self._topic, record.value, record.key, headers=record.headers, partition=self._topic_partition.partition
        )

    def _as_our_error(self, error: KafkaError) -> Exception:
        text = str(error) or type(error).__name__
        if isinstance(error, _LASTING_ERRORS):
            return StreamUnusable(topic=self._topic, reason=f"{type(error).__name__}: {text}")
        return OutcomeUnknown(f"{type(error).__name__}: {text}")

    def _read_tail(self) -> StreamTail | None:
        """The last record of ours that was committed; None when there is none."""
        committed, everything = self._consumer("read_committed"), self._consumer("read_uncommitted")
        try:
            undecided, end = self._undecided(committed, everything)
            if undecided is not None:
                raise undecided
            begin = committed.beginning_offsets([self._topic_partition])[self._topic_partition]
            offsets = _FIRST_TAIL_OFFSETS
            while True:
                start = max(begin, end - offsets)
                found = self._last_tail(committed, start, end)
                if found is not None or start == begin:
                    return found
                offsets *= 8
        finally:
            committed.close(timeout_ms=0)
            everything.close(timeout_ms=0)

    def _undecided(self, committed: KafkaConsumer, everything: KafkaConsumer) -> tuple[TailUndecided | None, int]:
        """Which open transaction hides what is behind it, if any, and where the partition ends."""
        end = everything.end_offsets([self._topic_partition])[self._topic_partition]
        stable = committed.end_offsets([self._topic_partition])[self._topic_partition]
        return (TailUndecided(stable, end) if stable < end else None), end

    def _last_tail(self, consumer: KafkaConsumer, start: int, end: int) -> StreamTail | None:
        consumer.seek(self._topic_partition, start)
        found = None
        tries = Retry(Timeout.STREAM_OUTCOME)
        while (position := consumer.position(self._topic_partition)) < end:
            for record in poll_past(consumer, self._topic_partition, end, _POLL_MS):
                tail = tail_of(record.headers)
                if tail is None:
                    _log.warning("stream.foreign", topic=self._topic, offset=record.offset)
                else:
                    found = tail
            if consumer.position(self._topic_partition) > position:
                tries.progress()
            elif tries.is_over:
                raise KafkaTimeoutError(f"offset {position} could not be read")
        return found

    def _consumer(self, isolation: str) -> KafkaConsumer:
        consumer = KafkaConsumer(
            **self._settings.client,
            isolation_level=isolation,
            auto_offset_reset="none",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            request_timeout_ms=Timeout.REQUEST.milliseconds,
        )
        consumer.assign([self._topic_partition])
        return consumer


def _call_within(seconds: float, call: Callable[[], object]) -> None:
    """Make a call that knows no time-out of its own. Raises KafkaTimeoutError, and what the call raises."""
    raised: list[KafkaError] = []

    def run() -> None:
        try:
            call()
        except KafkaError as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise KafkaTimeoutError(f"no answer within {seconds:.0f} s")
    if raised:
        raise raised[0]
