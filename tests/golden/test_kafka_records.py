"""The records of version 0.1 on Kafka are judged and read as they were then, with no broker."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from infra.bootstrap import Application
from infra.kafka.topics import Identity
from infra.log.acceptance import ChainState, Verdict, accept
from infra.log.format import decode_body, first_hash
from infra.log.index import open_index
from infra.log.partition import Partition, PartitionAddress
from infra.settings import load
from tests.golden.version_0_1 import APP, PARTITIONS, as_json, heads, lines, records
from tests.support.memory_log import MemoryLog, MemoryPartitionClient


def _values(partition: int) -> list[bytes | None]:
    return [record.value for record in records("events") if record.partition == partition]


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_the_rule_accepts_and_ignores_what_it_did(partition: int) -> None:
    state = ChainState(first_hash(APP, PARTITIONS, partition))
    verdicts = []
    for offset, value in enumerate(_values(partition)):
        state, verdict = accept(state, offset, value)
        verdicts.append(verdict)
    expected = heads()["partitions"][str(partition)]
    assert (state.head.hex(), state.number, state.position) == (
        expected["head"],
        expected["number"],
        expected["position"],
    )
    ignored = [verdicts.count(verdict) for verdict in (Verdict.LATE, Verdict.FOREIGN, Verdict.ORPHAN)]
    assert ignored == expected["ignored"]


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_an_index_is_filled_from_them(partition: int, tmp_path: Path) -> None:
    identity = Identity("cluster", UUID(int=1), PARTITIONS)
    index = open_index(tmp_path / "index.sqlite", APP, identity, partition)
    Partition(
        PartitionAddress("golden", APP, PARTITIONS, partition),
        MemoryPartitionClient(MemoryLog(_values(partition))),
        index,
    )
    head = index.head()
    index.close()
    assert head is not None
    assert head.commands is not None
    expected = heads()["partitions"][str(partition)]
    assert {
        "next_offset": head.next_offset,
        "record_offset": head.record_offset,
        "head": head.state.head.hex(),
        "number": head.state.number,
        "position": head.state.position,
        "commands_offset": head.commands.offset,
        "commands_topic_id": str(head.commands.topic_id),
        "ignored": list(head.ignored),
    } == expected


def test_every_event_is_decoded_as_before() -> None:
    application = Application(load({}, log="sqlite:////nowhere/log.sqlite"))
    found = []
    for partition in range(PARTITIONS):
        state = ChainState(first_hash(APP, PARTITIONS, partition))
        for offset, value in enumerate(_values(partition)):
            position = state.position
            state, verdict = accept(state, offset, value)
            if verdict is not Verdict.ACCEPTED or value is None:
                continue
            for append in decode_body(value).appends:
                for originator, version, topic, data in append.events:
                    stored = StoredEvent(UUID(originator), version, topic, data)
                    found.append(as_json(application, partition, position, stored))
                    position += 1
    assert found == lines("kafka/events.jsonl")
