"""Whether the queue still holds the last command that the log has handled: what tells a queue that lost its end.

A broker that lost the end of a topic gives its offsets out again. A command that gets one at or below the last handled
one can never be handled there, since the offsets in the log only grow; and what the log says of that offset is about
another command.
"""

from __future__ import annotations

from collections.abc import Callable

from consumers.commands.ports import LastHandled, RecordedCommand
from domain.i18n import Text, pair
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.topics import Topic
from infra.log.partition_client import Record
from infra.queue.errors import QueueCut
from infra.retry import Retry
from infra.timeouts import Timeout
from schemas.command_parser import is_command


class QueueComparison:
    """Compares one partition of the queue with the log, once on each connection to its leader."""

    def __init__(self, client: KafkaPartitionClient, topic: Topic, partition: int) -> None:
        self._client = client
        self._topic = topic
        self._partition = partition
        self.session: object = None
        """The client's session in which it was compared last."""
        self.handled: LastHandled | None = None
        """What was compared last."""

    def compare(self, last_handled: Callable[[], LastHandled | None]) -> None:
        """Compare unless it was done in this session. Raises QueueCut, and what reading raises."""
        if self.session is not None and self.session == self._client.session:
            return
        handled = last_handled()
        check_queue(self._client, self._topic, self._partition, handled)
        self.session, self.handled = self._client.session, handled

    def check_offset(self, offset: int) -> None:
        """Raises QueueCut for an offset that a command got, and that had been handled when it was compared last."""
        handled = self.handled
        if handled is not None and self._is_own(handled) and offset <= handled.source.offset:
            raise self.cut(handled, pair("has given offset {offset} to another command", offset=offset))

    def cut(self, handled: LastHandled, found: Text) -> QueueCut:
        """The error; `found` says what the queue shows instead."""
        return _cut(self._topic, self._partition, handled, found)

    def _is_own(self, handled: LastHandled) -> bool:
        return handled.source.topic_id == self._topic.identity.topic_id


def check_queue(client: KafkaPartitionClient, topic: Topic, partition: int, handled: LastHandled | None) -> None:
    """Raises QueueCut where the last handled command does not stand in the queue; KafkaUnreachable, LogChanged."""
    tries = Retry(Timeout.LEADER)
    while True:
        # At least one request, so that there is a connection on which it holds.
        end = client.end()
        if handled is None or handled.source.topic_id != topic.identity.topic_id:
            return
        if end <= handled.source.offset:
            raise _cut(topic, partition, handled, pair("ends at offset {end}", end=end))
        recorded = handled.recorded
        if recorded is None:
            return
        record = next(iter(client.follow(recorded.offset, 0.0).records), None)
        if record is not None or tries.is_over:
            break
        # Another leader answered than the one that said where it ends.
        tries.pause()
    if record is None or not _is_recorded(record, recorded):
        found = pair("has another command at offset {offset}", offset=recorded.offset)
        raise _cut(topic, partition, handled, found)


def _is_recorded(record: Record, recorded: RecordedCommand) -> bool:
    if record.offset != recorded.offset or record.unreadable is not None:
        return False
    return is_command(record.value or b"", recorded.digest, recorded.command_id)


def _cut(topic: Topic, partition: int, handled: LastHandled, found: Text) -> QueueCut:
    return QueueCut(topic=topic.name, partition=partition, handled=handled.source.offset, found=found)
