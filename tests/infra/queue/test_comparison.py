"""When a queue is compared with the log, and what counts as cut: a client that is told what to answer."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, cast
from uuid import uuid4

import pytest

from consumers.commands.ports import LastHandled, QueuePosition, RecordedCommand
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.topics import Identity, Topic
from infra.log.partition_client import FetchResult, Record, UnreadableBatch
from infra.queue.comparison import QueueComparison
from infra.queue.errors import QueueCut
from infra.timeouts import Timeout
from schemas.command_parser import read_command
from tests.infra.queue.test_command_line import opening

LINE, OTHER = (json.dumps(opening(unit)).encode() for unit in ("04630", "04633"))
COMMAND = read_command(LINE)
TOPIC = Topic("x.commands", Identity("cluster", uuid4(), 1), 1000)
PLACE = QueuePosition(TOPIC.identity.topic_id, 7)
HANDLED = LastHandled(PLACE, RecordedCommand(7, COMMAND.command_id, COMMAND.digest))


class Partition:
    """One partition of the queue: where it ends, and what stands at offset 7."""

    def __init__(self, end: int = 8, *records: Record) -> None:
        self.session: object = None
        self.ends = end
        self.fetches = [[record] for record in records or (Record(7, LINE),)]
        self.asked = 0

    def end(self) -> int:
        self.asked += 1
        self.session = self.session or "first"
        return self.ends

    def follow(self, start: int, seconds: float) -> FetchResult:
        assert (start, seconds) == (7, 0.0)
        return FetchResult(self.fetches.pop(0) if len(self.fetches) > 1 else self.fetches[0], 8)


def comparison(partition: Partition) -> QueueComparison:
    return QueueComparison(cast(KafkaPartitionClient, partition), TOPIC, 0)


def compare(partition: Partition, handled: LastHandled | None = HANDLED) -> QueueComparison:
    made = comparison(partition)
    made.compare(lambda: handled)
    return made


def test_a_queue_that_holds_the_last_handled_command_is_asked_once_a_session() -> None:
    partition = Partition()
    made = compare(partition)
    for _ in range(3):
        made.compare(lambda: HANDLED)
    assert partition.asked == 1
    partition.session = "second"
    made.compare(lambda: HANDLED)
    assert partition.asked == 2
    partition.session = None
    made.compare(lambda: HANDLED)
    assert partition.asked == 3


@pytest.mark.parametrize(
    ("end", "record"),
    [
        (7, Record(7, LINE)),
        (0, Record(7, LINE)),
        (9, Record(7, OTHER)),
        (9, Record(8, LINE)),
        (9, Record(7, None)),
        (9, Record(7, b"no command")),
        (9, Record(7, None, 0, UnreadableBatch(7, "garbage"))),
        (9, Record(7, json.dumps(json.loads(LINE) | {"command_id": str(uuid4())}).encode())),
    ],
)
def test_a_queue_that_ends_before_it_or_has_something_else_there_is_cut(end: int, record: Record) -> None:
    partition = Partition(end, record)
    made = comparison(partition)
    for _ in range(2):
        with pytest.raises(QueueCut) as cut:
            made.compare(lambda: HANDLED)
    assert (cut.value.details["topic"], cut.value.details["handled"]) == ("x.commands", 7)
    assert made.session is None


@pytest.mark.parametrize("value", [b"no command", b"", None])
def test_what_is_no_command_is_known_by_its_bytes(value: bytes | None) -> None:
    handled = LastHandled(PLACE, RecordedCommand(7, None, sha256(value or b"").digest()))
    compare(Partition(8, Record(7, value)), handled)
    with pytest.raises(QueueCut):
        compare(Partition(8, Record(7, LINE)), handled)


def test_of_what_nothing_is_known_the_end_alone_tells() -> None:
    compare(Partition(8, Record(7, b"anything")), LastHandled(PLACE, None))
    with pytest.raises(QueueCut):
        compare(Partition(7), LastHandled(PLACE, None))


def test_a_log_that_has_handled_nothing_of_this_queue_says_nothing_about_it() -> None:
    """Nor one that has handled another topic's: that is another error."""
    for handled in (None, LastHandled(QueuePosition(uuid4(), 7), None)):
        made = compare(Partition(0), handled)
        made.check_offset(0)
        assert made.session == "first"


def test_a_leader_that_has_not_caught_up_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not give yet is not gone; what nobody gives is."""
    partition = Partition(8, Record(7, LINE))
    partition.fetches = [[], [], [Record(7, LINE)]]
    compare(partition)
    assert partition.asked == 3
    monkeypatch.setattr(Timeout.LEADER, "seconds", 0.0)
    partition.fetches, partition.session = [[]], None
    with pytest.raises(QueueCut):
        compare(partition)


@pytest.mark.parametrize(("offset", "is_cut"), [(6, True), (7, True), (8, False)])
def test_an_offset_that_was_handled_is_given_to_nobody_else(offset: int, is_cut: bool) -> None:
    made = compare(Partition())
    caught: Any = None
    try:
        made.check_offset(offset)
    except QueueCut as error:
        caught = error
    assert (caught is not None) is is_cut
