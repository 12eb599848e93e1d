"""Cases about a log on Kafka, its queue, its topics and indexes, and the public stream."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient

from infra.bootstrap import Application
from infra.clock import utc_now
from infra.delivery.kafka.topics import decisions_topic, ensure
from infra.dev.kafka import KafkaCluster
from infra.dev.kafka_jars import class_path, java
from infra.dev.processes import Processes, processes
from infra.kafka.settings import KafkaSettings
from infra.log.format import Place as LogPlace
from infra.log.keys import KeyFolder
from infra.queue.worker_process import PartitionThread
from infra.settings import load
from infra.timeouts import Timeout
from projections.engine.projection import Event
from projections.public_decisions.tables import PublicDecision
from tests.fault.hostile_writer import put_on_head
from tests.fault.segments import Segments
from tests.infra.runbook.backup_cases import BACKUP_CASES
from tests.infra.runbook.case import DOCTOR, LOG, OPEN, RECORD, UNITS, Case, Place, three_dossiers
from tests.infra.runbook.publication_cases import PUBLICATION_CASES
from tests.support import hanging
from tests.support.topic_settings import set_topic
from tests.support.waiting import GUARD, wait_until
from tests.support.workload import lines

_UNITS_KEPT: Final = 2
_TOOL: Final = "kafka.admin.ConfigCommand"
_PUBLISH: Final = ("publisher", "--once", "--log-level=warning")


class KafkaPlace(Place):
    """A terminal on a log on Kafka of its own, whose index is in the folder of the case."""

    def __init__(self, folder: Path, cluster: KafkaCluster) -> None:
        super().__init__(folder)
        self.cluster = cluster
        self.app = folder.name
        self.partitions = 1
        self.log = f"kafka://{cluster.bootstrap}?prefix={self.app}&index={folder / 'index'}"
        self.environment |= {
            "DOSSIER_LOG": self.log,
            "DOSSIER_ANSWER_WITHIN": str(GUARD),
            "BROKERS": cluster.bootstrap,
            "INDEX": "index",
            "KEYS": "index/keys",
            "VIEWS": f"index/{self.app}-views.sqlite",
        }

    def widen(self) -> None:
        """The log has two partitions: of the three dossiers the first is in partition 1, the others in partition 0."""
        self.partitions = 2
        self.log += f"&partitions={self.partitions}"
        self.environment |= {"DOSSIER_LOG": self.log, "PARTITION": "1"}

    @contextmanager
    def working(self) -> Iterator[None]:
        """A worker of each partition handles commands within the block."""
        with Application(load({}, log=self.log), create=True) as application:
            workers = [PartitionThread(application, number) for number in range(self.partitions)]
            for worker in workers:
                worker.start()
            try:
                yield
            finally:
                for worker in workers:
                    worker.stopped.set()
                for worker in workers:
                    worker.join()

    def dossiers(self) -> None:
        """The log that a case begins with; no worker runs any more."""
        with self.working():
            three_dossiers(self)

    def dossiers_at_work(self, projectors: int = 0) -> Processes:
        """The same, and a worker goes on."""
        running = self.stack.enter_context(processes(self.log, self.folder / "processes", projectors=projectors))
        three_dossiers(self)
        return running

    def administer(self, change: Callable[[KafkaAdminClient], object]) -> None:
        """Something that an administrator of the cluster can do."""
        with closing(KafkaAdminClient(bootstrap_servers=self.cluster.bootstrap)) as admin:
            change(admin)

    def embedded(self) -> None:
        """The log is an embedded one, whose decisions go to a stream on Kafka."""
        self.log = f"sqlite:///{self.folder / LOG}"
        stream = f"kafka://{self.cluster.bootstrap}?prefix={self.app}"
        self.environment |= {"DOSSIER_LOG": self.log, "DOSSIER_DECISIONS": stream}
        three_dossiers(self)


class KafkaCase(NamedTuple):
    """How it is made, and what shows it; codes that are named `also` share the page."""

    make: Callable[[KafkaPlace], None]
    shown_by: tuple[str, ...] | Callable[[KafkaPlace], str] = DOCTOR
    still_held: tuple[str, ...] = UNITS
    also: tuple[str, ...] = ()


def _nobody_answers(place: KafkaPlace) -> str:
    """What a client is told, and what the doctor says once its command has waited longer than it may."""
    place.dossiers()
    place.environment |= {"DOSSIER_ANSWER_WITHIN": "1", "DOSSIER_LONGEST_WAIT": "1"}
    told = place.run(*OPEN, "04642", code=4).err
    place.environment["DOSSIER_ANSWER_WITHIN"] = str(GUARD)
    said: list[str] = []

    def is_named() -> bool:
        said[:] = [place.run("doctor", code=4).err]
        return "COMMANDS_WAITING" in said[0]

    wait_until(is_named)
    return told + said[0]


def _queue_cut(place: KafkaPlace) -> None:
    """As by a power loss of the one broker that had its last commands."""
    place.dossiers_at_work()
    place.cluster.stop()
    Segments.of(place.cluster.nodes, f"{place.app}.commands", 0).cut(_UNITS_KEPT)
    place.cluster.start()


def _delete(place: KafkaPlace, topic: str) -> None:
    def delete(admin: KafkaAdminClient) -> None:
        admin.delete_topics([topic])
        wait_until(lambda: topic not in admin.list_topics())

    place.administer(delete)


def _queue_made_anew(place: KafkaPlace) -> None:
    place.widen()
    place.dossiers()
    _delete(place, f"{place.app}.commands")
    with Application(load({}, log=place.log), create=True):
        pass
    place.environment |= {"ID": str(uuid4()), "OTHER_ID": str(uuid4())}


def _log_cut(place: KafkaPlace) -> None:
    """As by a power loss of the one broker that had its last records: of a partition only the genesis is left."""
    place.widen()
    place.dossiers()
    place.cluster.stop()
    Segments.of(place.cluster.nodes, f"{place.app}.events", 0).cut(1)
    place.cluster.start()


def _log_altered(place: KafkaPlace) -> None:
    """A record that others were built on, on the broker's disk."""
    place.widen()
    with place.working():
        three_dossiers(place)
        place.run(*OPEN, "04642")
    place.cluster.stop()
    Segments.of(place.cluster.nodes, f"{place.app}.events", 1).alter(1, random.Random(1))  # noqa: S311  # which byte is no secret
    place.cluster.start()


def _put_back_from_an_older_backup(place: KafkaPlace) -> None:
    """The topic was made anew from it and went on, while a later backup holds more."""
    place.widen()
    with place.working():
        three_dossiers(place)
        place.run("backup", str(place.path("backup-old")))
        place.run(*OPEN, "04642")
        place.run("backup", str(place.path("backup")))
    _delete(place, f"{place.app}.events")
    place.run("restore", str(place.path("backup-old")))
    place.move("elsewhere", "index/reader", "index/worker-1", place.environment["VIEWS"])
    for ending in ("-wal", "-shm"):
        place.path(place.environment["VIEWS"] + ending).unlink(missing_ok=True)
    # What the queue still holds is handled again, behind the backup.
    with place.working():
        place.run(*OPEN, "04645")


def _garbage(place: KafkaPlace) -> None:
    """By a writer that is faulty, or whose key is in other hands."""
    place.widen()
    place.dossiers_at_work()
    writer = KeyFolder(place.path("index/keys")).writer()
    put_on_head(place.cluster.bootstrap, LogPlace(place.app, 2, 1), "a garbage body", writer)


def _writer_lost(place: KafkaPlace) -> None:
    """A worker that is started then makes a new key, which the log does not know."""
    place.widen()
    place.dossiers()
    place.run("keys", "backup", str(place.path("keys-backup")))
    place.path("index/keys/writer.pem").unlink()
    place.run("keys", "init")
    place.stack.enter_context(processes(place.log, place.folder / "processes", projectors=0))


def _deleting(place: KafkaPlace) -> None:
    """Somebody lets the topic of events delete what is old."""
    place.dossiers_at_work()
    topic = f"{place.app}.events"
    place.administer(lambda admin: set_topic(admin, topic, {"retention.ms": "604800000"}))
    place.environment["TOPIC"] = topic
    tool = f'exec {java()} -Xshare:auto -cp {":".join(map(str, class_path()))} {_TOOL} "$@"\n'
    place.tools["kafka-configs.sh"] = f"#!/bin/sh\n{tool}"


def _not_founded(place: KafkaPlace) -> None:
    """Somebody sent a command before any worker ran: there are topics, and no first record."""
    place.environment["DOSSIER_ANSWER_WITHIN"] = "1"
    place.run(*OPEN, "04642", code=4)
    place.environment["DOSSIER_ANSWER_WITHIN"] = str(GUARD)


def _wrong_address(place: KafkaPlace) -> None:
    place.dossiers_at_work()
    place.environment |= {"RIGHT": place.log, "DOSSIER_LOG": place.log.replace(place.cluster.bootstrap, "127.0.0.1:1")}


def _index_of(place: KafkaPlace) -> Path:
    (path,) = place.path("index").glob("reader/*.sqlite")
    return path


def _index_edited(place: KafkaPlace) -> None:
    place.dossiers()
    with closing(sqlite3.connect(_index_of(place))) as index, index:
        assert index.execute("DELETE FROM stored_events WHERE rowid = 2").rowcount


def _index_overwritten(place: KafkaPlace) -> None:
    place.dossiers()
    with _index_of(place).open("r+b") as file:
        file.write(b"no database any more")


def _published(place: KafkaPlace) -> None:
    place.embedded()
    place.run("apply", place.file("commands.jsonl", "\n".join(lines(1)) + "\n"))
    place.run(*_PUBLISH)


def _log_put_back(place: KafkaPlace) -> None:
    """From a copy that is older than what was published."""
    place.embedded()
    place.copy("copy", LOG)
    place.run("apply", place.file("commands.jsonl", "\n".join(lines(1)) + "\n"))
    place.run(*_PUBLISH)
    place.move("elsewhere", LOG, f"{LOG}-wal", f"{LOG}-shm")
    place.path("copy").joinpath(LOG).rename(place.path(LOG))


def _stream_of_another(place: KafkaPlace) -> None:
    """The same prefix was named for the decisions of another log."""
    other = KafkaPlace(place.path("other"), place.cluster)
    other.app = place.app
    _published(other)
    place.embedded()
    place.run("apply", place.file("commands.jsonl", "\n".join(lines(2)) + "\n"))
    place.environment["RIGHT"] = f"kafka://{place.cluster.bootstrap}?prefix={place.app}-own"


def _stream_elsewhere(place: KafkaPlace) -> None:
    place.embedded()
    stream = place.environment["DOSSIER_DECISIONS"]
    place.environment |= {"RIGHT": stream, "DOSSIER_DECISIONS": f"{stream}&replication=3"}


def _hanging(place: KafkaPlace) -> None:
    place.embedded()
    settings = KafkaSettings(place.cluster.bootstrap, place.app)
    ensure(settings, 1)
    place.stack.callback(hanging.living(settings, decisions_topic(place.app), 0).producer.flush, 0)


def _after_a_while(place: KafkaPlace) -> str:
    """What the doctor says once the transaction is older than it may be."""
    made = Application.__init__

    def later(self: Application, *given: object, **named: object) -> None:
        passed = timedelta(seconds=2 * Timeout.STREAM_UNDECIDED.seconds)
        made(self, *given, **named, clock=lambda: utc_now() + passed)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Application, "__init__", later)
        return place.run("doctor", code=4).err


def _not_applied(place: KafkaPlace) -> str:
    """What a release says that forgets what came before a decision."""

    def forgetful(_rows: object, event: Event[Any], _log_id: str) -> list[PublicDecision]:
        raise LookupError(f"dossier {event.dossier_id} was not folded")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("projections.public_decisions.partition_fold.decisions_of", forgetful)
        return place.run(*_PUBLISH, code=4).err


def _approved(place: KafkaPlace) -> None:
    place.embedded()
    place.run("apply", place.file("commands.jsonl", "\n".join(lines(1)) + "\n"))


def _views_moved(place: KafkaPlace) -> str:
    """What the doctor says of a projector whose read models are moved; it is ended then, as the page says."""
    running = place.dossiers_at_work(projectors=1)
    (views,) = place.path("index").glob("*-views.sqlite")
    place.environment["VIEWS"] = str(views)
    place.move("elsewhere", str(views.relative_to(place.folder)))
    place.run(*OPEN, "04642")
    said: list[str] = []

    def is_named() -> bool:
        said[:] = [place.ask("doctor").err]
        return "VIEWS_MOVED" in said[0]

    wait_until(is_named)
    running.kill("projector-1")
    return said[0]


def _at_work(case: Case) -> KafkaCase:
    """One about an embedded log that is the same on Kafka: a worker goes on meanwhile."""

    def make(place: KafkaPlace) -> None:
        place.dossiers_at_work()
        case.make(place)

    return KafkaCase(make, case.shown_by)


def _not_built(place: KafkaPlace) -> None:
    place.dossiers_at_work()
    with closing(sqlite3.connect(place.path(place.environment["VIEWS"]))) as views, views:
        assert views.execute("DELETE FROM views_generations WHERE projection = 'audit'").rowcount


KAFKA_CASES: Final[dict[str, KafkaCase]] = {
    **{code: _at_work(BACKUP_CASES[code]) for code in ("BACKUP_ALTERED", "BACKUP_LACKS", "BACKUP_MISSING")},
    "FEED_UNUSABLE": _at_work(PUBLICATION_CASES["FEED_UNUSABLE"]),
    "VIEWS_NOT_BUILT": KafkaCase(_not_built, ("views", "verify")),
    "BACKUP_OF_ANOTHER_HISTORY": KafkaCase(
        _put_back_from_an_older_backup, lambda place: place.run("backup", str(place.path("backup")), code=4).err
    ),
    "CANNOT_APPLY": KafkaCase(_approved, _not_applied),
    "INDEX_DIFFERS": KafkaCase(_index_edited),
    "INDEX_UNUSABLE": KafkaCase(_index_overwritten, ("status",)),
    "KAFKA_UNREACHABLE": KafkaCase(_wrong_address, ("doctor",)),
    "LOG_BROKEN": KafkaCase(_log_altered, still_held=(*UNITS, "04642")),
    "LOG_CHANGED": KafkaCase(_log_cut),
    "LOG_NOT_FOUNDED": KafkaCase(_not_founded, ("keys", "list"), still_held=("04642",)),
    "NO_WORKER": KafkaCase(
        lambda _: None, _nobody_answers, still_held=(*UNITS, "04642"), also=("COMMANDS_WAITING", "NO_ANSWER")
    ),
    "OTHER_QUEUE": KafkaCase(_queue_made_anew, ("doctor",), still_held=(*UNITS, "04642", "04648")),
    "QUEUE_CUT": KafkaCase(_queue_cut, RECORD),
    "RECORD_UNREADABLE": KafkaCase(_garbage, ("status",)),
    "STREAM_AHEAD_OF_LOG": KafkaCase(_log_put_back, _PUBLISH),
    "STREAM_DIVERGED": KafkaCase(_stream_of_another, _PUBLISH),
    "STREAM_UNDECIDED": KafkaCase(_hanging, _after_a_while),
    "STREAM_UNUSABLE": KafkaCase(_stream_elsewhere, _PUBLISH),
    "TOPIC_UNUSABLE": KafkaCase(_deleting, ("doctor",)),
    "VIEWS_MOVED": KafkaCase(lambda _: None, _views_moved, still_held=(*UNITS, "04642")),
    "WRITER_NOT_REGISTERED": KafkaCase(_writer_lost, ("doctor",)),
}
KAFKA_CODES: Final = {*KAFKA_CASES, *(code for case in KAFKA_CASES.values() for code in case.also)}
