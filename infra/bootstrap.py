"""The one place where everything is put together: settings in, an installation out. Nothing is opened before use.

The scheme of the log's URL chooses: an embedded log handles commands in this process; a log on Kafka has a queue, whose
workers (`infra.queue.worker_process`) are processes of their own.
"""

# ruff: noqa: PLC0415  # Kafka and webhooks take as long to import as all else, and most commands need neither

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast
from uuid import UUID

from consumers.commands.cross_dossier import LoggedFacts
from consumers.commands.gateway import CommandGateway, InProcessGateway
from consumers.commands.handler import CommandHandler
from consumers.commands.ports import CommandLog
from consumers.commands.recording_clock import LogClock, RecordingClock
from domain.dossier.aggregate import DossierEvent
from infra.clock import ClockConfirmation, is_synchronised, utc_now
from infra.diagnosis.marks import check_rows
from infra.errors import LogMissing, LogUnusable
from infra.log.founding import former_ids
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_knowledge import check_open
from infra.log.partition_source import PartitionSource
from infra.log.sqlite.log import SQLiteLog
from infra.log.sqlite.reading import ReadOnlySource, SQLiteReader
from infra.log.sqlite.remains import check_nothing_is_left
from infra.log.sqlite.source import SQLiteSource
from infra.retry import Retry
from infra.settings import Settings
from infra.sqlite_file import has_content
from infra.timeouts import Timeout
from infra.views.sqlite import SQLiteViews, copied_for_itself, is_read_only
from projections.engine.engine import Engine
from projections.engine.ports import DossierLog
from projections.engine.rebuild import ProgressCallback, Rebuild
from projections.engine.snapshot import Freshness, Snapshot, freshness
from projections.engine.versions import check_versions
from projections.public_decisions.read_model import DECISIONS
from projections.read_models import PROJECTIONS
from schemas.avro.codec import AvroMapper, decode_event

if TYPE_CHECKING:
    from consumers.cloudevents import DecisionSerializer
    from consumers.feed import DecisionFeed
    from consumers.publisher import PartitionPublisher
    from consumers.webhook_dispatcher import WebhookDispatcher
    from infra.delivery.kafka.stream import KafkaStream
    from infra.delivery.settings import StreamSettings, WebhookSettings
    from infra.delivery.webhooks.store import WebhookStore
    from infra.kafka.settings import KafkaSettings
    from infra.kafka.topic_watch import TopicWatch
    from infra.log.kafka.log_reader import SharedLog
    from infra.queue.gateway import QueuedGateway
    from infra.queue.topics import QueueTopics
    from infra.views.postgres import PostgresViews


WAIT = Timeout.SHOWN.seconds
"""Seconds that a question waits for a position that it was told to show."""

WORTH_PROCESSES = 30_000
"""Events in the log from which on the start of processes, half a second, is won back."""

_PAUSE = 0.05


class Application:
    """A log, its read models, and a gateway that takes commands. Close it, or use it as a context."""

    def __init__(
        self,
        settings: Settings,
        *,
        create: bool = False,
        long_running: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`create`: whether a log that does not exist yet is made; else using it raises LogMissing.

        `long_running`: whether this process lives on and keeps what it has read of a log on Kafka at its end.
        """
        self.settings = settings
        self.clock = clock
        self._create = create
        self._long_running = long_running
        self._resources = ExitStack()

    @property
    def log(self) -> DossierLog:
        """The log, for reading: an embedded one is not written, unless this process writes to it anyway."""
        if not isinstance(self.settings.log, Path):
            return self.kafka_reader
        return self.sqlite_log if self._create or "sqlite_log" in self.__dict__ else self.sqlite_reader

    @cached_property
    def sqlite_log(self) -> SQLiteLog:
        """The embedded log, for writing. Raises LogMissing, LogLost, EarlierLog, LogUnusable."""
        path = cast(Path, self.settings.log)
        if not has_content(path):
            check_nothing_is_left(path, self.settings.views, self._keys)
            if not path.exists() and not self._create:
                raise LogMissing(log=str(path))
            _make_folder(path)
        return SQLiteLog(self.sqlite_source(path))

    @cached_property
    def sqlite_reader(self) -> SQLiteReader:
        """The embedded log for whoever only reads it. Raises LogMissing, LogLost, EarlierLog, LogUnusable."""
        return SQLiteReader(self.read_only_source)

    @cached_property
    def read_only_source(self) -> ReadOnlySource:
        """The file of an embedded log that is only read. Raises LogMissing, LogLost, WalOrphaned."""
        path = cast(Path, self.settings.log)
        if not has_content(path):
            check_nothing_is_left(path, self.settings.views, self._keys)
            if not path.exists():
                raise LogMissing(log=str(path))
        return ReadOnlySource(path, lock_seconds=self.settings.lock_timeout, keys=self._keys)

    def sqlite_source(self, path: Path) -> SQLiteSource:
        """The file of an embedded log, with the keys that the settings name."""
        return SQLiteSource(path, lock_seconds=self.settings.lock_timeout, keys=self._keys)

    @property
    def _keys(self) -> LogKeys | None:
        keys = self.settings.keys
        return LogKeys(KeyFolder(keys), makes_own=False) if keys is not None else None

    @property
    def kafka(self) -> KafkaSettings:
        """How the log on Kafka is reached. Raises NotOnKafka."""
        if isinstance(self.settings.log, Path):
            from infra.queue.errors import NotOnKafka

            raise NotOnKafka(log=str(self.settings.log))
        return self.settings.log

    @cached_property
    def topics(self) -> QueueTopics:
        """The topics of a log on Kafka. Raises NotOnKafka, LogMissing, LogUnusable."""
        from infra.logging import log_warnings
        from infra.queue.topics import queue_topics

        log_warnings()
        return queue_topics(self.kafka, create=self._create)

    @cached_property
    def kafka_reader(self) -> SharedLog:
        """The log on Kafka as readers of this machine share it."""
        from infra.log.kafka.log_reader import SharedLog

        watch = self.topic_watch
        return SharedLog(self.kafka, self.topics.events, long_running=self._long_running, check_topics=watch.check)

    def sources(self) -> Sequence[PartitionSource]:
        """Each partition of the log, for an operator's tools: nothing is read. Raises LogMissing, LogUnusable."""
        path = self.settings.log
        if isinstance(path, Path):
            if not path.exists():
                raise LogMissing(log=str(path))
            return [self.sqlite_source(path)]
        from infra.log.kafka.index_paths import reader_settings
        from infra.log.kafka.source import KafkaSource

        settings = reader_settings(path)
        return [KafkaSource(settings, number, self.topics.events) for number in range(settings.partitions)]

    @cached_property
    def mapper(self) -> AvroMapper:
        """Between domain events and stored events."""
        return AvroMapper()

    @cached_property
    def views(self) -> SQLiteViews | PostgresViews:
        """The store of the read models."""
        where = self.settings.views
        if isinstance(where, str):
            # The driver of the database takes a tenth of a second to import.
            from infra.views.postgres import PostgresViews

            return PostgresViews(where)
        return SQLiteViews(self._views_file, lock_seconds=self.settings.lock_timeout)

    @cached_property
    def _views_file(self) -> Path:
        """Where the read models are kept: for this process alone where their own place cannot be written."""
        where = cast(Path, self.settings.views)
        if not is_read_only(where):
            _make_folder(where)
            return where
        from tempfile import TemporaryDirectory

        folder = self._resources.enter_context(TemporaryDirectory(prefix="dossier-views-"))
        return copied_for_itself(where, Path(folder) / where.name)

    @cached_property
    def engine(self) -> Engine:
        """The engine over all read models."""
        return Engine(self.views, self.log, decode_event, PROJECTIONS)

    @cached_property
    def decisions(self) -> DecisionFeed:
        """The public decisions, as subscribers read them."""
        from consumers.feed import DecisionFeed

        check_rows(self.settings.state_dir)
        engine = Engine(self.views, self.log, decode_event, (DECISIONS,))
        return DecisionFeed(engine, self.log.partitions, self._serializer)

    @property
    def _serializer(self) -> DecisionSerializer:
        from consumers.cloudevents import DecisionSerializer

        log = cast("SharedLog | SQLiteLog | SQLiteReader", self.log)
        former = former_ids(log.state(0).state, lambda: self.sources()[0].founder().read(0))
        return DecisionSerializer(log.log_id, self.settings.units, former=former)

    def stream(self, settings: StreamSettings) -> KafkaStream:
        """The public stream on Kafka, its topics made. Raises StreamUnusable, RegistryUnusable."""
        from infra.delivery.kafka.stream import KafkaStream, encoding_of

        log = self.settings.log
        partitions = range(1 if isinstance(log, Path) else log.partitions)
        stream = KafkaStream(settings.kafka, partitions, encoding_of(settings.kafka, settings.registry))
        stream.prepare()
        return stream

    def publisher(self, stream: KafkaStream, partition: int) -> PartitionPublisher:
        """The publisher of a partition's decisions. Raises LogMissing, LogUnusable, StateUnusable."""
        from consumers.publisher import PartitionPublisher
        from infra.delivery.fold_store import SQLiteFoldStore

        serializer = self._serializer
        path = self.settings.state_dir / f"publisher-{stream.topic}-{partition}.sqlite"
        return PartitionPublisher(
            partition,
            self.log,
            decode_event,
            lambda: stream.open(partition, serializer),
            serializer,
            SQLiteFoldStore(path, serializer.log_id, partition),
            hidden_after=Timeout.STREAM_UNDECIDED.seconds,
        )

    def webhook_dispatcher(self, webhooks: WebhookSettings, store: WebhookStore) -> WebhookDispatcher:
        """Who takes the decisions to the receivers of webhooks."""
        from consumers.webhook_dispatcher import WebhookDispatcher
        from infra.delivery.webhooks.http_client import WebhookClient

        client = WebhookClient(webhooks.allow, ports=webhooks.ports, ca_file=webhooks.ca_file)
        return WebhookDispatcher(
            self.decisions,
            store,
            client.send,
            retries=webhooks.retries,
            now=time.time,
            jitter=SystemRandom().random,
        )

    @cached_property
    def handler(self) -> CommandHandler:
        """The handler of an embedded log's commands."""
        return self.handler_of(self.sqlite_log)

    def handler_of(self, log: CommandLog, clock: RecordingClock | None = None) -> CommandHandler:
        """A handler of the commands of a log, for one thread. Other dossiers it reads in any partition.

        `clock`: by which facts are recorded; else this computer's, compared with the log's last recorded moment.
        """
        return CommandHandler(
            log,
            LoggedFacts(self.log, self.mapper),
            self.mapper,
            self.settings.units,
            clock=clock or LogClock(self.clock, self.clock_confirmation.holds, is_synchronised),
            readings=self.settings.readings,
        )

    @cached_property
    def clock_confirmation(self) -> ClockConfirmation:
        """An operator's word that the clock of this computer is right."""
        return ClockConfirmation(self.settings.state_dir, self.clock)

    @cached_property
    def gateway(self) -> CommandGateway:
        """Where commands are handed in."""
        return InProcessGateway(self.handler) if isinstance(self.settings.log, Path) else self._queued_gateway

    @cached_property
    def _queued_gateway(self) -> QueuedGateway:
        from infra.queue.gateway import QueuedGateway

        topics = self.topics
        within = self.settings.answer_within
        units = self.settings.units
        return QueuedGateway(
            self.kafka,
            topics.commands,
            topics.replies,
            units,
            self.active_writers,
            last_handled=self.kafka_reader.last_handled,
            seconds=within,
            check_topics=self.topic_watch.check,
            check_open=self._check_open,
        )

    def _check_open(self, partition: int) -> None:
        """Raises LogClosed where the log on Kafka goes on elsewhere."""
        log = self.kafka_reader
        log.refresh(partition)
        check_open(self.kafka.url, log.state(partition).state, lambda: log.log_id)

    @cached_property
    def topic_watch(self) -> TopicWatch:
        """Looks again and again at the settings of the topics, once for the whole process."""
        from infra.kafka.topic_watch import TopicWatch
        from infra.queue.topics import check_queue_topics

        return TopicWatch(lambda: check_queue_topics(self.kafka, self.topics))

    def active_writers(self, partition: int, read_on: bool) -> Mapping[bytes, bytes]:
        """See `infra.queue.gateway.ActiveWriters`."""
        if read_on:
            self.kafka_reader.refresh(partition)
        keys = self.kafka_reader.state(partition).state.keys
        return keys.writers if keys is not None else {}

    @contextmanager
    def read_models(self, wait: Mapping[int, int] | None = None) -> Iterator[Snapshot]:
        """The read models, showing no less than the log held when this began.

        `wait`: partition → a position that must be shown as well, such as an answer's own. Raises NotYetReflected where
        the log does not reach it within WAIT seconds, RowsDiffer where the doctor named what would be read.
        """
        check_rows(self.settings.state_dir)
        tries = Retry(WAIT, pause=_PAUSE)
        while True:
            reached = self.engine.catch_up()
            late = {at: position for at, position in (wait or {}).items() if reached.get(at, 0) < position}
            if not late or tries.is_over:
                break
            tries.pause()
        self.engine.wait(late, 0)
        with self.engine.serving() as snapshot:
            yield snapshot

    def freshness(self, snapshot: Snapshot, name: str, about: Callable[[str], bool] | None = None) -> Freshness:
        """How fresh an answer of a read model is; `about` says which parked dossiers (by id) the answer is about."""
        return freshness(snapshot, self.log, decode_event, self.clock(), name, about=about)

    def rebuild(
        self,
        names: Sequence[str],
        *,
        check: bool = False,
        jobs: int | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> Rebuild:
        """A rebuild of read models, not yet run; by default in as many processes as the log's length is worth."""
        if jobs is None:
            length = sum(self.log.head(partition) for partition in self.log.partitions)
            # One process per projection, partition and core is all that can be used.
            most = min(len(names) * len(self.log.partitions), os.cpu_count() or 1)
            jobs = most if length >= WORTH_PROCESSES else 1
        # It takes the settings and this class to a process of its own.
        from infra.parallel_rebuild import in_process, process_pool

        executor = in_process(self.engine) if jobs == 1 else process_pool(self._for_other_processes, jobs)
        return Rebuild(self.engine, names, check=check, executor=executor, jobs=jobs, on_progress=on_progress)

    @property
    def _for_other_processes(self) -> Settings:
        where = self.settings.views
        return self.settings if isinstance(where, str) else replace(self.settings, views=self._views_file)

    def events_of(self, dossier_id: UUID) -> list[DossierEvent]:
        """All events of a dossier, from the log itself.

        Raises FactMissing where one is not there, and what the doctor named where log and read models contradict each
        other.
        """
        check_rows(self.settings.state_dir, log_alone=True)
        stored = self.log.events_of(dossier_id)
        check_versions(str(dossier_id), (each.originator_version for each in stored))
        return [cast(DossierEvent, self.mapper.to_domain_event(each)) for each in stored]

    def doubtful(self, dossier_id: UUID, recorded: Sequence[datetime]) -> list[int]:
        """The places in a dossier's recorded moments, from its first on, that cannot be right.

        On Kafka each is compared with the stamp of the broker. An embedded log is stamped by the clock that records.
        """
        from infra.diagnosis.moments import doubtful

        stamped: Sequence[datetime | None] = ()
        if not isinstance(self.settings.log, Path):
            stamped = self.kafka_reader.appended_at(dossier_id)[: len(recorded)]
        return doubtful(recorded, self.clock(), [*stamped, *[None] * (len(recorded) - len(stamped))])

    def close(self) -> None:
        """Close what was opened."""
        if "views" in self.__dict__:
            self.views.close()
        if "_queued_gateway" in self.__dict__:
            self._queued_gateway.close()
        if "kafka_reader" in self.__dict__:
            self.kafka_reader.close()
        if "sqlite_log" in self.__dict__:
            self.sqlite_log.close()
        if "sqlite_reader" in self.__dict__:
            self.sqlite_reader.close()
        elif "read_only_source" in self.__dict__:
            self.read_only_source.close()
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
