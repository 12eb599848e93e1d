"""Publishers of any log to a stream, one for each partition."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from consumers.cloudevents import DecisionSerializer
from consumers.publisher import BATCH, PartitionPublisher
from consumers.publisher_ports import FoldStore
from infra.delivery.kafka.encoding import FingerprintEncoding
from infra.delivery.kafka.stream import KafkaStream
from infra.kafka.settings import KafkaSettings
from projections.engine.ports import LogReader
from schemas.avro.codec import decode_event
from tests.support.fold_stores import MemoryFoldStore
from tests.support.units import UNITS


def stream_of(settings: KafkaSettings, log: LogReader) -> KafkaStream:
    """The stream of a log, its topics made."""
    stream = KafkaStream(settings, log.partitions, FingerprintEncoding())
    stream.prepare()
    return stream


def publisher(
    log: LogReader, stream: KafkaStream, partition: int, store: FoldStore, *, batch: int = BATCH
) -> PartitionPublisher:
    """Of one partition."""
    serializer = DecisionSerializer(log.log_id, UNITS)
    opened = partial(stream.open, partition, serializer)
    return PartitionPublisher(partition, log, decode_event, opened, serializer, store, batch=batch)


def publishers(
    log: LogReader, stream: KafkaStream, store: Callable[[int], FoldStore] = lambda _partition: MemoryFoldStore()
) -> list[PartitionPublisher]:
    """One for each partition; `store` gives each the store of its fold."""
    return [publisher(log, stream, partition, store(partition)) for partition in log.partitions]
