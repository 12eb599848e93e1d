"""Our log on Kafka beside the library's SQLite and PostgreSQL recorders and a bare idempotent producer; its cold start.

The same events of 550 bytes, one an append, from 1, 16 and 256 callers. The systems take turns in several rounds, and
each is given its best: what else the machine does then troubles them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from threading import Barrier, Thread
from typing import Any, Final, TypeAlias
from uuid import uuid4

from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from eventsourcing.utils import Environment
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from consumers.commands.ports import CommandKey, CommandOutcome
from infra.dev.kafka import kafka
from infra.dev.postgres import postgres
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, log_topic
from infra.log.format import Format, decode_body
from infra.log.kafka.log import KafkaLog
from infra.log.kafka.source import close_partition, open_partition
from infra.log.recorder import insert
from tests.benchmarks.results import Measured, Results

_CALLERS: Final = (1, 16, 256)
_ROUNDS: Final = 3
_SECONDS: Final = 2.0
_STATE: Final = bytes(range(256)) * 2 + bytes(38)
_RECORDS: Final = 300
_DECISIONS: Final = 100

_OURS: Final = "log on Kafka"
_PRODUCER: Final = "bare idempotent producer"
_SQLITE: Final = "library SQLite recorder"
_POSTGRES: Final = "library PostgreSQL recorder"

Append: TypeAlias = Callable[[list[StoredEvent]], object]


def run(results: Results, folder: Path) -> None:
    """Appends a second and their latency, then cold starts."""
    with ExitStack() as stack:
        bootstrap = stack.enter_context(kafka(data_dir=folder / "kafka")).bootstrap
        _appends(results, stack, bootstrap, folder)
        _cold_starts(results, bootstrap, folder)


def _appends(results: Results, stack: ExitStack, bootstrap: str, folder: Path) -> None:
    server = stack.enter_context(postgres(folder / "postgres"))
    systems = {
        _OURS: stack.enter_context(_ours(bootstrap, folder)),
        _PRODUCER: stack.enter_context(_producer(bootstrap)),
        _SQLITE: stack.enter_context(_library(_sqlite(folder / "log.sqlite"))),
        # Its defaults, but that 256 callers may wait for one of the pool's connections longer than 5 s.
        _POSTGRES: stack.enter_context(_library(server.environment | {"POSTGRES_POOL_TIMEOUT": "120"})),
    }
    for append in systems.values():
        _measure(append, 16, _SECONDS)
    found: dict[tuple[str, int], Measured] = {}
    for callers in _CALLERS:
        for _ in range(_ROUNDS):
            for name, append in systems.items():
                measured = _measure(append, callers, _SECONDS)
                best = found.get((name, callers), measured)
                found[name, callers] = max(best, measured, key=lambda each: each.rate)
        for name in systems:
            results.add(f"{name}, {callers} callers", found[name, callers].rate, "appends/s")
            results.add(f"{name}, {callers} callers, p50", found[name, callers].p50, "ms")
            results.add(f"{name}, {callers} callers, p99", found[name, callers].p99, "ms")
    for callers, peer, aim in (
        (1, _PRODUCER, 0.65),
        (16, _SQLITE, 1.0),
        (256, _POSTGRES, 7.0),
        (256, _SQLITE, 2.5),
        (256, _PRODUCER, 0.55),
    ):
        ours, theirs = found[_OURS, callers].rate, found[peer, callers].rate
        results.compare(f"{_OURS}, {callers} callers", ours, "appends/s", peer=peer, peer_value=theirs, aim=aim)
    # As rates, so that more is better as everywhere: a third of the peer's time is three times its rate.
    results.compare(
        f"{_OURS}, 256 callers, 1000 ms / p99",
        1000 / found[_OURS, 256].p99,
        "1/s",
        peer=f"1000 ms / p50 of {_POSTGRES}",
        peer_value=1000 / found[_POSTGRES, 256].p50,
        aim=3.0,
    )


def _measure(append: Append, callers: int, seconds: float) -> Measured:
    """Let callers append one event each, again and again, from one moment on."""
    start = Barrier(callers)
    latencies: list[float] = []

    def call() -> None:
        start.wait()
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            append([StoredEvent(uuid4(), 1, "DossierStarted", _STATE)])
            latencies.append(time.perf_counter() - begun)

    threads = [Thread(target=call) for _ in range(callers)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    cuts = quantiles(latencies, n=100)
    return Measured(len(latencies) / elapsed, cuts[49] * 1000, cuts[98] * 1000)


@contextmanager
def _ours(bootstrap: str, folder: Path) -> Iterator[Append]:
    opened = open_partition(KafkaSettings(bootstrap, f"bench{uuid4().hex[:8]}", index_dir=folder / "index"), 0)
    try:
        yield lambda events: insert(opened, events, None)
    finally:
        close_partition(opened)


@contextmanager
def _producer(bootstrap: str) -> Iterator[Append]:
    settings = KafkaSettings(bootstrap, f"bare{uuid4().hex[:8]}")
    (topic,) = ensure(settings, [log_topic(settings, settings.events_topic)])
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0)

    def append(events: Sequence[StoredEvent]) -> None:
        producer.send(topic.name, value=events[0].state, partition=0).get(30)

    try:
        yield append
    finally:
        producer.close()


@contextmanager
def _library(environment: dict[str, str]) -> Iterator[Append]:
    factory: InfrastructureFactory[Any] = InfrastructureFactory.construct(Environment("bench", environment))
    try:
        yield factory.application_recorder().insert_events
    finally:
        factory.close()


def _sqlite(path: Path) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(path),
        "SQLITE_LOCK_TIMEOUT": "60",
        "POOL_TIMEOUT": "120",
    }


def _cold_starts(results: Results, bootstrap: str, folder: Path) -> None:
    settings = KafkaSettings(bootstrap, f"cold{uuid4().hex[:8]}", index_dir=folder / "cold")
    _fill(settings, _RECORDS // 10)
    small = _opening(settings)
    _fill(settings, _RECORDS)
    results.compare(
        f"start with an intact index, of {_RECORDS * _DECISIONS:,} events",
        1 / _opening(settings),
        "starts/s",
        peer="of a tenth of them",
        peer_value=1 / small,
        aim=0.5,
    )
    decoding = max(_decoding(settings) for _ in range(_ROUNDS))
    replaying = max(
        _RECORDS
        * _DECISIONS
        / _opening(replace(settings, index_dir=folder / f"fresh-{number}", own_keys_dir=settings.key_folder))
        for number in range(_ROUNDS)
    )
    results.compare(
        "start without an index", replaying, "events/s", peer="bare consumer, decoding", peer_value=decoding, aim=0.6
    )


def _fill(settings: KafkaSettings, records: int) -> None:
    """Bring the log to so many records, each of many decisions of one event, as a busy worker writes them."""
    log = KafkaLog(settings)
    # The first record is the genesis.
    while log.state(0).state.number <= records:
        decisions = []
        for _ in range(_DECISIONS):
            dossier_id = uuid4()
            events = [StoredEvent(dossier_id, 1, "DossierStarted", _STATE)]
            key = CommandKey(dossier_id.bytes[:6], uuid4())
            decisions.append(CommandOutcome(key, bytes(32), '{"ok":true,"events":["DossierStarted"]}', events))
        log.append(0, log.head(0), decisions)
    log.close()


def _opening(settings: KafkaSettings) -> float:
    """Seconds from nothing to a partition that is ready to append."""
    begun = time.perf_counter()
    opened = open_partition(settings, 0)
    took = time.perf_counter() - begun
    close_partition(opened)
    return took


def _decoding(settings: KafkaSettings) -> float:
    """Events a second that a bare consumer reads and decodes."""
    place = TopicPartition(settings.events_topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap, enable_auto_commit=False)
    consumer.assign([place])
    consumer.seek(place, 0)
    begun = time.perf_counter()
    events = 0
    while events < _RECORDS * _DECISIONS:
        for records in consumer.poll(timeout_ms=1000).values():
            values = [record.value for record in records if record.value[0] == Format.APPENDS]
            events += sum(len(append.events) for value in values for append in decode_body(value).appends)
    took = time.perf_counter() - begun
    consumer.close()
    return events / took
