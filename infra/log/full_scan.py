"""The whole of a partition, read from its first record by the rule alone: what no index that went past it sees."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from infra.kafka.client import KafkaPartitionClient
from infra.log.acceptance import ChainState, UnknownFormat, Verdict, accept, dismiss
from infra.log.errors import LogChanged, NewerLog, RecordUnreadable
from infra.log.format import UnreadableBody, decode_body, first_hash
from infra.log.partition import log_broken

if TYPE_CHECKING:
    from infra.bootstrap import Application


def check_whole(application: Application, number: int) -> None:
    """Read a partition and compare it with the readers' index, in flat memory.

    Raises LogBroken where an accepted record was altered, LogChanged where the index knows another one, NewerLog,
    RecordUnreadable, or what reading raises.
    """
    settings = application.kafka
    name = f"{settings.url}/{number}"
    index = application.kafka_reader.state(number)
    state = ChainState(first_hash(settings.app, settings.partitions, number))
    client = KafkaPartitionClient(settings, application.topics.events, number)
    try:
        for fetched in client.read(0):
            for record in fetched.records:
                try:
                    state, verdict = accept(state, record.offset, record.value)
                    if verdict is Verdict.ACCEPTED and record.value is not None:
                        dismissed = [
                            orphan for append in decode_body(record.value).appends for orphan in append.dismissed
                        ]
                        state = dismiss(state, dismissed) if dismissed else state
                except UnknownFormat as error:
                    raise NewerLog(log=name, reason=str(error)) from error
                except UnreadableBody as error:
                    reason = f"the body of the record at offset {record.offset}: {error}"
                    raise RecordUnreadable(log=name, reason=reason) from error
                if record.offset == index.record_offset and sha256(record.value or b"").digest() != index.state.head:
                    reason = f"the record at offset {record.offset} is not the one that had been read"
                    raise LogChanged(log=name, reason=reason, index=str(settings.index_dir))
    finally:
        client.close()
    if state.orphans:
        raise log_broken(name, state.orphans)
