"""Appends a second: our log on Kafka, the library's SQLite and PostgreSQL recorders, and a bare idempotent producer.

The same events of 550 bytes, one an append, with 1, 16 and 256 callers, one after another in one run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from eventsourcing.utils import Environment
from kafka import KafkaProducer

from infra.log.kafka.opened import close_partition, open_partition
from infra.log.kafka.recorder import insert
from infra.log.kafka.settings import KafkaSettings
from infra.log.kafka.topics import ensure
from infra.servers.kafka import kafka
from infra.servers.postgres import postgres
from tests.benchmarks.load import Measured, measure
from tests.benchmarks.results import Results

_CALLERS = (1, 16, 256)
_SECONDS = 4.0
_WARM_UP_SECONDS = 1.5


def run(results: Results, folder: Path) -> None:
    """See the module."""
    found: dict[tuple[str, int], Measured] = {}
    with ExitStack() as stack:
        bootstrap = stack.enter_context(kafka(data_dir=folder / "kafka")).bootstrap
        server = stack.enter_context(postgres(folder / "postgres"))
        systems = {
            "kafka": _kafka(bootstrap, folder),
            "producer": _producer(bootstrap),
            "sqlite": _library(
                {
                    "PERSISTENCE_MODULE": "eventsourcing.sqlite",
                    "SQLITE_DBNAME": str(folder / "e.sqlite"),
                    "SQLITE_LOCK_TIMEOUT": "60",
                }
            ),
            "postgres": _library(
                server.environment
                | {
                    "POSTGRES_POOL_SIZE": "32",
                    "POSTGRES_MAX_OVERFLOW": "32",
                    "POSTGRES_POOL_TIMEOUT": "120",
                    "POSTGRES_LOCK_TIMEOUT": "0",
                }
            ),
        }
        for name, system in systems.items():
            if os.environ.get("ONLY") and name not in os.environ["ONLY"].split(","):
                continue
            with system as append:
                measure(append, 16, _WARM_UP_SECONDS)
                for callers in _CALLERS:
                    found[name, callers] = measured = measure(append, callers, _SECONDS)
                    print(name, callers, f"{measured.rate:.0f}/s p50 {measured.p50:.2f} p99 {measured.p99:.2f}")


@contextmanager
def _kafka(bootstrap: str, folder: Path) -> Iterator[Any]:
    settings = KafkaSettings(bootstrap, f"bench{uuid4().hex[:8]}", index_dir=folder / "index")
    opened = open_partition(settings, 0)
    try:
        yield lambda events: insert(opened, events, None)
    finally:
        close_partition(opened)


@contextmanager
def _producer(bootstrap: str) -> Iterator[Any]:
    topic = ensure(KafkaSettings(bootstrap, f"bench{uuid4().hex[:8]}"), "bare.events")
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0)

    def append(events: Sequence[StoredEvent]) -> None:
        producer.send(topic.name, value=events[0].state, partition=0).get(30)

    try:
        yield append
    finally:
        producer.close()


@contextmanager
def _library(environment: dict[str, str]) -> Iterator[Any]:
    factory: InfrastructureFactory[Any] = InfrastructureFactory.construct(Environment("bench", environment))
    try:
        yield factory.application_recorder().insert_events
    finally:
        factory.close()
