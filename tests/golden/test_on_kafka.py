"""The records of version 0.1, put on a real broker byte by byte: read, asked, published and written on as its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.dev.processes import processes
from infra.log.full_scan import check_whole
from infra.settings import load
from schemas.public_decision import decoded
from tests.golden.version_0_1 import (
    APP,
    PARTITIONS,
    KafkaRecord,
    check_answers,
    events,
    heads,
    lines,
    records,
    timeless,
    unpacked,
)
from tests.support.terminal import Terminal


@dataclass(frozen=True)
class System:
    """The log on a broker, and a person's terminal on it."""

    cluster: KafkaCluster
    url: str
    terminal: Terminal


@pytest.fixture(scope="module")
def system(broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("golden")
    url = f"kafka://{broker.bootstrap}?prefix={APP}&partitions={PARTITIONS}&index={folder / 'index'}"
    terminal = Terminal(folder)
    terminal.environment["DOSSIER_LOG"] = url
    with Application(load({}, log=url), create=True) as application:
        topics = [topic.name for topic in application.topics]
    _produce(broker, records("events"))
    yield System(broker, url, terminal)
    # Their names are the log's own, and cannot be others in another run on the same broker.
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.delete_topics([*topics, f"{APP}.decisions", f"{APP}.schemas"])
    admin.close()


def _produce(cluster: KafkaCluster, found: list[KafkaRecord]) -> None:
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap)
    for record in found:
        sent = producer.send(
            record.topic,
            record.value,
            record.key,
            headers=record.headers,
            partition=record.partition,
            timestamp_ms=record.timestamp,
        )
        assert sent.get(30).offset == record.offset
    producer.close()


def test_every_reader_reads_it_as_before(system: System) -> None:
    with Application(load({}, log=system.url)) as application:
        assert events(application) == lines("kafka/events.jsonl")
        for partition in application.log.partitions:
            state = application.kafka_reader.state(partition)
            expected = heads()["partitions"][str(partition)]
            assert (state.state.head.hex(), state.next_offset) == (expected["head"], expected["next_offset"])
            assert list(state.ignored) == expected["ignored"]
            check_whole(application, partition)


def test_questions_are_answered_as_before(system: System) -> None:
    # The log's own id is that of its topic, and this is another one.
    other = heads()["log_id"]
    with Application(load({}, log=system.url)) as application:
        own = application.log.log_id
    check_answers("kafka/questions.json", lambda arguments: system.terminal.run(*arguments).out.replace(own, other))


def test_the_same_decisions_are_published(system: System) -> None:
    system.terminal.run("publisher", "--once")
    published = {partition: [_decision(value) for value in found] for partition, found in _stream(system).items()}
    before: dict[int, list[Any]] = defaultdict(list)
    for record in records("decisions"):
        assert record.value is not None
        before[record.partition].append(_decision(record.value))
    assert published == before


def _decision(value: bytes) -> Any:
    found = timeless(json.loads(json.dumps(decoded(value), default=str)))
    found["log"].pop("log_id")
    return found


def _stream(system: System) -> dict[int, list[bytes]]:
    consumer = KafkaConsumer(bootstrap_servers=system.cluster.bootstrap, isolation_level="read_committed")
    found: dict[int, list[bytes]] = defaultdict(list)
    try:
        partitions = [TopicPartition(f"{APP}.decisions", number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for partition, fetched in consumer.poll(1000).items():
                found[partition.partition] += [record.value for record in fetched]
    finally:
        consumer.close()
    return found


def test_a_worker_knows_its_answers_and_goes_on(system: System, tmp_path: Path) -> None:
    with Application(load({}, log=system.url)) as application:
        queue = str(application.topics.commands.identity.topic_id)
        before = len(events(application))
    with processes(system.url, tmp_path, workers=0) as running:
        # The queue of then is another topic, and its records are not here.
        running.start("worker", "worker", "--take-up-queue", queue)
        again = system.terminal.run("apply", "-", given=unpacked("commands.jsonl"), code=2)
        assert [json.loads(line) for line in again.out.splitlines()] == lines("kafka/answers.jsonl")
        with Application(load({}, log=system.url)) as application:
            assert len(events(application)) == before
        system.terminal.run("open", "04630", "--level=basic", "--year=2024", "--on=2024-06-12")
        with Application(load({}, log=system.url)) as application:
            assert len(events(application)) == before + 1
            for partition in application.log.partitions:
                check_whole(application, partition)
