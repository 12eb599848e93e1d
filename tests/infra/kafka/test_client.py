"""A partition's client against a leader that was just elected: a real broker with such a leader's answers."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kafka.errors import OffsetNotAvailableError
from kafka.structs import TopicPartition

from infra.dev.kafka import KafkaCluster
from infra.kafka import client as client_module
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.internals import Client
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure, log_topic

REFUSALS = 3
RECORDS = 4


class Election:
    """What a new leader does: its fetches end too early, until it has refused some requests for the end."""

    def __init__(self) -> None:
        self.high_watermark: int | None = None
        """Where its fetches end; None for a leader that knows all."""
        self.refusals = 0
        self.sent: Counter[str] = Counter()

    def elect(self, high_watermark: int) -> None:
        self.high_watermark, self.refusals = high_watermark, 0

    def alter(self, kind: str, answer: Any) -> None:
        if self.high_watermark is None:
            return
        if kind == "FetchRequest":
            found = answer.responses[0].partitions[0]
            found.high_watermark = self.high_watermark
            found.records = _batches_before(found.records or b"", self.high_watermark)
        elif kind == "ListOffsetsRequest" and self.refusals < REFUSALS:
            self.refusals += 1
            answer.topics[0].partitions[0].error_code = OffsetNotAvailableError.errno
        elif kind == "ListOffsetsRequest":
            self.high_watermark = None


def _batches_before(records: bytes, offset: int) -> bytes:
    position = 0
    while position < len(records):
        base_offset, length = struct.unpack_from(">qi", records, position)
        if base_offset >= offset:
            break
        position += 12 + length
    return bytes(records[:position])


@pytest.fixture
def election(monkeypatch: pytest.MonkeyPatch) -> Election:
    made = Election()

    class NewLeadersClient(Client):
        def send(self, node_id: Any, request: Any, *args: Any, **options: Any) -> Any:
            kind = type(request).__name__
            made.sent[kind] += 1
            future = super().send(node_id, request, *args, **options)
            return future.add_callback(lambda answer: made.alter(kind, answer))

    monkeypatch.setattr(client_module, "Client", NewLeadersClient)
    return made


@pytest.fixture
def topic(broker: KafkaCluster, tmp_path: Path) -> tuple[KafkaSettings, Topic]:
    settings = KafkaSettings(broker.bootstrap, f"c{uuid4().hex[:12]}", partitions=1, index_dir=tmp_path)
    return settings, ensure(settings, [log_topic(settings, settings.events_topic)])[0]


@pytest.fixture
def client(election: Election, topic: tuple[KafkaSettings, Topic]) -> Iterator[KafkaPartitionClient]:
    """On a partition in which every record was acknowledged."""
    made = KafkaPartitionClient(*topic, 0)
    assert [made.send(b"%d" % number).result() for number in range(RECORDS)] == list(range(RECORDS))
    made.close()
    election.sent.clear()
    yield made
    made.close()


def _read(client: KafkaPartitionClient, start: int) -> list[int]:
    return [record.offset for fetched in client.read(start) for record in fetched.records]


@pytest.mark.parametrize("high_watermark", range(RECORDS))
def test_a_read_ends_behind_everything_that_was_acknowledged_before_an_election(
    election: Election, client: KafkaPartitionClient, high_watermark: int
) -> None:
    """However early the fetches of the new leader end."""
    election.elect(high_watermark)
    assert _read(client, 0) == list(range(RECORDS))
    assert election.refusals == REFUSALS


@pytest.mark.parametrize("high_watermark", range(RECORDS))
def test_the_end_is_behind_everything_that_was_acknowledged_before_an_election(
    election: Election, client: KafkaPartitionClient, high_watermark: int
) -> None:
    """Also for somebody who has read just as far as the new leader's fetches go."""
    election.elect(high_watermark)
    assert client.end_behind(high_watermark) == RECORDS


def test_a_leader_is_asked_once_and_not_at_every_read(election: Election, client: KafkaPartitionClient) -> None:
    """Reading and appending cost no request more than before, as long as the same broker leads."""
    for number in range(5):
        client.send(b"more").result()
        assert _read(client, RECORDS + number) == [RECORDS + number]
        assert client.end_behind(0) == RECORDS + number + 1
    sent = {"InitProducerIdRequest": 1, "ProduceRequest": 5, "ListOffsetsRequest": 1, "FetchRequest": 10}
    assert election.sent == sent


def test_a_leader_of_another_election_refuses_and_is_asked_again(
    client: KafkaPartitionClient, topic: tuple[KafkaSettings, Topic]
) -> None:
    """A broker that lost and won the lead in between shows it by the epoch, although the connection held."""
    assert client.end_behind(0) == RECORDS
    cluster = client._connected().cluster
    place = TopicPartition(topic[1].name, 0)
    assert cluster.update_partition_leader(place, cluster.leader_for_partition(place), 1_000)
    assert _read(client, 0) == list(range(RECORDS))
    assert client._connected().cluster is not cluster
    assert client.end_behind(0) == RECORDS


def test_a_high_watermark_that_went_back_is_not_believed(election: Election, client: KafkaPartitionClient) -> None:
    """The connection is given up, and the leader asked anew."""
    assert client.end_behind(0) == RECORDS
    election.elect(1)
    assert _read(client, 0) == list(range(RECORDS))
