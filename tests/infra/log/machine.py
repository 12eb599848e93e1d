"""Writers on a log in memory, whose network delays, loses, doubles and reorders."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, Tracking
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from consumers.commands.ports import CommandKey, ConcurrencyConflict, QueuePosition
from infra.errors import LogUnusable
from infra.kafka.topics import Identity
from infra.log.acceptance import start as begin
from infra.log.append_requests import AppendRequest, EventsRequest, OutcomesRequest
from infra.log.committer import Committer
from infra.log.format import (
    Append,
    Body,
    HandledCommand,
    Header,
    RecordedOutcome,
    UnreadableBody,
)
from infra.log.index_file import open_index
from infra.log.partition import Partition
from infra.log.partition_knowledge import PartitionAddress
from infra.retry import Retry
from tests.infra.log.oracle import Oracle, Writer
from tests.support.memory_log import Fate, Killed, MemoryPartitionClient
from tests.support.signing import PLACE, ROOT, SECOND_ROOT, WRITERS, founded, genesis_of, signer

ADDRESS = PartitionAddress("memory", "app", 1, 0)
IDENTITY = Identity("cluster", UUID(int=1), 1)
COMMANDS = UUID(int=2)
ORIGINATORS = [UUID(int=number).hex for number in range(4)]
OPERATOR, MOLE = signer(50), signer(66)
"""The key of the tools' host, and a hostile writer's, which has stolen one root of two as well."""
GENESIS = genesis_of(roots=(ROOT, SECOND_ROOT), threshold=2, writers=(OPERATOR, *WRITERS, MOLE))
OLDER = len(WRITERS) - 1
"""The process whose decoder does not know NEWER, a topic of events."""
NEWER = "Newer"
BEHIND = 9
# Thousands of small index files are made here, and no crash of the system is meant.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108

SETTINGS = settings(max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))

writers = st.integers(0, len(WRITERS) - 1)
mostly_well = st.sampled_from([Fate.DELIVERED] * 6 + list(Fate))


class OlderPartition(Partition):
    """A reader whose decoder does not know what others append."""

    def _body(self, header: Header, value: bytes) -> Body:
        body = super()._body(header, value)
        if any(topic == NEWER for append in body.appends for _, _, topic, _ in append.events):
            raise UnreadableBody("an older decoder")
        return body


class Machine(Oracle):
    """Writers append, race, are killed and come back; records are delayed, doubled and lost."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None))
        self.copies: list[Path] = []
        self.next_command = 0
        self.is_broken = False
        """Whether a process failed otherwise than it may: callers of its may wait for ever."""
        self.appended: list[Append] = []
        self.no_pauses = patch.object(Retry, "pause", lambda _tries: None)
        self.no_pauses.start()

    @initialize()
    def start(self) -> None:
        self.log.append(founded(begin(PLACE), GENESIS, by=OPERATOR))
        self.writers = [self._start(number, self.folder / f"{number}.sqlite") for number in range(len(WRITERS))]

    def _start(self, number: int, path: Path) -> Writer | None:
        """A process; None where it halts at once. The last one has an older decoder."""
        client = MemoryPartitionClient(self.log)
        index = open_index(path, "app", IDENTITY, 0)
        kind = OlderPartition if number == OLDER else Partition
        try:
            partition = kind(ADDRESS, client, index)
        except LogUnusable:
            index.close()
            return None
        return Writer(
            number, path, client, index, partition, Committer(partition, f"w{number}", lambda: WRITERS[number])
        )

    def _up(self, number: int) -> Writer | None:
        """A process, started when it is down; None where it halts."""
        if self.writers[number] is None:
            self.writers[number] = self._start(number, self.folder / f"{uuid4().hex}.sqlite")
        return self.writers[number]

    def teardown(self) -> None:
        try:
            if self.writers and not self.is_broken:
                # Whatever was on its way comes now, and what is broken is mended.
                self.deliver_all()
                self.mend_all()
                self.agree()
                for number in range(len(WRITERS)):
                    up = self._up(number)
                    assert up is not None
                    self._check_whole(up)
        finally:
            for writer in self.writers:
                if writer is not None:
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
    def insert(
        self, number: int, fate: Fate, racer: int | None, sizes: list[tuple[str, int, int]], topic: str = "Happened"
    ) -> None:
        """Library calls at once: some of the next version, some behind it, some after a gap."""
        writer = self._up(number)
        if writer is None:
            return
        requests: list[AppendRequest] = []
        for originator, count, skew in sizes:
            first = (writer.partition.last_version(originator) or 0) + 1 + skew
            if first < 1:
                continue
            events = [(originator, first + place, topic, b"state") for place in range(count)]
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
        writer = self._up(number)
        if writer is None:
            return
        appends = []
        for originator in ORIGINATORS[: count + 1]:
            version = (writer.partition.last_version(originator) or 0) + 1
            self.next_command += 1
            appends.append(
                Append(
                    uuid4().bytes,
                    RecordedOutcome.EVENTS if count else RecordedOutcome.REFUSED,
                    [(originator, version, "Decided", b"")] if count else [],
                    HandledCommand(CommandKey(bytes(6), uuid4()), bytes(32), "{}"),
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
        head, given = writer.partition.state.last_position, writer.partition.state.position - 1
        request = OutcomesRequest(appends, head - (again == BEHIND), given)
        self._submit(writer, [request], fate, self._racing(writer, racer))

    @rule(number=writers, fate=mostly_well, position=st.integers(1, 6))
    def track(self, number: int, fate: Fate, position: int) -> None:
        """Tracking alone."""
        writer = self._up(number)
        if writer is not None:
            append = Append(uuid4().bytes, RecordedOutcome.TRACKED, tracking=Tracking("upstream", position))
            self._submit(writer, [EventsRequest([append])], fate, None)

    @rule(place=st.integers(0, 20), twice=st.booleans())
    def deliver(self, place: int, twice: bool) -> None:
        """Something that was delayed comes."""
        if self.log.on_the_way:
            value = self.log.on_the_way.pop(place % len(self.log.on_the_way))
            for _ in range(1 + twice):
                self.log.append(value)

    def mend_all(self) -> None:
        """Nothing is broken by this adversary; every process reads to the end."""
        for number in range(len(WRITERS)):
            self.read(number)

    def deliver_all(self) -> None:
        while self.log.on_the_way:
            self.log.append(self.log.on_the_way.pop())

    @rule(value=st.none() | st.binary(max_size=200), replayed=st.none() | st.integers(0, 50))
    def intrude(self, value: bytes | None, replayed: int | None) -> None:
        """A stranger writes anything, or what stands there already."""
        self.log.append(value if replayed is None else self.log.records[replayed % len(self.log.records)])

    @rule(number=writers)
    def read(self, number: int) -> None:
        """A process reads to the end."""
        writer = self._up(number)
        if writer is not None:
            with suppress(LogUnusable), writer.committer.leading() as partition:
                partition.read_on()

    @rule(number=writers)
    def copy_index(self, number: int) -> None:
        """A backup of an index, to come back as a stale one."""
        writer = self._up(number)
        if writer is None:
            return
        copy = self.folder / f"copy-{len(self.copies)}"
        with closing(sqlite3.connect(writer.path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        self.copies.append(copy)

    @rule(number=writers, index=st.sampled_from(["own", "stale", "none"]))
    def restart(self, number: int, index: str) -> None:
        """A process ends, and comes back on its own index, a stale one or none."""
        writer = self._up(number)
        if writer is not None:
            self._restart(writer, index)

    def _restart(self, writer: Writer, index: str) -> None:
        writer.index.close()
        path = writer.path
        if index != "own":
            path = self.folder / f"{uuid4().hex}.sqlite"
            if index == "stale" and self.copies:
                shutil.copy(self.copies[-1], path)
        self.writers[writer.number] = self._start(writer.number, path)

    def _racing(self, writer: Writer, racer: int | None) -> Callable[[], None] | None:
        """Another process appends in the very moment."""
        other = self._up(racer) if racer is not None and racer != writer.number else None
        if other is None:
            return None

        def race() -> None:
            originator = ORIGINATORS[0]
            try:
                with other.committer.leading() as partition:
                    partition.read_on()
                    version = (partition.last_version(originator) or 0) + 1
            except LogUnusable:
                return
            request = EventsRequest(
                [Append(uuid4().bytes, RecordedOutcome.EVENTS, [(originator, version, "Raced", b"")])]
            )
            self._submit(other, [request], Fate.DELIVERED, None)

        return race

    def _check_halt(self, halt: LogUnusable) -> None:
        """Whether an append may end so."""

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
        except BaseException:
            self.is_broken = True
            raise
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
        except LogUnusable as halt:
            # Whether it was appended is not known to its caller.
            self._check_halt(halt)
            return
        if isinstance(request, OutcomesRequest):
            # Answers name the positions of their events, and were made before.
            assert position == request._given + 1
        for append in request.appends:
            self.acknowledged[append.commit_id] = position
            position += len(append.events)


def _result(request: AppendRequest) -> int:
    if request.error is not None:
        raise request.error
    return request.position
