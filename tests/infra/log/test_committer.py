"""The rule and the real committer against an adversary: several writers on a log in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from infra.log import partition_reading
from infra.log.acceptance import ChainState, History, Verdict, accept, start
from infra.log.append_requests import AppendRequest, BatchView, EventsRequest, ReadRequest, RequestCheck
from infra.log.committer import Committer
from infra.log.errors import LogChanged
from infra.log.format import Append, RecordedOutcome, read_header
from infra.log.index_file import open_index
from infra.log.partition import Partition
from infra.retry import Retry
from tests.infra.log.adversary import Adversary
from tests.infra.log.machine import ADDRESS, GENESIS, IDENTITY, OPERATOR, ORIGINATORS, SETTINGS, Machine
from tests.support.memory_log import Answer, MemoryLog, MemoryPartitionClient, accepted
from tests.support.signing import PLACE, founded

TestMachine = Machine.TestCase
TestMachine.settings = SETTINGS
TestAdversary = Adversary.TestCase
TestAdversary.settings = SETTINGS


def _trusts_the_answer(self: Any, _batch: list[AppendRequest], offset: int | None) -> None:
    if offset is None:
        self._partition.discard()
        self._partition.read_on()
        return
    self._partition.accept()


def _ignores_the_previous_hash(
    state: ChainState, offset: int, value: bytes | None, history: History
) -> tuple[ChainState, Verdict]:
    header = read_header(value)
    return accept(state if header is None else state._replace(head=header.previous), offset, value, history)


def _looks_up_no_ids(self: Any, commit_id: bytes, position: int) -> None:
    request = self._awaited.get(commit_id)
    if request is not None and self._partition._uncommitted is not None:
        request.position = position
        self._decide(request)


@pytest.mark.parametrize(
    ("where", "name", "instead"),
    [
        pytest.param(Committer, "_settle", _trusts_the_answer, id="trusts the answer"),
        pytest.param(partition_reading, "accept", _ignores_the_previous_hash, id="ignores the previous hash"),
        pytest.param(Committer, "_commit_found", _looks_up_no_ids, id="looks up no ids"),
        pytest.param(BatchView, "check_versions", lambda _self, _appends: RequestCheck.VALID, id="takes any version"),
        pytest.param(BatchView, "check_tracking", lambda _self, _append: RequestCheck.VALID, id="takes any tracking"),
        pytest.param(BatchView, "is_free", lambda _self, _append: True, id="handles a command twice"),
    ],
)
def test_finds_what_is_broken(where: object, name: str, instead: object) -> None:
    """The adversary is worth something: it finds each of these."""
    _find(Machine, where, name, instead)


def _find(machine: type[RuleBasedStateMachine], where: object, name: str, instead: object) -> None:
    quick = settings(SETTINGS, max_examples=400, database=None, report_multiple_bugs=False, phases=[Phase.generate])
    with patch.object(where, name, instead), pytest.raises(BaseException, match=r"(?s).*") as found:
        run_state_machine_as_test(machine, settings=quick)
    # The fault was found by what it does to the log, not by the test's own mistakes.
    assert not isinstance(found.value, (AttributeError, NameError, TypeError))


def test_a_record_that_was_acknowledged_and_is_gone_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Brokers that lost their disks do that. The caller is not left waiting for it."""
    client = MemoryPartitionClient(MemoryLog([founded(start(PLACE), GENESIS, by=OPERATOR)]))
    index = open_index(tmp_path / "index.sqlite", "app", IDENTITY, 0)
    committer = Committer(Partition(ADDRESS, client, index), "writer", lambda: OPERATOR)
    monkeypatch.setattr(client, "send", lambda _value: Answer(7))
    monkeypatch.setattr(Retry, "is_over", property(lambda _tries: True))
    append = Append(uuid4().bytes, RecordedOutcome.EVENTS, [(ORIGINATORS[0], 1, "Happened", b"")])
    with pytest.raises(LogChanged, match="offset 7 was acknowledged, and is not there"):
        committer.submit(EventsRequest([append]))
    index.close()


def _append(originator: str) -> EventsRequest:
    return EventsRequest([Append(uuid4().bytes, RecordedOutcome.EVENTS, [(originator, 1, "Happened", b"")])])


class Lost(NamedTuple):
    """A log behind whose last record strangers had put three, all read by `partition`, and lost since."""

    log: MemoryLog
    client: MemoryPartitionClient
    partition: Partition
    file: Path

    def connect_anew(self, appends: int) -> None:
        """Others append meanwhile, with an index of their own."""
        path = self.file.with_name("others.sqlite")
        with closing(open_index(path, "app", IDENTITY, 0)) as index:
            partition = Partition(ADDRESS, MemoryPartitionClient(self.log), index)
            committer = Committer(partition, "others", lambda: OPERATOR)
            for originator in ORIGINATORS[:appends]:
                committer.submit(_append(originator))
        self.client.session = "another"


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lost]:
    monkeypatch.setattr(Retry, "is_over", property(lambda _tries: True))
    log = MemoryLog([founded(start(PLACE), GENESIS, by=OPERATOR), b"", b"{}", bytes(200)])
    client, path = MemoryPartitionClient(log), tmp_path / "index.sqlite"
    with closing(open_index(path, "app", IDENTITY, 0)) as index:
        partition = Partition(ADDRESS, client, index)
        assert partition.next_offset == len(log.records)
        del log.records[1:]
        yield Lost(log, client, partition, path)


@pytest.mark.parametrize("appends", [0, 1, 3, 4])
def test_what_stands_where_strangers_records_were_lost_is_never_passed_over(lost: Lost, appends: int) -> None:
    """The last accepted record still stands, so that nothing but the offsets behind it tells that the end was lost."""
    lost.connect_anew(appends)
    before = list(lost.log.records)
    with pytest.raises(LogChanged):
        lost.partition.read_on()
    with pytest.raises(LogChanged):
        Committer(lost.partition, "writer", lambda: OPERATOR).submit(ReadRequest())
    assert lost.log.records == before


def test_an_own_record_counts_only_in_the_log_that_was_read(lost: Lost) -> None:
    """It gets the offset that was to come next, and is built on a head that others have built on meanwhile."""
    committer = Committer(lost.partition, "writer", lambda: OPERATOR)
    lost.connect_anew(appends=3)
    with pytest.raises(LogChanged, match="the record at offset 1 is not the one that had been read"):
        committer.submit(_append(ORIGINATORS[0]))
    assert [position for position, _ in accepted(lost.log)] == [1, 2, 3]
    assert lost.partition.state.number == 1


def test_an_index_is_compared_with_the_log_as_far_as_it_was_read(lost: Lost, tmp_path: Path) -> None:
    """Not only with the last record that counts: whoever begins with it finds what it has never read."""
    lost.connect_anew(appends=3)
    again = tmp_path / "again.sqlite"
    with closing(sqlite3.connect(lost.file)) as connection, closing(sqlite3.connect(again)) as copy:
        connection.backup(copy)
    with closing(open_index(again, "app", IDENTITY, 0)) as index, pytest.raises(LogChanged):
        Partition(ADDRESS, lost.client, index)


def test_strangers_records_that_came_behind_the_head_are_read_over_once_more(tmp_path: Path) -> None:
    """In another session, as in the first, they are what they were."""
    log = MemoryLog([founded(start(PLACE), GENESIS, by=OPERATOR), *(bytes([at]) for at in range(20))])
    client = MemoryPartitionClient(log)
    with closing(open_index(tmp_path / "index.sqlite", "app", IDENTITY, 0)) as index:
        partition = Partition(ADDRESS, client, index)
        client.session = "another"
        committer = Committer(partition, "writer", lambda: OPERATOR)
        assert committer.submit(_append(ORIGINATORS[0])) == 1
        assert partition.head.ignored.foreign == 20
