"""Lost commands as they still stand in the queue of a log on Kafka, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from domain.commands import Command
from infra.kafka.client import KafkaPartitionClient
from infra.recovery.lost import QueuedLine
from schemas.command_parser import parse_message

if TYPE_CHECKING:
    from infra.bootstrap import Application


def queued_lines(application: Application, partition: int, wanted: Mapping[str, bytes]) -> dict[str, QueuedLine]:
    """The commands with these ids and digests that a partition of the queue holds; of several the last one.

    Raises LogUnusable.
    """
    found: dict[str, QueuedLine] = {}
    if not wanted:
        return found
    with closing(KafkaPartitionClient(application.kafka, application.topics.commands, partition)) as client:
        for fetched in client.read(0):
            for record in fetched.records:
                item = parse_message(record.value or b"")
                if isinstance(item, Command) and wanted.get(item.command_id) == item.digest:
                    line = (record.value or b"").decode().rstrip("\r\n")
                    found[item.command_id] = QueuedLine(record.offset, line)
    return found


def waiting_ids(application: Application, partition: int, handled: int) -> set[str]:
    """The ids of the commands that stand in a partition of the queue behind an offset. Raises LogUnusable."""
    with closing(KafkaPartitionClient(application.kafka, application.topics.commands, partition)) as client:
        items = [
            parse_message(record.value or b"")
            for fetched in client.read(0)
            for record in fetched.records
            if record.offset > handled
        ]
    return {item.command_id for item in items if isinstance(item, Command)}
