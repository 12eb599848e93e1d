"""A rebuild of every read model: events a second and peak memory, on both stores, at three lengths of the log.

Beside it, in the same run: the library's ProjectionRunner with the same events and rows, and a bare consumer that reads
the log with the library's recorder, decodes each event with fastavro and keeps nothing. Ours and the bare one run each
in a process of its own, so that its memory can be told.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from multiprocessing import active_children
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import Notification
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from fastavro import schemaless_reader
from kafka import KafkaConsumer, TopicPartition

from consumers.commands.ports import CommandKey, CommandOutcome
from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.postgres import PostgresServer, postgres
from infra.kafka.settings import from_url
from infra.log.format import Format, decode_body
from infra.log.kafka.log import KafkaLog
from infra.settings import load
from projections.read_models import PROJECTIONS
from schemas.avro.registry import registry
from tests.benchmarks import library_runner
from tests.benchmarks.results import Results
from tests.support.workload import events

LENGTHS = (10_000, 100_000, 1_000_000)
_DOSSIERS = 173
_RUNNER_EVENTS = 3000
_BATCH = 5000
_KAFKA_BATCH = 500
_AIMS = {"sqlite": 10.0, "postgres": 20.0}
_OF_BARE = 0.5
_MEMORY_GROWTH = 1.2
_HEADER = 10


@dataclass(frozen=True)
class LogUnderTest:
    """A log to rebuild from: where it is, and how events get into it."""

    url: Callable[[Path], str]
    fill: Callable[[Path, int, tuple[Notification, ...]], None]


def _fill_embedded(folder: Path, length: int, stored: tuple[Notification, ...]) -> None:
    folder.mkdir(parents=True)
    with Application(load({"DOSSIER_LOG": _embedded_url(folder)}), create=True) as made:
        batch: list[Notification] = []
        for event in _repeated(stored, length):
            batch.append(event)
            if len(batch) == _BATCH or event.id == length:
                key = CommandKey(b"benchm", UUID(int=event.id))
                made.sqlite_log.append(0, event.id - len(batch), [CommandOutcome(key, b"\0" * 32, "{}", batch)])
                batch = []


def _repeated(stored: tuple[Notification, ...], length: int) -> Iterator[Notification]:
    """The events again and again, each time as those of other dossiers."""
    for position in range(length):
        around, place = divmod(position, len(stored))
        event = stored[place]
        assert isinstance(event.originator_id, UUID)
        # The council has one history: only its beginning is repeated as another dossier's.
        originator = UUID(int=event.originator_id.int ^ around << 8)
        yield Notification(originator, event.originator_version, event.topic, event.state, id=position + 1)


def _embedded_url(folder: Path) -> str:
    return f"sqlite:///{folder}/log.sqlite"


def _consume_embedded(url: str) -> Iterator[Notification]:
    recorder = SQLiteApplicationRecorder(SQLiteDatastore(url.removeprefix("sqlite:///")))
    position = 0
    while found := recorder.select_notifications(position, 1000, inclusive_of_start=False):
        yield from found
        position = found[-1].id


def _fill_kafka(url: str, length: int, stored: tuple[Notification, ...]) -> None:
    with Application(load({"DOSSIER_LOG": url}), create=True) as made:
        # Makes what is missing of the queue's topics; the events go into the log beside it.
        _ = made.topics
        log = KafkaLog(made.kafka)
        head, batch = 0, list[Notification]()
        for event in _repeated(stored, length):
            batch.append(event)
            if len(batch) == _KAFKA_BATCH or event.id == length:
                key = CommandKey(b"benchm", UUID(int=event.id))
                log.append(0, head, [CommandOutcome(key, b"\0" * 32, "{}", batch)])
                head, batch = event.id, []
        log.close()


def _consume_kafka(url: str) -> Iterator[Notification]:
    settings = from_url(url)
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap, auto_offset_reset="none", enable_auto_commit=False, max_poll_records=50
    )
    partition = TopicPartition(settings.events_topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    end = consumer.end_offsets([partition])[partition]
    position = 0
    while consumer.position(partition) < end:
        for record in consumer.poll(1000).get(partition, []):
            if record.value[0] != Format.APPENDS:
                continue
            for append in decode_body(record.value).appends:
                for originator_id, version, topic, state in append.events:
                    position += 1
                    yield Notification(UUID(originator_id), version, topic, state, id=position)
    consumer.close()


def _logs(cluster: KafkaCluster) -> dict[str, LogUnderTest]:
    """Every log, and how it is reached in this run."""

    def url(folder: Path) -> str:
        return f"kafka://{cluster.bootstrap}?prefix={folder.name}&index={folder}"

    def fill(folder: Path, length: int, stored: tuple[Notification, ...]) -> None:
        _fill_kafka(url(folder), length, stored)

    return {
        "embedded": LogUnderTest(_embedded_url, _fill_embedded),
        "kafka": LogUnderTest(url, fill),
    }


_CONSUME = {"embedded": _consume_embedded, "kafka": _consume_kafka}


def run(results: Results, folder: Path, lengths: tuple[int, ...] = LENGTHS) -> None:
    """Every log, store and length. The library's runner goes before and after them all, and its better time counts."""
    # The council's one event is left out: read models are measured, and it would stand in many dossiers.
    stored = tuple(event for event in events(folder / "events", _DOSSIERS) if event.topic != "CouncilEstablished")
    before = _runners(folder / "before", stored)
    made: list[_Made] = []
    with postgres(folder / "postgres") as server, kafka(data_dir=folder / "kafka") as cluster:
        for name, log in _logs(cluster).items():
            for length in lengths:
                log.fill(folder / f"{name}-{length}", length, stored)
                url = log.url(folder / f"{name}-{length}")
                # A log on Kafka is read through this machine's index, which a running installation has.
                _measured("open", {"url": url})
                bare = _measured("bare", {"log": name, "url": url, "length": length})
                results.add(f"bare consumer with fastavro, {name} log, {length:,} events", bare["rate"], "events/s")
                for store in _AIMS:
                    views = _views(server, folder, f"{name}_{store}_{length}", store)
                    found = _measured("rebuild", {"url": url, "views": views, "length": length})
                    made.append(_Made(name, store, length, bare["rate"], found))
    after = _runners(folder / "after", stored)
    for each in made:
        _report(results, each, max(before[each.store], after[each.store]))
    for name in _CONSUME:
        for store in _AIMS:
            _report_memory(results, [each for each in made if (each.log, each.store) == (name, store)])


@dataclass(frozen=True)
class _Made:
    """One rebuild as it was measured."""

    log: str
    store: str
    length: int
    bare: float
    found: dict[str, Any]


def _runners(folder: Path, stored: tuple[Notification, ...]) -> dict[str, float]:
    """Store → the library's rate, on a server of its own."""
    folder.mkdir()
    with postgres(folder / "postgres") as server:
        library_runner.fill(server, stored[:_RUNNER_EVENTS])
        return {store: library_runner.run(server, folder, store, PROJECTIONS, _RUNNER_EVENTS) for store in _AIMS}


def _views(server: PostgresServer, folder: Path, name: str, store: str) -> str:
    if store == "sqlite":
        return f"sqlite:///{folder}/{name}.sqlite"
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server.uri}&options=-csearch_path%3D{name}"


def _report(results: Results, made: _Made, runner: float) -> None:
    title = f"rebuild --all, {made.log} log, {made.store}, {made.length:,} events"
    rate, aim = made.found["rate"], _AIMS[made.store]
    results.compare(title, rate, "events/s", peer="library ProjectionRunner", peer_value=runner, aim=aim)
    results.compare(f"{title}, of the bare rate", rate, "events/s", peer="bare", peer_value=made.bare, aim=_OF_BARE)
    results.add(f"{title}, with the comparison of a second one", made.found["compared_rate"], "events/s")
    results.add(f"{title}, peak memory of the largest process", made.found["peak"], "MiB")


def _report_memory(results: Results, made: list[_Made]) -> None:
    first, last = made[0], made[-1]
    results.compare(
        f"memory, {first.log} log, {first.store}: {first.length:,} events in the room of {last.length:,}",
        first.found["peak"],
        "MiB",
        peer=f"at {last.length:,} events",
        peer_value=last.found["peak"],
        aim=round(1 / _MEMORY_GROWTH, 3),
    )


def _measured(what: str, given: dict[str, Any]) -> dict[str, Any]:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.rebuild", what, json.dumps(given)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _open(given: dict[str, Any]) -> dict[str, Any]:
    with Application(load({"DOSSIER_LOG": given["url"]})) as application:
        return {"head": application.log.head(0)}


def _bare(given: dict[str, Any]) -> dict[str, Any]:
    schemas = {name: released.parsed for name, released in registry().newest.items()}
    begun = perf_counter()
    for event in _CONSUME[given["log"]](given["url"]):
        body = BytesIO(event.state)
        body.seek(_HEADER)
        schemaless_reader(body, schemas[event.topic], None)
    return {"rate": given["length"] / (perf_counter() - begun)}


def _rebuild(given: dict[str, Any]) -> dict[str, Any]:
    """The first rebuild, of read models that are served nowhere yet, and a second one that is compared with it."""
    settings = load({"DOSSIER_LOG": given["url"], "DOSSIER_VIEWS": given["views"]})
    names = [projection.name for projection in PROJECTIONS]
    with Application(settings) as application, _peak() as peak:
        # What a running installation has: the log is open, and the driver of the store is loaded.
        application.log.head(0)
        _ = application.engine
        seconds = []
        for _ in range(2):
            begun = perf_counter()
            outcomes = application.rebuild(names).run()
            seconds.append(perf_counter() - begun)
            assert all(outcome.events == given["length"] and outcome.swapped for outcome in outcomes)
            compared = all(outcome.comparison and outcome.comparison.equal for outcome in outcomes)
        assert compared
    return {"rate": given["length"] / seconds[0], "compared_rate": given["length"] / seconds[1], "peak": max(peak)}


@contextmanager
def _peak() -> Iterator[list[float]]:
    """The peak memory, in MiB, of this process and of each that it started, once the block is over.

    Read from /proc while they live: what `getrusage` tells of a process begins with the size of its parent.
    """
    peaks: dict[str, float] = {}
    found: list[float] = []
    over = Event()

    def look() -> None:
        for process in ("self", *(str(child.pid) for child in active_children())):
            with suppress(OSError):
                for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
                    if line.startswith("VmHWM:"):
                        peaks[process] = int(line.split()[1]) / 1024

    def watch() -> None:
        while not over.wait(0.1):
            look()

    thread = Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        look()
        found += peaks.values()


if __name__ == "__main__":
    print(json.dumps({"open": _open, "bare": _bare, "rebuild": _rebuild}[sys.argv[1]](json.loads(sys.argv[2]))))
