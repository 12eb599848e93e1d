"""One partition of a topic on Kafka, on kafka-python's connections and protocol, driven by the thread that calls.

Its producer and consumer have threads and queues of their own, which one record in flight has no use for. A record is
sent as an idempotent producer sends it (producer id, sequence, `acks=all`), but never twice: whatever goes wrong, the
outcome is unknown, the producer id is given up, and the protocol of the log settles it.

Requests name the topic by its id (Kafka 4.0 and later), so that a topic which was made anew under the same name is
refused by the broker itself.

A leader that was just elected does not know yet how much its predecessor acknowledged: until its followers have asked
it, its fetches end at an earlier high watermark. So what a fetch calls the end is believed only after that leader has
answered one ListOffsets, which it refuses until it knows. That costs one request for each connection and election:
requests carry the leader's epoch, and are refused once there was another election.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog
from kafka import errors as kafka_errors
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from infra.kafka.client_state import Leader, Producer, SentRequest
from infra.kafka.errors import KafkaUnreachable, TopicUnusable, reason_of, unreachable
from infra.kafka.internals import (
    Client,
    OffsetSpec,
    fetch_request,
    offset_request,
    produce_request,
    producer_id_request,
    raise_for_code,
    record_batch,
)
from infra.kafka.record_batches import BatchReader
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.errors import LogChanged, RecordTooLarge
from infra.log.partition_client import FetchResult
from infra.retry import Retry
from infra.timeouts import Timeout

_log = structlog.get_logger(__name__)

_CONNECTION, _METADATA = "connection", "metadata"
"""What is waited for beside the answers to requests of our own, which go by their names."""
_IDLE_SECONDS: Final = 1.0
"""Seconds without a request after which it is first seen what became of the connections."""
_FETCH_BYTES: Final = 2 << 20
_CHANGED: Final = (kafka_errors.UnknownTopicIdError, kafka_errors.InconsistentTopicIdError)
_NOT_ALLOWED: Final = (kafka_errors.TopicAuthorizationFailedError, kafka_errors.ClusterAuthorizationFailedError)
_TOO_LARGE: Final = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)


class KafkaPartitionClient:
    """One partition of a topic. Not for several threads at once."""

    lag = Timeout.LEADER.seconds

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int) -> None:
        self.tape: Final = f"{topic.identity.cluster_id}/{topic.identity.topic_id}"
        self.largest = topic.largest
        self._settings = settings
        self._topic = topic
        self._name = settings.url_of(topic.name)
        self._partition = partition
        self._topic_partition = TopicPartition(topic.name, partition)
        content_type = topic.content_type
        self._headers = [("content-type", content_type.encode())] if content_type is not None else []
        self._client: Client | None = None
        self._clients = 0
        # For how many seconds the next answer of a kind is waited for, where it is not `Timeout.LOST`.
        self._waits: dict[str, float] = {}
        self._failed = ""
        """Why what was sent last was not acknowledged."""
        self._producer: Producer | None = None
        self._settled_leader: Leader | None = None
        self._settled_end = 0
        self._last_request_at = 0.0
        self.appended_at = 0
        """When the last record of this client was appended, by the broker's clock, in milliseconds since 1970."""
        self._batches = BatchReader(topic.name, partition)

    @property
    def session(self) -> object:
        """What stays the same as long as one leader answers over one connection: meanwhile nothing read can be gone."""
        if self._client is None:
            return None
        try:
            client = self._revived()
        except (KafkaError, OSError):
            return None
        leader = self._known_leader(client)
        if leader is None or not client.connected(leader.node):
            return None
        return self._clients, client.connections, leader

    def send(self, value: bytes) -> _PendingRecords:
        """Start to append a record. See `PartitionClient`."""
        return self.send_all([(None, value)])

    def send_all(
        self, records: Sequence[tuple[bytes | None, bytes]], moments: Sequence[int] | None = None
    ) -> _PendingRecords:
        """Start to append records, each a key and a value, together; the offset is that of the first one.

        `moments`: see `record_batch`.
        """
        try:
            producer = self._producer or self._new_producer()
            batch = record_batch(
                producer.id, producer.epoch, producer.sequence, records, self._headers, moments=moments
            )
            producer.sequence += len(records)
            request = produce_request(self._topic.identity.topic_id, self._partition, batch, Timeout.REQUEST.seconds)
            return _PendingRecords(self, self._request(request, self._leader().node))
        except (KafkaError, OSError) as error:
            return _PendingRecords(self, error)

    def send_durably(self, records: Sequence[tuple[bytes | None, bytes]]) -> int:
        """Append keys and values together, at least once; the offset of the first of the copy that was acknowledged.

        Raises KafkaUnreachable after `Timeout.SEND`, and what cannot be mended by another try.
        """
        began = time.monotonic()
        offset = self.send_all(records).result()
        return self._send_again(records, began) if offset is None else offset

    def _send_again(self, records: Sequence[tuple[bytes | None, bytes]], began: float) -> int:
        tries = Retry(Timeout.SEND, began=began)
        while not tries.is_over:
            tries.pause()
            offset = self.send_all(records).result()
            if offset is not None:
                return offset
        reason = f"the brokers did not acknowledge what was sent to partition {self._partition}: {self._failed}"
        raise KafkaUnreachable(log=self._name, reason=reason)

    def read(self, start: int) -> Iterator[FetchResult]:
        """All records from an offset to the high watermark. See `PartitionClient`."""
        tries = Retry(Timeout.READ)
        position, pending = start, None
        while True:
            if tries.is_over:
                raise KafkaUnreachable(log=self._name, reason=f"offset {position} could not be read")
            try:
                response = self._response(pending or self._fetch_to_end(position))
                fetched, end = self._fetched_to_end(response, position)
            except (KafkaError, OSError) as error:
                pending = None
                self._wait_for_broker(error, tries)
                continue
            if end < position:
                pending = None
                self._wait_for_leader(position, end, tries)
                continue
            # The next answer is on its way while this one is worked on.
            position = fetched.next_offset
            pending = self._fetch_soon(position) if position < end else None
            if fetched.records or position > start:
                yield fetched
                tries.progress()
            if position >= end:
                return

    def follow(self, start: int, seconds: float) -> FetchResult:
        """The next records, as soon as there are any. See `PartitionClient`.

        Where a topic need not be whole, those that were deleted are passed over.
        """
        began, tries = time.monotonic(), None
        while True:
            try:
                answer = self._response(self._fetch(self._leader(), start, wait=seconds))
                return self._fetch_result(answer, start)[0]
            except kafka_errors.OffsetOutOfRangeError:
                return FetchResult([], self._offset(OffsetSpec.EARLIEST))
            except (KafkaError, OSError) as error:
                tries = tries or Retry(Timeout.READ, began=began)
                self._wait_for_broker(error, tries)

    def end_behind(self, read: int) -> int:
        """The offset after the last record, for somebody who has read up to an offset. Raises as `read`."""
        tries = Retry(Timeout.READ)
        while True:
            try:
                _, end = self._fetched_to_end(self._response(self._fetch_to_end(read, most=1)), read)
            except (KafkaError, OSError) as error:
                self._wait_for_broker(error, tries)
                continue
            if end >= read:
                return end
            self._wait_for_leader(read, end, tries)

    def end(self) -> int:
        """The offset after the last record, as the leader has it now. Raises as `read`."""
        return self._offset(OffsetSpec.LATEST)

    def _offset(self, which: OffsetSpec) -> int:
        tries = Retry(Timeout.READ)
        while True:
            try:
                return self._ask_offset(self._leader(), which)
            except (KafkaError, OSError) as error:
                self._wait_for_broker(error, tries)

    def _ask_offset(self, leader: Leader, which: OffsetSpec) -> int:
        request = offset_request(self._topic.name, self._partition, leader.epoch, which)
        found = self._response(self._request(request, leader.node)).topics[0].partitions[0]
        raise_for_code(found.error_code)
        return int(found.offset)

    def close(self) -> None:
        """Let the connections go."""
        self._producer = self._settled_leader = None
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def offset_of(self, sent: SentRequest) -> int | None:
        """The offset in the answer to a record that was sent; None when the outcome is unknown."""
        try:
            answer = self._response(sent).responses[0].partition_responses[0]
            raise_for_code(answer.error_code, answer.error_message)
            if self._topic.whole and answer.log_start_offset > 0:
                raise self._changed(f"its first offset is {answer.log_start_offset}")
        except _NOT_ALLOWED as denied:
            reason = f"not authorised: {denied}"
            raise TopicUnusable(log=self._name, reason=reason, mend="ask for the right to write") from denied
        except _TOO_LARGE as refused:
            raise RecordTooLarge(log=self._name, reason="the broker refused the record's size") from refused
        except (KafkaError, OSError) as failed:
            self.give_up_producer(failed)
            return None
        if answer.base_offset >= 0:
            self.appended_at = int(answer.log_append_time_ms)
            return int(answer.base_offset)
        self.give_up_producer(KafkaError("a broker acknowledged it, and named no offset"))
        return None

    def give_up_producer(self, error: Exception) -> None:
        """Give up the producer: what it sent may be there or not, and may still come."""
        self._failed = reason_of(error)
        _log.warning("append.unknown", topic=self._topic.name, partition=self._partition, reason=self._failed)
        self.close()

    def _new_producer(self) -> Producer:
        tries = Retry(Timeout.LOST, pause=0.05)
        while True:
            answer = self._response(self._request(producer_id_request(), self._revived().least_loaded_node()))
            if answer.error_code == 0:
                self._producer = Producer(answer.producer_id, answer.producer_epoch)
                return self._producer
            error = kafka_errors.for_code(answer.error_code)
            # A broker that has just started is still loading.
            if tries.is_over or not issubclass(error, kafka_errors.RetriableError):
                raise error
            tries.pause()

    def _fetch_soon(self, start: int) -> Any:
        try:
            return self._fetch_to_end(start)
        except (KafkaError, OSError):
            return None

    def _fetch_to_end(self, start: int, *, most: int = _FETCH_BYTES) -> Any:
        """Fetch what is there, from a leader that knows everything which was acknowledged before."""
        leader = self._leader()
        if leader != self._settled_leader:
            self._settled_end = self._ask_offset(leader, OffsetSpec.LATEST)
            self._settled_leader = leader
        return self._fetch(leader, start, wait=0.0, most=most)

    def _fetch(self, leader: Leader, start: int, *, wait: float, most: int = _FETCH_BYTES) -> Any:
        topic_id = self._topic.identity.topic_id
        request = fetch_request(topic_id, self._partition, leader.epoch, start, wait=wait, most_bytes=most)
        return self._request(request, leader.node)

    def _fetched_to_end(self, answer: Any, start: int) -> tuple[FetchResult, int]:
        """See `_fetch_result`. Raises OffsetNotAvailableError for a high watermark that is lower than once before."""
        fetched, end = self._fetch_result(answer, start)
        if end < self._settled_end:
            raise kafka_errors.OffsetNotAvailableError(f"it ends at offset {end}, and {self._settled_end} was known")
        return fetched, end

    def _fetch_result(self, answer: Any, start: int) -> tuple[FetchResult, int]:
        """The records of a fetch from `start` on, and the high watermark."""
        raise_for_code(answer.error_code)
        found = answer.responses[0].partitions[0]
        if self._topic.whole and found.error_code == kafka_errors.OffsetOutOfRangeError.errno:
            raise self._changed(f"offset {start} is not in it")
        raise_for_code(found.error_code)
        if self._topic.whole and found.log_start_offset > 0:
            raise self._changed(f"its first offset is {found.log_start_offset}")
        end = int(found.high_watermark)
        return self._batches.read(bytes(found.records or b""), start, end), end

    def _wait_for_leader(self, read: int, end: int, tries: Retry) -> None:
        """A new leader may learn the high watermark a moment after it was elected. Raises LogChanged if not."""
        if tries.lasts(Timeout.LEADER):
            raise self._changed(f"it ends at offset {end}, and offset {read - 1} had been read")
        tries.pause()

    def _wait_for_broker(self, error: Exception, tries: Retry) -> None:
        """Wait a moment before the next try. Raises LogChanged, KafkaUnreachable when there is none."""
        self.close()
        if isinstance(error, _CHANGED) and tries.lasts(Timeout.TOPIC_ID):
            raise self._changed("the topic was deleted, or made anew") from error
        if isinstance(error, _NOT_ALLOWED):
            mend = "ask for the right to read"
            raise TopicUnusable(log=self._name, reason=f"not authorised: {error}", mend=mend) from error
        if tries.is_over:
            raise unreachable(self._name, error) from error
        tries.pause()

    def _changed(self, reason: str) -> LogChanged:
        index = self._settings.index_dir
        return LogChanged(log=f"{self._name}/{self._partition}", reason=reason, index=str(index))

    def _connected(self) -> Client:
        if self._client is None:
            client = Client(
                **self._settings.client,
                # A little longer than anything is waited for here, which then says so itself.
                request_timeout_ms=int(1000 * max(self._waits.values(), default=Timeout.LOST.seconds)) + 1000,
                receive_message_max_bytes=1 << 30,
                reconnect_backoff_max_ms=500,
            )
            try:
                with self._waiting(_CONNECTION) as seconds:
                    client.bootstrap(seconds, [self._topic.name])
                self._client = client
                self._clients += 1
            finally:
                if self._client is None:
                    client.close()
        return self._client

    @contextmanager
    def _waiting(self, kind: str) -> Iterator[float]:
        """Around a wait for an answer of a kind: for how many seconds.

        What was lost is sent again, which is harmless; so an answer counts as lost soon. But a broker that lives may be
        slow: each time in a row that none came it is waited for half as long again, and one that took long gives the
        next one of its kind twice that time, up to `Timeout.REQUEST`.
        """
        began, seconds = time.monotonic(), self._waits.get(kind, Timeout.LOST.seconds)
        try:
            yield seconds
        except (KafkaError, OSError):
            self._waits[kind] = min(1.5 * seconds, Timeout.REQUEST.seconds)
            raise
        waited = time.monotonic() - began
        self._waits[kind] = min(max(2 * waited, Timeout.LOST.seconds), Timeout.REQUEST.seconds)

    def _revived(self) -> Client:
        """The client, which nobody drives between two requests: brokers close idle connections, and ask for a password.

        So what became of the connections is first looked at, and then a broker is chosen.
        """
        client = self._connected()
        if time.monotonic() > self._last_request_at + _IDLE_SECONDS:
            client.poll(timeout_ms=0)
        return client

    def _request(self, request: Any, node: int) -> SentRequest:
        """Send a request to a broker. Its answer is taken by `_response`."""
        client = self._connected()
        self._last_request_at = time.monotonic()
        with self._waiting(_CONNECTION) as seconds:
            client.await_ready(node, timeout_ms=int(1000 * seconds))
        return SentRequest(client.send(node, request), type(request).__name__)

    def _leader(self) -> Leader:
        client = self._revived()
        return self._known_leader(client) or self._elected_leader(client)

    def _known_leader(self, client: Client) -> Leader | None:
        node = client.cluster.leader_for_partition(self._topic_partition)
        if node is None or node < 0:
            return None
        return Leader(int(node), int(client.cluster.leader_epoch_for_partition(self._topic_partition)))

    def _elected_leader(self, client: Client) -> Leader:
        tries = Retry(Timeout.LOST)
        while not tries.is_over:
            self._response(SentRequest(client.cluster.request_update(), _METADATA))
            leader = self._known_leader(client)
            if leader is not None:
                return leader
        raise KafkaError(f"no broker leads partition {self._partition} of the topic {self._topic.name}")

    def _response(self, sent: SentRequest) -> Any:
        with self._waiting(sent.kind) as seconds:
            self._connected().poll(timeout_ms=int(1000 * seconds), future=sent.future)
            if not sent.future.is_done:
                raise kafka_errors.KafkaTimeoutError(f"a broker gave no answer within {seconds:g} s")
        if sent.future.exception is not None:
            raise sent.future.exception
        return sent.future.value


class _PendingRecords:
    """A record on its way through Kafka, or why it could not be sent."""

    def __init__(self, partition_client: KafkaPartitionClient, sent: SentRequest | Exception) -> None:
        self._partition_client = partition_client
        self._sent = sent

    def result(self) -> int | None:
        """See `Pending`."""
        if isinstance(self._sent, Exception):
            self._partition_client.give_up_producer(self._sent)
            return None
        return self._partition_client.offset_of(self._sent)
