"""The records of version 0.1, put on a real broker byte by byte: the program says what they are, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.settings import load
from tests.fault.evidence import read_topic
from tests.golden.version_0_1 import APP, PARTITIONS, KafkaRecord, records
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
    admin.delete_topics(topics)
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


def _ends(system: System) -> list[int]:
    return [len(read_topic(system.cluster.bootstrap, f"{APP}.events", number)[0]) for number in range(PARTITIONS)]


@pytest.mark.parametrize("words", [("status",), ("keys", "list"), ("keys", "init"), ("doctor",)])
def test_nothing_is_answered_and_nothing_is_written(system: System, words: tuple[str, ...]) -> None:
    before = _ends(system)
    done = system.terminal.run(*words, code=4)
    assert "genesis" in done.out + done.err
    assert _ends(system) == before
