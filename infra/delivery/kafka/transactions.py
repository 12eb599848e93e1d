"""Open transactions in the public stream: who holds one open since when, and how it is aborted.

Readers of committed records see nothing behind an open transaction. Ours are short, and the next publisher of the
partition aborts what one that died left behind. A stranger's ends with its producer, or with its time-out, a quarter of
an hour at most, unless the coordinator has forgotten it: then it hangs for ever, and only an operator ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from kafka import TopicPartition
from kafka.admin import AbortTransactionSpec, KafkaAdminClient
from kafka.errors import KafkaError, TransactionalIdNotFoundError

from infra.delivery.kafka.errors import StreamUnusable
from infra.delivery.kafka.producer import transactional_producer
from infra.delivery.kafka.topics import decisions_topic
from infra.kafka.admin import ask
from infra.kafka.internals import force_close
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import exists
from infra.retry import Retry
from infra.timeouts import Timeout

_GOING_ON: Final = ("Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence")


class OpenTransaction(NamedTuple):
    """A transaction that is open in a partition of the stream.

    first             the offset from which on nothing can be read by those who read what is committed
    producer, epoch   whose it is
    since             when it began, or when its producer last wrote there, where no coordinator knows of it
    transactional_id  under which name, None where no coordinator knows of it: it hangs, and never ends by itself
    topics            all partitions that it writes to, as `topic/partition`, as far as they are known
    """

    partition: int
    first: int
    producer: int
    epoch: int
    since: datetime
    transactional_id: str | None
    topics: tuple[str, ...]


def open_transactions(settings: KafkaSettings) -> list[OpenTransaction]:
    """Those of all partitions, in order; none where there is no stream yet. Raises StreamUnusable, LogUnusable."""
    topic = decisions_topic(settings.app)
    if not exists(settings, topic):
        return []
    try:
        return ask(settings, lambda admin: _found(admin, topic))
    except KafkaError as error:
        raise StreamUnusable(topic=topic, reason=str(error) or type(error).__name__) from error


def abort(settings: KafkaSettings, transaction: OpenTransaction) -> None:
    """Abort a transaction: all of it, where a coordinator knows it; else what it left in this partition.

    Its producer can commit nothing of it any more. Returns once it is no longer open. Raises StreamUnusable,
    LogUnusable.
    """
    topic = decisions_topic(settings.app)
    try:
        if transaction.transactional_id is not None:
            _shut_out(settings, transaction.transactional_id)
        else:
            place = TopicPartition(topic, transaction.partition)
            marker = AbortTransactionSpec(place, transaction.producer, transaction.epoch)
            ask(settings, lambda admin: admin.abort_transaction(marker))
    except KafkaError as error:
        raise StreamUnusable(topic=topic, reason=str(error) or type(error).__name__) from error
    for _ in Retry(Timeout.STREAM_OUTCOME):
        if not any(each[:3] == transaction[:3] for each in open_transactions(settings)):
            return
    raise StreamUnusable(topic=topic, reason=f"the transaction at offset {transaction.first} is still open")


def _shut_out(settings: KafkaSettings, transactional_id: str) -> None:
    """Take over its name: the coordinator then aborts what is open under it, in every partition."""
    producer = transactional_producer(settings, transactional_id)
    try:
        producer.init_transactions()
    finally:
        force_close(producer)


def _found(admin: KafkaAdminClient, topic: str) -> list[OpenTransaction]:
    (described,) = admin.describe_topics([topic])
    places = [TopicPartition(topic, each["partition_index"]) for each in described["partitions"]]
    states = admin.describe_producers(places)
    open_ones = [
        (place.partition, state)
        for place in sorted(places)
        for state in states[place].active_producers
        if state.current_transaction_start_offset >= 0
    ]
    known = _known(admin, [state.producer_id for _, state in open_ones])
    return [
        _as_transaction(partition, state, known.get((state.producer_id, TopicPartition(topic, partition))))
        for partition, state in open_ones
    ]


def _known(admin: KafkaAdminClient, producers: Sequence[int]) -> dict[tuple[int, TopicPartition], tuple[str, Any]]:
    """Producer and partition → the name of its transaction there and what its coordinator says of it."""
    if not producers:
        return {}
    listed = admin.list_transactions(producer_id_filters=sorted(set(producers)), state_filters=_GOING_ON)
    found: dict[tuple[int, TopicPartition], tuple[str, Any]] = {}
    for name in {each.transactional_id for each_broker in listed.values() for each in each_broker}:
        try:
            description = admin.describe_transactions([name])[name]
        except TransactionalIdNotFoundError:
            # It was forgotten since it was listed.
            continue
        found |= {(description.producer_id, each): (name, description) for each in description.topic_partitions}
    return found


def _as_transaction(partition: int, state: Any, known: tuple[str, Any] | None) -> OpenTransaction:
    since, name = state.last_timestamp, None
    topics: tuple[str, ...] = ()
    if known is not None:
        name, description = known
        since = description.transaction_start_time_ms
        topics = tuple(f"{each.topic}/{each.partition}" for each in sorted(description.topic_partitions))
    return OpenTransaction(
        partition,
        state.current_transaction_start_offset,
        state.producer_id,
        state.producer_epoch,
        datetime.fromtimestamp(since / 1000, UTC),
        name,
        topics,
    )
