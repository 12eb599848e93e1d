"""The one place where everything is put together: settings in, an installation out. Nothing is opened before use.

The scheme of the log's URL chooses: an embedded log handles commands in this process; a log on Kafka has a queue, whose
workers (`infra.queue.working`) are processes of their own.
"""

# ruff: noqa: PLC0415  # the clients of Kafka take their time to load, and an embedded log needs none

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, cast
from uuid import UUID

from eventsourcing.persistence import InfrastructureFactory, Notification, PersistenceError, StoredEvent
from eventsourcing.utils import Environment

from consumers.desk import Desk, LocalDesk
from consumers.handler import CommandHandler
from consumers.ports import Log
from domain.catalogue import Level
from domain.events import DossierEvent
from domain.events.council import represented
from domain.reference import CouncilInForce, RecognitionInForce, Reference
from infra.errors import LogMissing, LogUnusable
from infra.log.sqlite.recorder import SQLiteLog, SQLiteLogRecorder
from infra.settings import Settings
from infra.views.sqlite import SQLiteViews
from projections import council, eligibility
from projections.batch import event_name
from projections.council import COUNCIL
from projections.eligibility import ELIGIBILITY
from projections.engine import Engine
from projections.generations import Snapshot
from projections.registry import PROJECTIONS
from schemas.codec import AvroMapper, decode

if TYPE_CHECKING:
    from infra.log.kafka.settings import KafkaSettings
    from infra.queue.desk import QueueDesk
    from infra.queue.reading import SharedLog
    from infra.queue.topics import QueueTopics

_READ_BATCH: Final = 1000
_REFERRED_TO: Final = frozenset(ELIGIBILITY.handlers) | frozenset(COUNCIL.handlers)


def utc_now() -> datetime:
    """The clock of an installation."""
    return datetime.now(UTC)


class ReadLog(Protocol):
    """A log as everybody may read it: partition by partition, or dossier by dossier."""

    @property
    def log_id(self) -> str:
        """What tells this log from every other, for ever."""

    @property
    def partitions(self) -> range:
        """The partitions, from 0."""

    def partition_of(self, dossier_id: UUID) -> int:
        """The partition of a dossier."""

    def head(self, partition: int) -> int:
        """The last position of a partition, 0 when it is empty: no less than it was when this was called."""

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """Events after a position, in order."""

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""


class Installation:
    """A log, its read models, and a desk that takes commands. Close it, or use it as a context."""

    def __init__(
        self,
        settings: Settings,
        *,
        create: bool = False,
        following: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`create`: whether a log that does not exist yet is made; else using it raises LogMissing.

        `following`: whether this process lives on and keeps what it has read of a log on Kafka at its end.
        """
        self.settings = settings
        self.clock = clock
        self._create = create
        self._following = following

    @cached_property
    def log(self) -> ReadLog:
        """The log, for reading."""
        return self.embedded if isinstance(self.settings.log, Path) else self.shared

    @cached_property
    def embedded(self) -> SQLiteLog:
        """The embedded log. Raises LogMissing."""
        path = cast(Path, self.settings.log)
        if not path.exists():
            if not self._create:
                raise LogMissing(log=str(path))
            _make_folder(path)
        environment = Environment(
            "dossier",
            {
                "PERSISTENCE_MODULE": "infra.log.sqlite",
                "SQLITE_DBNAME": str(path),
                "SQLITE_LOCK_TIMEOUT": "60",
            },
        )
        self._factory: InfrastructureFactory = InfrastructureFactory.construct(environment)
        try:
            return SQLiteLog(cast(SQLiteLogRecorder, self._factory.application_recorder()))
        except (sqlite3.Error, PersistenceError) as error:
            self._factory.close()
            raise LogUnusable(log=str(path), reason=str(error)) from error

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
    def shared(self) -> SharedLog:
        """The log on Kafka as readers of this machine share it."""
        from infra.queue.reading import SharedLog

        return SharedLog(self.kafka, self.topics.events, following=self._following)

    @cached_property
    def mapper(self) -> AvroMapper:
        """Between domain events and stored events."""
        return AvroMapper()

    @cached_property
    def views(self) -> SQLiteViews:
        """The store of the read models."""
        _make_folder(self.settings.views)
        return SQLiteViews(self.settings.views)

    @cached_property
    def engine(self) -> Engine:
        """The engine over all read models."""
        return Engine(self.views, self.log, decode, PROJECTIONS)

    @cached_property
    def handler(self) -> CommandHandler:
        """The handler of an embedded log's commands."""
        return self.handler_of(self.embedded)

    def handler_of(
        self, log: Log, refresh: Callable[[Reference, int], None] = lambda _reference, _partition: None
    ) -> CommandHandler:
        """A handler of the commands of a log, for one thread. `refresh`: see CommandHandler."""
        return CommandHandler(
            log,
            self.mapper,
            self.settings.units,
            clock=self.clock,
            load_reference=self.reference,
            refresh_reference=refresh,
            readings=self.settings.readings,
        )

    @cached_property
    def desk(self) -> Desk:
        """Where commands are handed in."""
        return LocalDesk(self.handler) if isinstance(self.settings.log, Path) else self._queue_desk

    @cached_property
    def _queue_desk(self) -> QueueDesk:
        from infra.queue.desk import QueueDesk

        topics = self.topics
        within = self.settings.answer_within
        return QueueDesk(self.kafka, topics.commands, topics.replies, self.settings.units, seconds=within)

    @contextmanager
    def current(self) -> Iterator[Snapshot]:
        """The read models, showing no less than the log held when this began."""
        self.engine.catch_up()
        with self.engine.reading() as snapshot:
            yield snapshot

    def reference(self) -> Reference:
        """What decisions may know of other dossiers, from the read models."""
        engine = Engine(self.views, self.log, decode, (ELIGIBILITY, COUNCIL))
        positions = engine.catch_up()
        reference = Reference(positions=dict(positions))
        with engine.reading() as snapshot:
            for row in council.compositions(snapshot):
                reference.add_council(
                    CouncilInForce(
                        row["version"],
                        _day(row["decided_on"]),
                        row["decision_number"],
                        represented(row["members"], row["standing_vice_chair"]),
                    )
                )
            for row in eligibility.recognitions(snapshot):
                reference.add_recognition(
                    UUID(row["dossier_id"]),
                    RecognitionInForce(
                        row["unit_id"], Level(row["level"]), row["decision_number"], _day(row["decided_on"])
                    ),
                )
        return reference

    def refresh(self, reference: Reference, partition: int) -> None:
        """Take in what was appended to other partitions than one."""
        for other in self.log.partitions:
            head = self.log.head(other) if other != partition else 0
            at = reference.positions.get(other, 0)
            while at < head:
                for stored in self.log.read(other, at, _READ_BATCH):
                    at = stored.id
                    if event_name(stored.topic) in _REFERRED_TO:
                        event = self.mapper.to_domain_event(stored)
                        reference.evolve(
                            type(event).__name__, event.originator_id, event.originator_version, vars(event)
                        )
                reference.positions[other] = at

    def events_of(self, dossier_id: UUID) -> list[DossierEvent]:
        """All events of a dossier, from the log itself."""
        return [cast(DossierEvent, self.mapper.to_domain_event(stored)) for stored in self.log.events_of(dossier_id)]

    def close(self) -> None:
        """Close what was opened."""
        if "views" in self.__dict__:
            self.views.close()
        if "_queue_desk" in self.__dict__:
            self._queue_desk.close()
        if "shared" in self.__dict__:
            self.shared.close()
        if "embedded" in self.__dict__:
            self._factory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
