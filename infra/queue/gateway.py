"""Commands to the queue, answers back from it: what every client on Kafka does.

An answer is looked for at the command's place in the queue, and believed only with the command's id and digest: a queue
that lost its end gives its places out again. Whatever goes wrong on the way (an acknowledgement or an answer that does
not come), the same command is sent again: its id acts once, and every copy gets the same answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Condition, Event, Thread
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
import structlog

from consumers.commands.dependencies import CommandDependencies, InFlight, dependencies_of
from consumers.commands.outcome import Answer, refused
from consumers.commands.ports import LastHandled
from domain.commands import Command
from domain.errors import InfrastructureError, InvalidInput
from domain.i18n import pair
from domain.identity import COUNCIL_ID, partition_of, routing_id, unit_uuid
from domain.units import Unit, Units
from infra.errors import LogUnusable
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.format import Place
from infra.queue.comparison import QueueComparison
from infra.queue.errors import NoAnswer, QueueCut
from infra.queue.replies import Reply, read_replies
from infra.retry import Retry
from infra.timeouts import Timeout
from schemas.command_parser import MalformedMessage, parse_message

_log = structlog.get_logger(__name__)

_FOLLOW_SECONDS: Final = 0.25
_BATCH_BYTES: Final = 400_000
_LOOK_SECONDS: Final = 1.0

ActiveWriters: TypeAlias = Callable[[int, bool], Mapping[bytes, bytes]]
"""The public keys of a partition's active writers by their ids; whether to read the log to its end first."""
LastHandledOf: TypeAlias = Callable[[int], LastHandled | None]
"""The last command that a partition of the log has handled, as far as it has been read."""


class _AnswerHead(msgspec.Struct):
    command_id: str | None


@dataclass(slots=True, eq=False)
class _PendingCommand:
    """A command that was handed in; `answer` comes from the replies. It is sent again at `again_at`."""

    line: bytes
    command_id: str | None = None
    digest: bytes = b""
    partition: int = 0
    dependencies: CommandDependencies = field(default_factory=CommandDependencies)
    answer: Answer | None = None
    again_at: float = 0.0
    pause: float = Timeout.COMMAND_RESENT.seconds

    def is_answered_by(self, reply: Reply) -> bool:
        """Whether a reply is about this command, and not about another one that stood at its offset."""
        if reply.digest not in (self.digest, sha256(self.line).digest()):
            return False
        try:
            found = msgspec.json.decode(reply.answer.line, type=_AnswerHead)
        except msgspec.MsgspecError:
            return False
        return found.command_id == self.command_id


class QueuedGateway:
    """See `CommandGateway`.

    Raises NoAnswer when no worker answers anything for `seconds`, QueueCut, LogClosed, LogUnusable.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        commands: Topic,
        replies: Topic,
        units: Units,
        writers: ActiveWriters,
        *,
        last_handled: LastHandledOf,
        seconds: float = 60.0,
        check_topics: Callable[[], None] = lambda: None,
        check_open: Callable[[int], None] = lambda _partition: None,
    ) -> None:
        """`check_topics` raises what is wrong with the topics' settings, and is asked before anything is sent.

        `check_open` raises LogClosed where no worker can record anything in a partition any more. It is asked before
        the first command is sent there, and before one is sent again.
        """
        self._settings = settings
        self._commands, self._replies = commands, replies
        self._units = units
        self._writers = writers
        self._last_handled = last_handled
        self._check_topics = check_topics
        self._check_open = check_open
        self._by_scope: dict[bytes, Unit] = {_scope(unit_uuid(unit.id, "")): unit for unit in units}
        self._seconds = seconds
        self._senders: dict[int, tuple[KafkaPartitionClient, QueueComparison]] = {}
        self._receivers: dict[int, _Receiver] = {}
        self._changed = Condition()
        self._in_flight = InFlight()
        self._unanswered: list[_PendingCommand] = []
        self._unsent: list[_PendingCommand] = []

    def submit(self, lines: Sequence[bytes]) -> Callable[[], list[Answer]]:
        """See `CommandGateway`: the commands are in the queue when this returns."""
        pending = [self._accept_line(line) for line in lines]
        self._send_rest()

        def answers() -> list[Answer]:
            self._wait(pending)
            return [each.answer for each in pending if each.answer is not None]

        return answers

    def close(self) -> None:
        """Let the connections go."""
        for receiver in self._receivers.values():
            receiver.stop()
        for sender, _ in self._senders.values():
            sender.close()

    def _accept_line(self, line: bytes) -> _PendingCommand:
        """A line as a command to be sent; one that no worker could handle is answered here."""
        pending = _PendingCommand(line)
        item = parse_message(line)
        if isinstance(item, MalformedMessage):
            pending.answer = refused(item.command_id, None, None, item.error)
            return pending
        pending.command_id, pending.digest = item.command_id, item.digest
        try:
            some_id = routing_id(item.dossier, self._units)
        except InvalidInput as error:
            pending.answer = refused(item.command_id, None, None, error)
            return pending
        pending.partition = partition_of(some_id, self._settings.partitions)
        pending.dependencies = self._dependencies_of(item, some_id)
        if self._must_wait(pending):
            self._forget_answered()
            if self._must_wait(pending):
                self._send_rest()
                self._wait(self._unanswered)
        self._in_flight.add(pending.dependencies, pending.partition)
        self._unanswered.append(pending)
        self._unsent.append(pending)
        return pending

    def _dependencies_of(self, command: Command, some_id: UUID) -> CommandDependencies:
        unit = self._by_scope.get(_scope(some_id))
        # An unknown unit has no dossiers: the command will be refused, whatever else is known.
        return CommandDependencies() if unit is None and some_id != COUNCIL_ID else dependencies_of(command, unit)

    def _must_wait(self, pending: _PendingCommand) -> bool:
        return self._in_flight.must_wait(pending.dependencies, pending.partition, range(self._settings.partitions))

    def _forget_answered(self) -> None:
        """Forget what has been answered."""
        for pending in self._unanswered:
            if pending.answer is not None:
                self._in_flight.remove(pending.dependencies, pending.partition)
        self._unanswered = [pending for pending in self._unanswered if pending.answer is None]

    def _send_rest(self) -> None:
        unsent, self._unsent = self._unsent, []
        self._send(unsent)

    def _send(self, pending: Sequence[_PendingCommand]) -> None:
        """Put commands into the queue, each partition's in order.

        What comes back is an offset that no handled command had: else the queue was cut.
        """
        if pending:
            self._check_topics()
        by_partition: dict[int, list[_PendingCommand]] = {}
        for each in pending:
            by_partition.setdefault(each.partition, []).append(each)
        for partition, own in by_partition.items():
            receiver, (sender, comparison) = self._receiver(partition), self._sender(partition)
            for batch in _batches(own):
                self._compare(partition, comparison)
                with receiver.expecting() as expect:
                    first = sender.send_durably([(None, each.line) for each in batch])
                    comparison.check_offset(first)
                    self._compare(partition, comparison)
                    for place, each in enumerate(batch):
                        each.again_at, each.pause = time.monotonic() + each.pause, each.pause * 2
                        expect(first + place, each)

    def _compare(self, partition: int, comparison: QueueComparison) -> None:
        comparison.compare(lambda: self._last_handled(partition))

    def _wait(self, pending: Sequence[_PendingCommand]) -> None:
        pending = list(pending)
        waiting = Retry(self._seconds)
        unanswered = len(pending) + 1
        while missing := [each for each in pending if each.answer is None]:
            self._check_topics()
            for receiver in self._receivers.values():
                receiver.check()
            if len(missing) < unanswered:
                # Somebody works: what is missing has its time from now on.
                unanswered = len(missing)
                waiting.progress()
            if waiting.is_over:
                raise NoAnswer(count=len(missing), topic=self._commands.name, seconds=self._seconds)
            now = time.monotonic()
            overdue = [each for each in missing if now > each.again_at]
            if overdue:
                for partition in sorted({each.partition for each in overdue}):
                    self._check_open(partition)
                _log.info("commands.again", topic=self._commands.name, count=len(overdue))
                self._send(overdue)
            with self._changed:
                if missing[-1].answer is None:
                    self._changed.wait(0.1)
        self._forget_answered()

    def _sender(self, partition: int) -> tuple[KafkaPartitionClient, QueueComparison]:
        if partition not in self._senders:
            self._check_open(partition)
            client = KafkaPartitionClient(self._settings, self._commands, partition)
            self._senders[partition] = client, QueueComparison(client, self._commands, partition)
        return self._senders[partition]

    def _receiver(self, partition: int) -> _Receiver:
        if partition not in self._receivers:
            client = KafkaPartitionClient(self._settings, self._replies, partition)
            place = Place(self._settings.app, self._settings.partitions, partition)
            self._receivers[partition] = _Receiver(client, self._commands, self._changed, place, self._writers)
        return self._receivers[partition]


class _Receiver:
    """Reads the replies of one partition from now on, and hands each to the command that it answers."""

    def __init__(
        self, client: KafkaPartitionClient, commands: Topic, changed: Condition, place: Place, writers: ActiveWriters
    ) -> None:
        self._client = client
        self._commands = commands
        self._topic_id = str(commands.identity.topic_id)
        self._changed = changed
        self._place = place
        self._writers = writers
        self._looked_at = -_LOOK_SECONDS
        self._expected: dict[int, _PendingCommand] = {}
        # Answers that came before it was known where the command stands.
        self._early: dict[int, Reply] | None = None
        self._error: InfrastructureError | None = None
        self._stopped = Event()
        self._next = client.end()
        self._thread = Thread(target=self._run, name="replies", daemon=True)
        self._thread.start()

    @contextmanager
    def expecting(self) -> Iterator[Callable[[int, _PendingCommand], None]]:
        """While commands are sent: what it yields is called with where each stands."""
        with self._changed:
            self._early = {}
        try:
            yield self._expect
        finally:
            with self._changed:
                self._early = None

    def check(self) -> None:
        """Raises what ended the reading."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self._thread.join()
        self._client.close()

    def _expect(self, offset: int, pending: _PendingCommand) -> None:
        with self._changed:
            early = self._early.get(offset) if self._early else None
            if early is None:
                self._expected[offset] = pending
            else:
                self._take(early, pending)

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                fetched = self._client.follow(self._next, _FOLLOW_SECONDS)
                self._next = fetched.next_offset
                passed_over = sum(self._receive(record.value) for record in fetched.records)
                if passed_over:
                    _log.warning("replies.passed_over", lines=passed_over)
        except LogUnusable as error:
            self._error = error

    def _receive(self, value: bytes | None) -> int:
        """Hand over the replies in a record's value; how many of its lines are none."""
        replies, passed_over = read_replies(value, self._place, self._public_key)
        with self._changed:
            for reply in replies:
                if reply.topic_id != self._topic_id:
                    continue
                if reply.digest is None:
                    # It cannot be told whose answer it is.
                    continue
                pending = self._expected.pop(reply.offset, None)
                if pending is not None:
                    self._take(reply, pending)
                elif self._early is not None:
                    self._early[reply.offset] = reply
            self._changed.notify_all()
        return passed_over

    def _take(self, reply: Reply, pending: _PendingCommand) -> None:
        """Hand over the answer to a command; that of another one at its offset says that the queue was cut."""
        if pending.is_answered_by(reply):
            pending.answer = reply.answer
            return
        found = pair("has given offset {offset} to another command", offset=reply.offset)
        partition = self._place.partition
        self._error = QueueCut(topic=self._commands.name, partition=partition, handled=reply.offset, found=found)

    def _public_key(self, key_id: bytes) -> bytes | None:
        """The key of an active writer. One that the index does not know may be a new one: the log is read on."""
        found = self._writers(self._place.partition, False).get(key_id)
        if found is None and time.monotonic() > self._looked_at + _LOOK_SECONDS:
            found = self._writers(self._place.partition, True).get(key_id)
            # Not for every reply that a stranger makes up.
            self._looked_at = time.monotonic()
        return found


def _scope(some_id: UUID) -> bytes:
    return some_id.bytes[:6]


def _batches(pending: Sequence[_PendingCommand]) -> Iterator[list[_PendingCommand]]:
    """Commands that go together: as many as one batch of the topic holds."""
    batch: list[_PendingCommand] = []
    size = 0
    for each in pending:
        size += len(each.line) + 64
        if size > _BATCH_BYTES and batch:
            yield batch
            batch, size = [], len(each.line) + 64
        batch.append(each)
    if batch:
        yield batch
