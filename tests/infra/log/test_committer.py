"""The rule and the real committer against an adversary: several writers on a log in memory."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, Tracking
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from consumers.commands.ports import CommandKey, ConcurrencyConflict, QueuePosition
from infra.kafka.topics import Identity
from infra.log import partition as partition_module
from infra.log.acceptance import ChainState, Verdict, accept
from infra.log.append_requests import AppendRequest, BatchView, EventsRequest, OutcomesRequest, RequestCheck
from infra.log.committer import Committer
from infra.log.errors import LogChanged
from infra.log.format import Append, HandledCommand, RecordedOutcome, first_hash, read_header
from infra.log.index import Index, open_index
from infra.log.partition import Partition, PartitionAddress
from infra.retry import Retry
from tests.support.memory_log import Answer, Fate, Killed, MemoryLog, MemoryPartitionClient, accepted

ADDRESS = PartitionAddress("memory", "app", 1, 0)
IDENTITY = Identity("cluster", UUID(int=1), 1)
COMMANDS = UUID(int=2)
ORIGINATORS = [UUID(int=number).hex for number in range(4)]
WRITERS = 3
BEHIND = 9
# Thousands of small index files are made here, and no crash of the system is meant.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108

writers = st.integers(0, WRITERS - 1)
mostly_well = st.sampled_from([Fate.DELIVERED] * 6 + list(Fate))


@dataclass
class Writer:
    """A process: its index file, and what it made of it."""

    name: str
    path: Path
    client: MemoryPartitionClient
    index: Index
    partition: Partition
    committer: Committer


class Machine(RuleBasedStateMachine):
    """Writers append, race, are killed and come back; records are delayed, doubled and lost."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None))
        self.log = MemoryLog()
        self.first = first_hash("app", 1, 0)
        self.writers: list[Writer] = []
        self.copies: list[Path] = []
        self.acknowledged: dict[bytes, int] = {}
        self.refused: set[bytes] = set()
        self.next_command = 0
        self.appended: list[Append] = []
        self.no_pauses = patch.object(Retry, "pause", lambda _tries: None)
        self.no_pauses.start()

    @initialize()
    def start(self) -> None:
        self.writers = [self._start(f"w{number}", self.folder / f"{number}.sqlite") for number in range(WRITERS)]

    def _start(self, name: str, path: Path) -> Writer:
        client = MemoryPartitionClient(self.log)
        index = open_index(path, "app", IDENTITY, 0)
        partition = Partition(ADDRESS, client, index)
        return Writer(name, path, client, index, partition, Committer(partition, name))

    def teardown(self) -> None:
        try:
            if self.writers:
                # Whatever was on its way comes now.
                self.deliver_all()
                self.agree()
        finally:
            for writer in self.writers:
                writer.index.close()
            self.no_pauses.stop()
            shutil.rmtree(self.folder)

    @rule(
        number=writers,
        fate=mostly_well,
        racer=st.none() | writers,
        sizes=st.lists(
            st.tuples(st.sampled_from(ORIGINATORS), st.integers(1, 3), st.integers(-1, 1)), min_size=1, max_size=4
        ),
    )
    def insert(self, number: int, fate: Fate, racer: int | None, sizes: list[tuple[str, int, int]]) -> None:
        """Library calls at once: some of the next version, some behind it, some after a gap."""
        writer = self.writers[number]
        requests: list[AppendRequest] = []
        for originator, count, skew in sizes:
            first = (writer.partition.last_version(originator) or 0) + 1 + skew
            if first < 1:
                continue
            events = [(originator, first + place, "Happened", b"state") for place in range(count)]
            requests.append(EventsRequest([Append(uuid4().bytes, RecordedOutcome.EVENTS, events)]))
        self._submit(writer, requests, fate, self._racing(writer, racer))

    @rule(
        number=writers,
        fate=mostly_well,
        racer=st.none() | writers,
        count=st.integers(0, 2),
        again=st.integers(0, 9),
    )
    def decide(self, number: int, fate: Fate, racer: int | None, count: int, again: int) -> None:
        """A worker's group: decisions with their commands, on the head that it knows or on one behind."""
        writer = self.writers[number]
        appends = []
        for originator in ORIGINATORS[: count + 1]:
            version = (writer.partition.last_version(originator) or 0) + 1
            command_id = uuid4()
            self.next_command += 1
            appends.append(
                Append(
                    uuid4().bytes,
                    RecordedOutcome.EVENTS if count else RecordedOutcome.REFUSED,
                    [(originator, version, "Decided", b"")] if count else [],
                    HandledCommand(CommandKey(bytes(6), command_id), bytes(32), "{}"),
                    QueuePosition(COMMANDS, self.next_command),
                )
            )
        if again and self.appended:
            # A worker that came back hands over what had been handled, or not.
            old = self.appended[again % len(self.appended)]
            appends = [old._replace(commit_id=uuid4().bytes, events=())]
        else:
            self.appended += appends
        # Every tenth on a head that is not the present one.
        head = writer.partition.state.position - 1 - (again == BEHIND)
        self._submit(writer, [OutcomesRequest(appends, head)], fate, self._racing(writer, racer))

    @rule(number=writers, fate=mostly_well, position=st.integers(1, 6))
    def track(self, number: int, fate: Fate, position: int) -> None:
        """Tracking alone."""
        append = Append(uuid4().bytes, RecordedOutcome.TRACKED, tracking=Tracking("upstream", position))
        self._submit(self.writers[number], [EventsRequest([append])], fate, None)

    @rule(place=st.integers(0, 20), twice=st.booleans())
    def deliver(self, place: int, twice: bool) -> None:
        """Something that was delayed comes."""
        if self.log.on_the_way:
            value = self.log.on_the_way.pop(place % len(self.log.on_the_way))
            for _ in range(1 + twice):
                self.log.append(value)

    def deliver_all(self) -> None:
        while self.log.on_the_way:
            self.log.append(self.log.on_the_way.pop())

    @rule(value=st.none() | st.binary(max_size=120).filter(lambda value: not value or value[0] < 0xF8))
    def intrude(self, value: bytes | None) -> None:
        """A stranger writes."""
        self.log.append(value)

    @rule(number=writers)
    def read(self, number: int) -> None:
        """A process reads to the end."""
        with self.writers[number].committer.leading() as partition:
            partition.read_on()

    @rule(number=writers)
    def copy_index(self, number: int) -> None:
        """A backup of an index, to come back as a stale one."""
        copy = self.folder / f"copy-{len(self.copies)}"
        with closing(sqlite3.connect(self.writers[number].path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        self.copies.append(copy)

    @rule(number=writers, index=st.sampled_from(["own", "stale", "none"]))
    def restart(self, number: int, index: str) -> None:
        """A process ends, and comes back on its own index, a stale one or none."""
        self._restart(self.writers[number], index)

    def _restart(self, writer: Writer, index: str) -> None:
        writer.index.close()
        path = writer.path
        if index != "own":
            path = self.folder / f"{uuid4().hex}.sqlite"
            if index == "stale" and self.copies:
                shutil.copy(self.copies[-1], path)
        self.writers[self.writers.index(writer)] = self._start(writer.name, path)

    def _racing(self, writer: Writer, racer: int | None) -> Callable[[], None] | None:
        """Another process appends in the very moment."""
        if racer is None or self.writers[racer] is writer:
            return None
        other = self.writers[racer]

        def race() -> None:
            originator = ORIGINATORS[0]
            with other.committer.leading() as partition:
                partition.read_on()
                version = (partition.last_version(originator) or 0) + 1
            request = EventsRequest(
                [Append(uuid4().bytes, RecordedOutcome.EVENTS, [(originator, version, "Raced", b"")])]
            )
            self._submit(other, [request], Fate.DELIVERED, None)

        return race

    def _submit(
        self, writer: Writer, requests: list[AppendRequest], fate: Fate, before: Callable[[], None] | None
    ) -> None:
        """Hand all over at once, and see them decided as their callers' threads would."""
        if not requests:
            return
        writer.client.fates = [(fate, before)]
        committer: Any = writer.committer
        committer._queue.extend(requests[1:])
        # The first in the queue is the one whose thread leads.
        try:
            self._call(requests[0], lambda: committer.submit(requests[0]))
            while waiting := [request for request in requests if not request.done]:
                successor = next(
                    request for request in waiting if request.is_leader and request.lock.acquire(blocking=False)
                )
                self._call(successor, lambda leader=successor: self._lead(committer, leader))  # type: ignore[misc]
            for request in requests[1:]:
                self._call(request, lambda decided=request: _result(decided))  # type: ignore[misc]
        except Killed:
            self._restart(writer, "own")
        writer.client.fates = []

    def _lead(self, committer: Any, request: AppendRequest) -> int:
        committer._lead_until_done(request)
        return _result(request)

    def _call(self, request: AppendRequest, call: Callable[[], int]) -> None:
        try:
            position = call()
        except (IntegrityError, ConcurrencyConflict):
            self.refused.update(append.commit_id for append in request.appends)
            return
        for append in request.appends:
            self.acknowledged[append.commit_id] = position
            position += len(append.events)

    @invariant()
    def agree(self) -> None:
        """Nothing acknowledged is lost, nothing refused is there, nothing is twice, and nobody reads otherwise."""
        chain = accepted(self.log, self.first)
        places: dict[bytes, int] = {}
        versions: Counter[str] = Counter()
        commands: set[UUID] = set()
        offset, tracked, next_position = 0, 0, 1
        for position, appends in chain:
            assert position == next_position
            for append in appends:
                assert append.commit_id not in places
                places[append.commit_id] = next_position
                next_position += len(append.events)
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
        for commit_id, position in self.acknowledged.items():
            assert places[commit_id] == position
        assert not self.refused & places.keys()
        for writer in self.writers:
            state = writer.partition.state
            assert not state.orphans
            # A prefix, and a whole one in the index too.
            if state.number:
                assert state.position == chain[state.number - 1][0] + sum(
                    len(append.events) for append in chain[state.number - 1][1]
                )
            head = writer.index.head()
            assert head is None or head.state == state


def _result(request: AppendRequest) -> int:
    if request.error is not None:
        raise request.error
    return request.position


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


def _trusts_the_answer(self: Any, _batch: list[AppendRequest], offset: int | None) -> None:
    if offset is None:
        self._partition.discard()
        self._partition.read_on()
        return
    self._partition.accept()


def _ignores_the_previous_hash(state: ChainState, offset: int, value: bytes | None) -> tuple[ChainState, Verdict]:
    header = read_header(value)
    return accept(state if header is None else state._replace(head=header.previous), offset, value)


def _looks_up_no_ids(self: Any, commit_id: bytes, position: int) -> None:
    request = self._awaited.get(commit_id)
    if request is not None and self._partition._uncommitted is not None:
        request.position = position
        self._decide(request)


@pytest.mark.parametrize(
    ("where", "name", "instead"),
    [
        pytest.param(Committer, "_settle", _trusts_the_answer, id="trusts the answer"),
        pytest.param(partition_module, "accept", _ignores_the_previous_hash, id="ignores the previous hash"),
        pytest.param(Committer, "_commit_found", _looks_up_no_ids, id="looks up no ids"),
        pytest.param(BatchView, "check_versions", lambda _self, _appends: RequestCheck.VALID, id="takes any version"),
        pytest.param(BatchView, "check_tracking", lambda _self, _append: RequestCheck.VALID, id="takes any tracking"),
        pytest.param(BatchView, "is_free", lambda _self, _append: True, id="handles a command twice"),
    ],
)
def test_finds_what_is_broken(where: object, name: str, instead: object) -> None:
    """The adversary is worth something: it finds each of these."""
    quick = settings(
        TestMachine.settings, max_examples=400, database=None, report_multiple_bugs=False, phases=[Phase.generate]
    )
    with patch.object(where, name, instead), pytest.raises(BaseException, match=r"(?s).*") as found:
        run_state_machine_as_test(Machine, settings=quick)
    # The fault was found by what it does to the log, not by the test's own mistakes.
    assert not isinstance(found.value, (AttributeError, NameError, TypeError))


def test_a_record_that_was_acknowledged_and_is_gone_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Brokers that lost their disks do that. The caller is not left waiting for it."""
    client = MemoryPartitionClient(MemoryLog())
    index = open_index(tmp_path / "index.sqlite", "app", IDENTITY, 0)
    committer = Committer(Partition(ADDRESS, client, index), "writer")
    monkeypatch.setattr(client, "send", lambda _value: Answer(7))
    monkeypatch.setattr(Retry, "is_over", property(lambda _tries: True))
    append = Append(uuid4().bytes, RecordedOutcome.EVENTS, [(ORIGINATORS[0], 1, "Happened", b"")])
    with pytest.raises(LogChanged, match="offset 7 was acknowledged, and is not there"):
        committer.submit(EventsRequest([append]))
    index.close()
