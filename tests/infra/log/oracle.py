"""What must hold of a log and of all who use it, whatever the machine does: compared with a reader of its own hand."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, invariant

from infra.log.committer import Committer
from infra.log.format import Append, EventRow, UnreadableBody, decode_body
from infra.log.index import Index
from infra.log.partition import Partition
from tests.support.memory_log import MemoryLog, MemoryPartitionClient
from tests.support.second_rule import APPENDS, AcceptedRecord, SecondReader


@dataclass
class Writer:
    """A process: its index file, and what it made of it."""

    number: int
    path: Path
    client: MemoryPartitionClient
    index: Index
    partition: Partition
    committer: Committer


class Oracle(RuleBasedStateMachine):
    """A log in memory, its processes, and what their callers were told."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog()
        self.second = SecondReader("app", 1, 0)
        self.read_by_second = 0
        self.writers: list[Writer | None] = []
        self.acknowledged: dict[bytes, int] = {}
        self.refused: set[bytes] = set()
        self.voided: set[int] = set()
        """Numbers of the records that the roots voided."""
        self.unusable: set[bytes] = set()
        """Hashes of the records that nobody can use."""

    def _second(self) -> SecondReader:
        """The log by the second hand, as it is now."""
        for offset, value in enumerate(self.log.records[self.read_by_second :], self.read_by_second):
            self.second.take(offset, value)
        self.read_by_second = len(self.log.records)
        return self.second

    @invariant()
    def agree(self) -> None:
        """Nothing acknowledged is lost, nothing refused is there, nothing is twice, and nobody reads otherwise."""
        second = self._second()
        assert {record.number for record in second.accepted if record.void} == self.voided
        places: dict[bytes, int] = {}
        versions: Counter[str] = Counter()
        commands: set[UUID] = set()
        offset, tracked = 0, 0
        for record in self._counting():
            position = record.position
            for append in decode_body(record.value).appends:
                assert append.commit_id not in places
                places[append.commit_id] = position
                position += len(append.events)
                for originator, version, _, _ in append.events:
                    assert version == versions[originator] + 1
                    versions[originator] = version
                if append.command is not None:
                    assert append.command.key.command_id not in commands
                    commands.add(append.command.key.command_id)
                if append.source is not None:
                    assert append.source.offset > offset
                    offset = append.source.offset
                if append.tracking is not None:
                    assert append.tracking.notification_id > tracked
                    tracked = append.tracking.notification_id
            assert position == record.position + record.counted
        void = {append.commit_id for record in second.accepted if record.void for append in _appends(record)}
        for commit_id, position in self.acknowledged.items():
            assert places.get(commit_id) == position or commit_id in void
        assert not self.refused & places.keys()
        for writer in self.writers:
            if writer is not None:
                self._check_prefix(writer, second)

    def _check_prefix(self, writer: Writer, second: SecondReader) -> None:
        """What a process knows is a part of the log from its beginning on, and its index holds no less."""
        state = writer.partition.state
        last = second.accepted[state.number - 1]
        assert state.head == sha256(last.value).digest()
        assert state.position == last.position + last.counted
        if state.number == len(second.accepted):
            assert state.keys is not None
            assert (state.keys.writers, state.keys.statements) == (second.writers, second.statements)
            void = {number for found in state.voids for number in range(found.first, found.last + 1)}
            assert void == {record.number for record in second.accepted if record.void}
        # Nobody goes on behind a record that nobody can use, until it is void.
        assert not any(
            sha256(record.value).digest() in self.unusable and not record.void
            for record in second.accepted[: state.number]
        )
        head = writer.index.head()
        assert head is None or head.state == state

    def _check_whole(self, writer: Writer) -> None:
        """At the end, a process knows the whole log, and its index holds exactly the events that count."""
        second, state = self._second(), writer.partition.state
        assert (state.head, state.number) == (second.head, len(second.accepted))
        assert state.keys is not None
        assert (state.keys.writers, state.keys.statements) == (second.writers, second.statements)
        with closing(sqlite3.connect(writer.path)) as index:
            found = index.execute("SELECT rowid, * FROM stored_events ORDER BY rowid").fetchall()
            records = index.execute("SELECT number, hash FROM accepted_records ORDER BY number").fetchall()
        expected = [
            (position, *event)
            for record in self._counting()
            for position, event in enumerate(_events(record), record.position)
        ]
        assert found == expected
        assert records == [(record.number, sha256(record.value).digest()) for record in second.accepted]

    def _counting(self) -> list[AcceptedRecord]:
        """Records of appends that count, up to the first one that nobody can use."""
        found = [record for record in self._second().accepted if not record.void]
        usable = takewhile(lambda record: sha256(record.value).digest() not in self.unusable, found)
        return [record for record in usable if record.format == APPENDS]


def _appends(record: AcceptedRecord) -> list[Append]:
    """None where the body cannot be read."""
    try:
        return decode_body(record.value).appends if record.format == APPENDS else []
    except UnreadableBody:
        return []


def _events(record: AcceptedRecord) -> list[EventRow]:
    return [event for append in _appends(record) for event in append.events]
