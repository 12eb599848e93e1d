"""A log of one partition on a real broker, and two workers in this process that are moved on by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from consumers.worker import PartitionWorker
from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.errors import LogUnusable
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import KafkaUnreachable
from infra.log.format import Format, Place, encode_body, seal
from infra.log.kafka.log import KafkaLog
from infra.queue.command_consumer import KafkaCommandQueue
from infra.queue.dead_letters import KafkaDeadLetters
from infra.queue.replies import KafkaReplies
from infra.settings import load
from tests.fault.evidence import Evidence, accepted, gather
from tests.support.second_rule import read_all
from tests.support.signing import STRANGER
from tests.support.workload import lines

_MOST_APPENDS = 30


class Killed(BaseException):
    """The end of a worker."""


class Worker:
    """One worker. `before_append` runs once, between its decisions and its append."""

    def __init__(self, made: Application, folder: Path, stack: ExitStack) -> None:
        self.log = KafkaLog(replace(made.kafka, index_dir=folder, own_keys_dir=made.kafka.key_folder))
        stack.callback(self.log.close)
        self.queue = KafkaCommandQueue(made.kafka, made.topics.commands, 0)
        stack.callback(self.queue.close)
        self.dead_letters = KafkaDeadLetters(made.kafka, made.topics.dead_letters, 0)
        stack.callback(self.dead_letters.close)
        self.client = KafkaPartitionClient(made.kafka, made.topics.replies, 0)
        stack.callback(self.client.close)
        self.replies = KafkaReplies(self.log, 0, self.client, self.queue, self.dead_letters)
        self.handler = made.handler_of(self.log)
        self.worker = PartitionWorker(
            0, self.log, self.queue, self.handler, replies=self.replies, dead_letters=self.dead_letters
        )
        self.before_append: Callable[[], None] | None = None
        self._appends = 0
        append = self.log.append

        def interrupted(partition: int, head: int, outcomes: Sequence[Any], *, given: int | None = None) -> None:
            self._appends += 1
            if self._appends > _MOST_APPENDS:
                raise RuntimeError("a planted fault goes round and round")
            happens, self.before_append = self.before_append, None
            if happens is not None:
                happens()
            append(partition, head, outcomes, given=given)

        self.log.append = interrupted  # type: ignore[method-assign]

    def step(self) -> None:
        """Start, handle one batch, and stop."""
        self.worker.start()
        self.worker.handle_batch()


class Small:
    """The log, its queue, and workers `first` and `second`."""

    def __init__(self, made: Application, folder: Path, stack: ExitStack) -> None:
        self.made = made
        self._commands = KafkaPartitionClient(made.kafka, made.topics.commands, 0)
        stack.callback(self._commands.close)
        self.first = Worker(made, folder / "first", stack)
        self.second = Worker(made, folder / "second", stack)

    def send(self, commands: Sequence[str | bytes]) -> None:
        """Put commands into the queue."""
        raw = [(None, line.encode() if isinstance(line, str) else line) for line in commands]
        self._commands.send_durably(raw)

    def evidence(self) -> Evidence:
        """What an outsider sees; clients were told what the replies say, but of what never can be bound."""
        (found,) = gather(self.made.kafka.bootstrap, self.made.kafka.app, 1, ())
        return found

    def disturb(self) -> None:
        """Records of strangers, one well made on the head and signed with a key of its own, and a copy of ours."""
        evidence = self.evidence()
        (first, *_), _ = accepted(evidence)
        own = next(value for offset, value in evidence.log if offset == first.offset)
        head = read_all(evidence.app, 1, 0, evidence.log)
        chain = (head.head, len(head.accepted) + 1, head.position, 0)
        forged = seal(Place(evidence.app, 1, 0), STRANGER, Format.APPENDS, chain, encode_body("stranger", []))
        client = KafkaPartitionClient(self.made.kafka, self.made.topics.events, 0)
        client.send_durably([(None, b"{}"), (None, forged), (None, own or b"")])
        client.close()


@contextmanager
def small(broker: KafkaCluster, folder: Path) -> Iterator[Small]:
    """One such log."""
    url = f"kafka://{broker.bootstrap}?prefix=s{uuid4().hex[:12]}&index={folder}"
    with Application(load({}, log=url), create=True) as made, ExitStack() as stack:
        yield Small(made, folder, stack)


def run_through(system: Small) -> None:
    """Everything that may go wrong once, in an order that a good system comes out of whole."""
    run_a_race(system)
    run_into_trouble(system)


def run_a_race(system: Small) -> None:
    """Two workers, one after the other, then both at once."""
    way = list(islice(lines(2), 60))
    first, second = system.first, system.second
    # One after the other: each reads what the other one did. Some are repeated, refused, and dead.
    system.send(way[:30])
    first.step()
    system.disturb()
    system.send([*way[30:40], way[3], _refused(way[1]), b"no command", way[35]])
    second.step()
    # Both decide on the same head, and one record wins; the loser had decided more than the winner.
    system.send(way[40:50])
    second.before_append = lambda: _step_with(first, 3)
    second.step()


def run_into_trouble(system: Small) -> None:
    """What is between a worker and the log breaks, and so does the worker."""
    way = list(islice(lines(2), 60))
    first, second = system.first, system.second
    # Its record stands in the log, and nobody tells the writer.
    system.send(way[50:53])
    with _unanswered(first):
        first.step()
    # Killed between append and replies: the next one answers.
    system.send(way[53:56])
    with suppress(Killed), _killed_before_replies(second):
        second.step()
    first.step()
    # Killed before the append: the next one decides.
    system.send(way[56:58])
    second.before_append = _kill
    with suppress(Killed):
        second.step()
    first.step()
    # The log cannot be reached; nothing may have been said about these two.
    system.send(way[58:60])
    second.before_append = _unreachable
    with suppress(LogUnusable):
        second.step()


def _step_with(worker: Worker, most: int) -> None:
    """One batch of at most so many commands."""
    poll = worker.queue.poll
    worker.queue.poll = lambda after: poll(after)[:most]  # type: ignore[method-assign]
    try:
        worker.step()
    finally:
        worker.queue.poll = poll  # type: ignore[method-assign]


def _refused(line: str) -> str:
    envelope = json.loads(line)
    envelope |= {"command": "SumUpResults", "data": {}, "command_id": str(uuid4())}
    envelope["actor"] = {"person": "Lê Văn Sơn", "agency": "so-tttt", "role": "standing_agency"}
    return json.dumps(envelope, ensure_ascii=False)


def _kill() -> None:
    raise Killed


def _unreachable() -> None:
    raise KafkaUnreachable(log="kafka", reason="a test")


@contextmanager
def _unanswered(worker: Worker) -> Iterator[None]:
    """The acknowledgement of the next record is lost."""
    client = worker.log.opened(0).partition.client
    send = client.send

    class Lost:
        def __init__(self, pending: Any) -> None:
            self._pending = pending

        def result(self) -> None:
            self._pending.result()

    def once(value: bytes) -> Any:
        client.send = send  # type: ignore[method-assign]
        return Lost(send(value))

    client.send = once  # type: ignore[method-assign]
    try:
        yield
    finally:
        client.send = send  # type: ignore[method-assign]


@contextmanager
def _killed_before_replies(worker: Worker) -> Iterator[None]:
    send = worker.client.send_all

    def killed(records: object) -> Any:
        del records
        raise Killed

    worker.client.send_all = killed  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        worker.client.send_all = send  # type: ignore[method-assign]
        # What it had to say dies with it.
        worker.replies._waiting.clear()
