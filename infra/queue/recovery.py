"""The way back for a queue that lost its end: `dossier log recover queue`.

Offsets of handled commands only grow in the log, so what stands at or below the last handled one is never handled
there. So everything that nobody has answered is put behind that offset again, in its order, and one record of the log
then says that the queue was handled up to there. From then on the last handled place stands in the queue again, and the
workers go on by themselves.

Nothing acts twice, since the command ids are the same; nothing that was answered is lost, since the log has it. Ended
anywhere, done twice, or by two people at once: what was put into the queue more than once gets its first answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from consumers.commands.outcome import refused
from consumers.commands.ports import NO_KEY, CommandKey, LastHandled, QueuePosition, RecordedCommand
from domain.commands import NO_DIGEST, UnitReference
from domain.errors import InvalidInput
from domain.identity import partition_of, routing_id
from infra.kafka.client import KafkaPartitionClient
from infra.log.acceptance import ChainState, VoidRange, start
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.format import (
    Append,
    Format,
    HandledCommand,
    Header,
    RecordedOutcome,
    decode_body,
    encode_append,
    encode_body,
    last_handled_in,
)
from infra.log.partition_client import PartitionClient, Record
from infra.log.partition_knowledge import check_chain
from infra.queue.dead_letters import KafkaDeadLetters, Letter
from infra.queue.errors import QueueRecovered
from schemas.command_parser import MalformedMessage, is_command, parse_message

if TYPE_CHECKING:
    from infra.bootstrap import Application

FILLER: Final = b"dossier: the queue was cut here"
"""No command, and too short to name one: many of them in a row are one dead letter, where a worker meets them."""
_AT_ONCE: Final = 1_000
_BATCH_BYTES: Final = 400_000
_SCOPE_BYTES: Final = 6
_WRITER: Final = "dossier log recover"


class WaitingCommand(NamedTuple):
    """A command in the queue that nobody has answered: where it stands first and last, its id, and its bytes."""

    offset: int
    last_offset: int
    command_id: str
    line: bytes


@dataclass(slots=True)
class QueueExamination:
    """What stands in a queue, beside what the log has handled. Nothing was written.

    handled   the last handled offset; None where nothing was handled of this queue
    end       the offset after the last record of the queue
    lost      handled commands that are not in the queue any more; their answers are in the log
    waiting   commands that nobody has answered, in their order: those up to `handled` stand at reused offsets
    others    records behind the first lost one that are no commands, or stand in the wrong partition
    is_cut    whether the last handled command is not where it was
    """

    handled: int | None
    end: int
    lost: list[RecordedCommand]
    is_cut: bool
    waiting: list[WaitingCommand] = field(default_factory=list)
    others: int = 0

    @property
    def reused(self) -> list[WaitingCommand]:
        """Those that can never be handled where they stand."""
        return [each for each in self.waiting if self.handled is not None and each.last_offset <= self.handled]

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to be recovered."""
        return self.is_cut or bool(self.reused)


class QueueRecovery:
    """One partition of the queue and of the log, for an operator's tool. Made by `recovering`."""

    def __init__(self, application: Application, partition: int, stack: ExitStack) -> None:
        self._application = application
        self._partition = partition
        self._topic = application.topics.commands
        application.kafka_reader.refresh(partition)
        self._voids = application.kafka_reader.state(partition).state.voids
        self._source = application.sources()[partition]
        self._queue = KafkaPartitionClient(application.kafka, self._topic, partition)
        stack.callback(self._queue.close)

    def examine(self) -> QueueExamination:
        """Compare all of the queue with all of the log. Raises LogUnusable."""
        with closing(self._source.follower()) as client:
            merge, _ = self._read(client)
            return self._examined(merge)

    def recover(self, examination: QueueExamination) -> QueueExamination:
        """Make the queue whole again, and say what was put into it again. Raises LogUnusable.

        1. Fill the queue until a record of ours stands behind the last handled offset.
        2. Put all commands before it that nobody has answered behind it, in their order.
        3. Say in the log that the queue was handled up to that record.
        """
        marker = self._fill(examination.handled or 0)  # 1
        with closing(self._source.follower()) as client:
            merge, appender = self._read(client)
            found = self._examined(merge)
            found.waiting = [each for each in found.waiting if each.offset < marker]
            for batch in _batches(found.waiting):  # 2
                self._queue.send_durably([(None, each.line) for each in batch])
            self._settle_letter(marker)
            self._append(appender, merge, marker)  # 3
        return found

    def _fill(self, handled: int) -> int:
        """The offset of the last record."""
        while True:
            count = max(1, min(_AT_ONCE, handled + 2 - self._queue.end()))
            last = self._queue.send_durably([(None, FILLER)] * count) + count - 1
            if last > handled:
                return last

    def _read(self, client: PartitionClient) -> tuple[_Merge, ControlAppender]:
        address = self._source.address
        queued = (record for fetched in self._queue.read(0) for record in fetched.records)
        merge = _Merge(self._topic.identity.topic_id, self._voids, queued)
        chain = Chain(start(address.place, address.identity), 0, lambda _number: None)
        appender = ControlAppender(address.name, client, chain, merge.take)
        check_chain(address.name, appender.state, chain.unfounded)
        merge.end()
        return merge, appender

    def _examined(self, merge: _Merge) -> QueueExamination:
        """Leave out what the log has answered, at whatever offset."""
        last, lost = merge.last, {each.offset for each in merge.lost}
        handled = last.source.offset if last is not None else None
        is_cut = last is not None and bool(lost & {handled, last.recorded.offset if last.recorded else None})
        found = QueueExamination(handled, merge.next_offset, merge.lost, is_cut)
        waiting: dict[CommandKey, WaitingCommand] = {}
        for record in merge.unmatched:
            line = record.value or b""
            item = parse_message(line)
            key = None if isinstance(item, MalformedMessage) else self._key(item.dossier, item.command_id)
            if key is None or isinstance(item, MalformedMessage):
                found.others += line != FILLER and bool(lost) and record.offset >= min(lost)
            elif item.digest not in merge.dead:
                # The same command may stand there more than once.
                seen = waiting.setdefault(key, WaitingCommand(record.offset, record.offset, item.command_id, line))
                waiting[key] = seen._replace(last_offset=record.offset)
        answers = self._application.kafka_reader.answers(self._partition, list(waiting))
        found.waiting = [each for key, each in waiting.items() if key not in answers]
        return found

    def _key(self, dossier: str | UnitReference, command_id: str) -> CommandKey | None:
        """None for a command that stands in the wrong partition, or names no unit."""
        application = self._application
        try:
            some_id = routing_id(dossier, application.settings.units)
        except InvalidInput:
            return None
        if partition_of(some_id, application.kafka.partitions) != self._partition:
            return None
        return CommandKey(some_id.bytes[:_SCOPE_BYTES], UUID(command_id))

    def _settle_letter(self, marker: int) -> None:
        """What is settled stays so: a worker may store the letter of our own record later."""
        topic_id = str(self._topic.identity.topic_id)
        letter = Letter(self._partition, marker, topic_id, None, {}, FILLER, len(FILLER), sha256(FILLER).hexdigest())
        with closing(
            KafkaDeadLetters(self._application.kafka, self._application.topics.dead_letters, self._partition)
        ) as letters:
            letters.settle(letter, "dropped")

    def _append(self, appender: ControlAppender, merge: _Merge, marker: int) -> None:
        """Unless somebody has gone on behind the marker meanwhile, who then had the queue recovered."""
        source = QueuePosition(self._topic.identity.topic_id, marker)
        first = (merge.last.source.offset if merge.last is not None else -1) + 1
        error = QueueRecovered(first=first, last=marker)
        answer = refused(None, self._partition, appender.state.last_position, error).line
        command = HandledCommand(NO_KEY, sha256(FILLER).digest(), answer)
        content = encode_append(Append(os.urandom(16), RecordedOutcome.DEAD, (), command, source))

        def is_wanted(state: ChainState) -> bool:
            check_chain(self._source.address.name, state, None)
            return merge.last is None or merge.last.source.offset < marker

        appender.append(self._source.keys.writer(), Format.APPENDS, encode_body(_WRITER, [content]), is_wanted)


@contextmanager
def recovering(application: Application, partition: int) -> Iterator[QueueRecovery]:
    """The queue and the log of a partition. Raises LogUnusable."""
    with ExitStack() as stack:
        yield QueueRecovery(application, partition, stack)


class _Merge:
    """The queue beside the log, both read once from their beginnings: offsets grow in both."""

    def __init__(self, topic_id: UUID, voids: Sequence[VoidRange], queued: Iterator[Record]) -> None:
        self._topic_id = topic_id
        self._voids = voids
        self._queued = queued
        self._next: Record | None = None
        self.next_offset = 0
        """Behind the last record of the queue that was read."""
        self.last: LastHandled | None = None
        """What the log has handled last of this topic."""
        self.lost: list[RecordedCommand] = []
        self.unmatched: list[Record] = []
        self.dead: set[bytes] = set()
        """Digests of what is dead: it waits for somebody to retry it."""

    def take(self, record: Record, header: Header | None) -> None:
        """The next record of the log, with its header where it was accepted."""
        if header is None or header.format != Format.APPENDS or record.value is None:
            return
        if any(void.first <= header.number <= void.last for void in self._voids):
            return
        appends = [
            append
            for append in decode_body(record.value).appends
            if append.source is not None and append.source.topic_id == self._topic_id
        ]
        self.last = last_handled_in(appends) or self.last
        for append in appends:
            handled = last_handled_in([append])
            if handled is not None:
                self._compare(handled, is_dead=append.outcome is RecordedOutcome.DEAD)

    def end(self) -> None:
        """The rest of the queue."""
        while (record := self._peek()) is not None:
            self._leave(record)

    def _compare(self, handled: LastHandled, *, is_dead: bool) -> None:
        offset, recorded = handled.source.offset, handled.recorded
        if is_dead and recorded is not None:
            self.dead.add(recorded.digest)
        while (record := self._peek()) is not None and record.offset < offset:
            self._leave(record)
        if record is not None and record.offset == offset and _is_same(record, recorded):
            self._next = None
            return
        self.lost.append(recorded or RecordedCommand(offset, None, NO_DIGEST))

    def _leave(self, record: Record) -> None:
        """It stands where the log has handled nothing, or something else."""
        self._next = None
        self.unmatched.append(record)

    def _peek(self) -> Record | None:
        if self._next is None:
            self._next = next(self._queued, None)
            if self._next is not None:
                self.next_offset = self._next.offset + 1
        return self._next


def _is_same(record: Record, recorded: RecordedCommand | None) -> bool:
    # Of what could not be read, and of what earlier releases could not decode, nothing is known.
    return recorded is None or is_command(record.value or b"", recorded.digest, recorded.command_id)


def _batches(waiting: Sequence[WaitingCommand]) -> Iterator[list[WaitingCommand]]:
    """Commands that go together: as many as one batch of the topic holds."""
    batch: list[WaitingCommand] = []
    size = 0
    for each in waiting:
        if batch and size + len(each.line) > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += len(each.line) + 64
    if batch:
        yield batch
