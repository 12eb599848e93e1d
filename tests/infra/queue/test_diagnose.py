from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.log.errors import LogBroken, LogChanged
from infra.log.format import HEADER_LENGTH
from infra.log.full_scan import check_whole
from infra.log.partition_client import FetchResult, Record
from infra.queue.diagnose import diagnose
from tests.fault.two_workers import Small, small
from tests.support.workload import lines


@pytest.fixture
def system(broker: KafkaCluster, tmp_path: Path) -> Iterator[Small]:
    """Two records in the log, of twenty commands each."""
    way = list(islice(lines(1), 40))
    with small(broker, tmp_path) as made:
        for start in (0, 20):
            made.send(way[start : start + 20])
            made.first.step()
        yield made


@pytest.mark.parametrize(("altered", "error"), [(0, LogBroken), (1, LogChanged)])
def test_reading_the_whole_finds_an_altered_record_that_an_index_had_read(
    system: Small, monkeypatch: pytest.MonkeyPatch, altered: int, error: type[Exception]
) -> None:
    """By what was built on it; the last one by the index."""
    system.made.kafka_reader.refresh(0)
    check_whole(system.made, 0)
    read = KafkaPartitionClient.read

    def falsified(self: KafkaPartitionClient, start: int) -> Iterator[FetchResult]:
        for records, following in read(self, start):
            yield FetchResult([_renamed(entry) if entry.offset == altered else entry for entry in records], following)

    monkeypatch.setattr(KafkaPartitionClient, "read", falsified)
    with pytest.raises(error):
        check_whole(system.made, 0)


def _renamed(entry: Record) -> Record:
    """With another letter in the name of its writer."""
    value = bytearray(entry.value or b"")
    value[HEADER_LENGTH + 1] ^= 1
    return Record(entry.offset, bytes(value))


def test_the_doctor_names_read_models_that_are_ahead_of_the_log(system: Small, tmp_path: Path) -> None:
    """As they are when the log has lost its end, and no index was there to see it."""
    system.made.engine.catch_up()
    assert not [wrong for wrong in diagnose(system.made)["wrong"] if "VIEWS" in wrong]
    (views,) = tmp_path.glob("**/*views*.sqlite")
    with closing(sqlite3.connect(views)) as connection, connection:
        connection.execute("UPDATE views_positions SET position = position + 1 WHERE projection = 'status'")
    assert [wrong for wrong in diagnose(system.made)["wrong"] if "VIEWS_AHEAD_OF_LOG: status" in wrong]


def test_who_reads_what_another_one_fills_sees_that_the_log_was_cut(system: Small) -> None:
    """An index that is ahead of the log shows nothing that could be trusted."""
    client = KafkaPartitionClient(system.made.kafka, system.made.topics.events, 0)
    try:
        assert client.end_behind(0) == client.end_behind(2) == 2
        with pytest.raises(LogChanged):
            client.end_behind(7)
    finally:
        client.close()
