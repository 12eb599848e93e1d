"""Publishers of any log to a stream, one for each partition."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import cast

from consumers.cloudevents import DecisionSerializer
from consumers.publisher import BATCH, PartitionPublisher
from consumers.publisher_ports import FoldStore
from infra.bootstrap import Application
from infra.delivery.fold_store import SQLiteFoldStore
from infra.delivery.kafka.encoding import FingerprintEncoding
from infra.delivery.kafka.stream import KafkaStream
from infra.kafka.settings import KafkaSettings
from infra.settings import load
from projections.engine.ports import DossierLog, LogReader
from schemas.avro.codec import decode_event
from tests.support.fold_stores import MemoryFoldStore
from tests.support.units import UNITS
from tests.support.waiting import GUARD


def stream_of(settings: KafkaSettings, log: LogReader) -> KafkaStream:
    """The stream of a log, its topics made."""
    stream = KafkaStream(settings, log.partitions, FingerprintEncoding())
    stream.prepare()
    return stream


def publisher(
    log: LogReader,
    stream: KafkaStream,
    partition: int,
    store: FoldStore,
    *,
    batch: int = BATCH,
    hidden_after: float = GUARD,
) -> PartitionPublisher:
    """Of one partition; `hidden_after` seconds it looks four times whether what it published can be read."""
    serializer = DecisionSerializer(log.log_id, UNITS)
    opened = partial(stream.open, partition, serializer)
    return PartitionPublisher(
        partition,
        log,
        decode_event,
        opened,
        serializer,
        store,
        batch=batch,
        look_every=hidden_after / 4,
        hidden_after=hidden_after,
    )


def publishers(
    log: LogReader, stream: KafkaStream, store: Callable[[int], FoldStore] = lambda _partition: MemoryFoldStore()
) -> list[PartitionPublisher]:
    """One for each partition; `store` gives each the store of its fold."""
    return [publisher(log, stream, partition, store(partition)) for partition in log.partitions]


class PublishingApplication(Application):
    """An installation in a folder, whose publishers read any log."""

    def __init__(self, folder: Path, log: LogReader, *, batch: int = BATCH, hidden_after: float = GUARD) -> None:
        super().__init__(load({"DOSSIER_LOG": f"sqlite:///{folder}/log.sqlite"}))
        self._log = cast(DossierLog, log)
        self._batch = batch
        self._hidden_after = hidden_after

    @cached_property
    def log(self) -> DossierLog:
        """That log."""
        return self._log

    def publisher(self, stream: KafkaStream, partition: int) -> PartitionPublisher:
        """One of a partition, whose fold is kept in the folder."""
        path = self.settings.state_dir / f"publisher-{stream.topic}-{partition}.sqlite"
        store = SQLiteFoldStore(path, self.log.log_id, partition)
        return publisher(self.log, stream, partition, store, batch=self._batch, hidden_after=self._hidden_after)
