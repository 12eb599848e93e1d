"""The whole of a partition, read from its first record by the rule alone: what no index that went past it sees."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from consumers.commands.ports import QueuePosition
from infra.kafka.client import KafkaPartitionClient
from infra.log.acceptance import VoidRange, start
from infra.log.chain import Chain
from infra.log.errors import LogBroken, LogChanged, NewerLog, RecordUnreadable
from infra.log.format import Header, Place, UnreadableBody
from infra.log.partition_client import Record
from infra.log.partition_knowledge import log_broken
from infra.log.usable import UnknownFormat, usable_body

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
    scan = _Scan(name, Chain(start(Place(settings.app, settings.partitions, number), settings.identity), 0, _nothing))
    scan.voids = index.state.voids
    client = KafkaPartitionClient(settings, application.topics.events, number)
    try:
        for fetched in client.read(0):
            for record in fetched.records:
                scan.take(record)
                if record.offset == index.record_offset and sha256(record.value or b"").digest() != index.state.head:
                    reason = f"the record at offset {record.offset} is not the one that had been read"
                    raise LogChanged(log=name, reason=reason, index=str(settings.index_dir))
    finally:
        client.close()
    scan.check()


def _nothing(_number: int) -> None:
    """Before the first record there is none."""


class _Scan:
    """One reading: the rule's state, the last handled command, and the first record that cannot be used."""

    def __init__(self, name: str, chain: Chain) -> None:
        self.voids: tuple[VoidRange, ...] = ()
        self._name = name
        self._chain = chain
        self._handled: QueuePosition | None = None

    def take(self, record: Record) -> None:
        """Raises RecordUnreadable, NewerLog."""
        _, header = self._chain.take(record)
        if header is None or record.value is None:
            return
        if any(void.first <= header.number <= void.last for void in self.voids):
            return
        try:
            self._use(header, record.value)
        except (UnreadableBody, UnknownFormat) as error:
            kind = NewerLog if isinstance(error, UnknownFormat) else RecordUnreadable
            reason = f"record {header.number} at offset {record.offset}, signed by the key {header.key.hex()}: {error}"
            raise kind(log=self._name, reason=reason) from error

    def _use(self, header: Header, value: bytes) -> None:
        for append in usable_body(header, value, self._handled).appends:
            self._handled = append.source or self._handled

    def check(self) -> None:
        """Raises LogBroken."""
        if self._chain.state.orphans:
            raise log_broken(self._name, self._chain.state.orphans)
        if self._chain.unfounded is not None:
            reason = f"the record at offset {self._chain.unfounded} is one of a log whose genesis is not there"
            raise LogBroken(log=self._name, reason=reason)
