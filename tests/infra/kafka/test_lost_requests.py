"""One request that is lost costs little, and a broker that is slow is waited for: a real broker behind a proxy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import errors as kafka_errors
from kafka.errors import KafkaError

from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import KafkaUnreachable, reason_of, unreachable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Identity, Topic, ensure, log_topic
from infra.timeouts import Timeout
from tests.fault.proxy import Proxy

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, INIT_PRODUCER_ID = 0, 1, 2, 3, 18, 22
SHORT = 0.3
"""Seconds for which an answer is waited for at first, in these tests: every wait on top of it is a longer one."""


class Way:
    """A topic behind a proxy, and for how long answers were waited for in vain."""

    def __init__(self, settings: KafkaSettings, topic: Topic, proxy: Proxy) -> None:
        self.settings, self.topic, self.proxy = settings, topic, proxy
        self.client = KafkaPartitionClient(settings, topic, 0)


@pytest.fixture
def way(broker: KafkaCluster, tmp_path: Path) -> Iterator[Way]:
    port = int(broker.bootstrap.split(",")[0].rpartition(":")[2])
    proxy = Proxy([port], random.Random(1))  # noqa: S311  (nothing is drawn)
    with closing(proxy):
        settings = KafkaSettings(broker.bootstrap, f"l{uuid4().hex[:12]}", partitions=1, index_dir=tmp_path)
        topic = ensure(settings, [log_topic(settings, settings.commands_topic)])[0]
        made = Way(replace(settings, bootstrap=proxy.bootstrap), topic, proxy)
        with closing(made.client):
            yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long each answer was waited for that did not come."""
    found: list[float] = []
    waiting = KafkaPartitionClient._waiting

    @contextmanager
    def noted(self: KafkaPartitionClient, kind: str) -> Iterator[float]:
        with waiting(self, kind) as seconds:
            try:
                yield seconds
            except KafkaError:
                found.append(seconds)
                raise

    monkeypatch.setattr(KafkaPartitionClient, "_waiting", noted)
    return found


@pytest.mark.parametrize("api", [PRODUCE, METADATA, INIT_PRODUCER_ID])
@pytest.mark.parametrize("way_of", ["swallowed", "unanswered"])
def test_a_record_arrives_although_a_request_was_lost(way: Way, waits: list[float], api: int, way_of: str) -> None:
    """On its way there or back: after the one short wait it is sent again."""
    getattr(way.proxy, way_of)[api] = 1
    assert way.client.send_durably([(None, b"one")]) in (0, 1)
    assert way.proxy.done == {f"{api} {way_of}": 1}
    assert set(waits) <= {Timeout.LOST.seconds}
    assert len(waits) <= 1


@pytest.mark.parametrize("api", [FETCH, LIST_OFFSETS, METADATA])
def test_a_read_goes_on_although_a_request_was_lost(way: Way, waits: list[float], api: int) -> None:
    way.client.send_durably([(None, b"one")])
    way.client.close()
    way.proxy.swallowed[api] = 1
    assert [record.value for fetched in way.client.read(0) for record in fetched.records] == [b"one"]
    assert way.proxy.done[f"{api} swallowed"] == 1
    assert set(waits) <= {Timeout.LOST.seconds}
    assert len(waits) <= 1


def test_a_broker_that_gives_no_answer_is_waited_for_longer_each_time(
    way: Way, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the longest time-out of a request: one that lives and is slow must not count as away."""
    monkeypatch.setattr(Timeout.LOST, "seconds", SHORT)
    monkeypatch.setattr(Timeout.REQUEST, "seconds", 5 * SHORT)
    way.proxy.unanswered[PRODUCE] = 5
    assert way.client.send_durably([(None, b"one")]) == 5
    assert waits == pytest.approx([SHORT, 1.5 * SHORT, 1.5**2 * SHORT, 1.5**3 * SHORT, 5 * SHORT])


def test_an_answer_that_took_long_gives_the_next_one_more_time(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its kind alone, and until one comes soon again."""
    moments = iter([0.0, 4.0, 10.0, 10.1])
    monkeypatch.setattr("infra.kafka.client.time.monotonic", lambda: next(moments))
    waited = []
    for _ in range(2):
        with way.client._waiting("slow") as seconds:
            waited.append(seconds)
    monkeypatch.undo()
    with way.client._waiting("slow") as seconds, way.client._waiting("other") as other:
        waited += [seconds, other]
    assert waited == [Timeout.LOST.seconds, 8.0, Timeout.LOST.seconds, Timeout.LOST.seconds]


def test_a_partition_that_nobody_leads_is_told_in_a_sentence(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the topic that it is about, which is not the log's."""
    monkeypatch.setattr(Timeout.SEND, "seconds", SHORT)
    monkeypatch.setattr(Timeout.READ, "seconds", SHORT)
    monkeypatch.setattr(KafkaPartitionClient, "_known_leader", lambda *_: None)
    with pytest.raises(KafkaUnreachable) as sent:
        way.client.send_durably([(None, b"one")])
    with pytest.raises(KafkaUnreachable) as read:
        list(way.client.read(0))
    for error in (sent.value, read.value):
        assert error.details["log"] == f"kafka://{way.settings.bootstrap}/{way.topic.name}"
        assert f"no broker leads partition 0 of the topic {way.topic.name}" in error.message()
        assert "TopicPartition(" not in error.message()


def test_brokers_that_are_away_are_named_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Timeout.LOST, "seconds", SHORT)
    monkeypatch.setattr(Timeout.READ, "seconds", SHORT)
    settings = KafkaSettings("127.0.0.1:1,127.0.0.1:2", index_dir=tmp_path)
    topic = Topic("x.commands", Identity("cluster", uuid4(), 1), 1000)
    with pytest.raises(KafkaUnreachable) as error, closing(KafkaPartitionClient(settings, topic, 0)) as client:
        client.end()
    assert "no broker could be reached at 127.0.0.1:1, 127.0.0.1:2: " in error.value.message()
    assert "kafka://127.0.0.1:1,127.0.0.1:2/x.commands" in error.value.message()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (kafka_errors.NotLeaderForPartitionError(), "a broker answered NotLeaderForPartitionError: "),
        (kafka_errors.KafkaConnectionError(("127.0.0.1", 9092)), "127.0.0.1:9092"),
        (kafka_errors.NodeNotReadyError(), "it ended with NodeNotReadyError"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
    ],
)
def test_every_error_of_the_library_is_told_in_words(error: Exception, reason: str) -> None:
    assert reason_of(error).startswith(reason)
    assert unreachable("kafka://x/y", error).details["reason"] == reason_of(error)
