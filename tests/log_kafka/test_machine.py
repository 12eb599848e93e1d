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

from eventsourcing.persistence import IntegrityError, Tracking
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consumers.ports import CommandKey, Conflict, Source
from infra.log.kafka import committer as committer_module
from infra.log.kafka.committer import Committer
from infra.log.kafka.format import Append, Command, Outcome, first_hash
from infra.log.kafka.index import Index
from infra.log.kafka.jobs import DecisionsJob, EventsJob, Job
from infra.log.kafka.partition import Partition, Place
from infra.log.kafka.topics import Identity
from tests.log_kafka.memory import Fate, Killed, MemoryLog, MemoryTape, accepted

PLACE = Place("memory", "app", 1, 0)
IDENTITY = Identity("cluster", UUID(int=1), 1)
COMMANDS = UUID(int=2)
ORIGINATORS = [UUID(int=number).hex for number in range(4)]
WRITERS = 3

writers = st.integers(0, WRITERS - 1)
mostly_well = st.sampled_from([Fate.DELIVERED] * 6 + list(Fate))


@dataclass
class Writer:
    """A process: its index file, and what it made of it."""

    name: str
    path: Path
    tape: MemoryTape
    index: Index
    partition: Partition
    committer: Committer


class Machine(RuleBasedStateMachine):
    """Writers append, race, are killed and come back; records are delayed, doubled and lost."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.log = MemoryLog()
        self.first = first_hash("app", 1, 0)
        self.writers: list[Writer] = []
        self.copies: list[Path] = []
        self.acknowledged: dict[bytes, int] = {}
        self.refused: set[bytes] = set()
        self.commands: dict[UUID, str] = {}
        self.next_command = 0
        self.patches = [
            patch.object(committer_module, "_BACKOFF", 0.0),
            patch.object(committer_module, "_LONGEST_BACKOFF", 0.0),
        ]
        for each in self.patches:
            each.start()

    @initialize()
    def start(self) -> None:
        self.writers = [self._start(f"w{number}", self.folder / f"{number}.sqlite") for number in range(WRITERS)]

    def _start(self, name: str, path: Path) -> Writer:
        tape = MemoryTape(self.log)
        index = Index(path, "app", IDENTITY, 0)
        partition = Partition(PLACE, tape, index)
        return Writer(name, path, tape, index, partition, Committer(partition, name))

    def teardown(self) -> None:
        try:
            if self.writers:
                # Whatever was on its way comes now.
                self.deliver_all()
                self.agree()
        finally:
            for writer in self.writers:
                writer.index.close()
            for each in self.patches:
                each.stop()
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
        jobs: list[Job] = []
        for originator, count, skew in sizes:
            first = (writer.partition.last_version(originator) or 0) + 1 + skew
            if first < 1:
                continue
            events = [(originator, first + place, "Happened", b"state") for place in range(count)]
            jobs.append(EventsJob([Append(uuid4().bytes, Outcome.EVENTS, events)]))
        self._submit(writer, jobs, fate, self._racing(writer, racer))

    @rule(
        number=writers, fate=mostly_well, racer=st.none() | writers, count=st.integers(0, 2), behind=st.integers(0, 1)
    )
    def decide(self, number: int, fate: Fate, racer: int | None, count: int, behind: int) -> None:
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
                    Outcome.EVENTS if count else Outcome.REFUSED,
                    [(originator, version, "Decided", b"")] if count else [],
                    Command(CommandKey(bytes(6), command_id), bytes(32), "{}"),
                    Source(COMMANDS, self.next_command),
                )
            )
        head = writer.partition.state.position - 1 - behind
        self._submit(writer, [DecisionsJob(appends, head)], fate, self._racing(writer, racer))

    @rule(number=writers, fate=mostly_well, position=st.integers(1, 6))
    def track(self, number: int, fate: Fate, position: int) -> None:
        """Tracking alone."""
        append = Append(uuid4().bytes, Outcome.TRACKED, tracking=Tracking("upstream", position))
        self._submit(self.writers[number], [EventsJob([append])], fate, None)

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
            job = EventsJob([Append(uuid4().bytes, Outcome.EVENTS, [(originator, version, "Raced", b"")])])
            self._submit(other, [job], Fate.DELIVERED, None)

        return race

    def _submit(self, writer: Writer, jobs: list[Job], fate: Fate, before: Callable[[], None] | None) -> None:
        """Hand all over at once, and see them decided as their callers' threads would."""
        if not jobs:
            return
        writer.tape.fates = [(fate, before)]
        committer: Any = writer.committer
        committer._queue.extend(jobs[1:])
        # The first in the queue is the one whose thread leads.
        try:
            self._call(jobs[0], lambda: committer.submit(jobs[0]))
            for job in jobs[1:]:
                if not job.done:
                    assert job.lock.acquire(timeout=1)
                    assert job.leads
                    self._call(job, lambda leader=job: self._lead(committer, leader))  # type: ignore[misc]
                else:
                    self._call(job, lambda decided=job: _result(decided))  # type: ignore[misc]
        except Killed:
            self._restart(writer, "own")
        writer.tape.fates = []

    def _lead(self, committer: Any, job: Job) -> int:
        committer._lead_until_done(job)
        return _result(job)

    def _call(self, job: Job, call: Callable[[], int]) -> None:
        try:
            position = call()
        except (IntegrityError, Conflict):
            self.refused.update(append.commit_id for append in job.appends)
            return
        for append in job.appends:
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


def _result(job: Job) -> int:
    if job.error is not None:
        raise job.error
    return job.position


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
