"""The whole of a partition, read from its first record by the rule alone: what no index that went past it sees."""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from typing import NamedTuple

from consumers.commands.ports import QueuePosition
from infra.errors import LogUnusable
from infra.log.acceptance import ChainState, VoidRange, start
from infra.log.chain import Chain
from infra.log.errors import LogChanged, RecordsUnsigned
from infra.log.format import Header, UnreadableBody
from infra.log.index_head import Head
from infra.log.partition_client import Record
from infra.log.partition_knowledge import check_chain
from infra.log.partition_source import PartitionSource
from infra.log.usable import UnknownFormat, stopped_at, usable_body


class Unsigned(NamedTuple):
    """Records that look like the next ones and that no writer signed; the next one would have begun at `position`."""

    position: int
    error: RecordsUnsigned


def check_whole(source: PartitionSource, known: Head | None = None) -> Unsigned | None:
    """Read a partition and compare it with what an index knows of it, in flat memory.

    Returns what stands at its end and no writer signed: records that were altered, or a stranger's.

    Raises LogBroken where an accepted record was altered, LogChanged where the index knows another one, NewerLog,
    RecordUnreadable, or what reading raises.
    """
    scan = _scanned(source, known, ())
    if scan.unusable is not None and scan.state.voids:
        # What is void counts as nothing, which is known only once the void was read.
        scan = _scanned(source, known, scan.state.voids)
    return scan.check()


def _scanned(source: PartitionSource, known: Head | None, voids: tuple[VoidRange, ...]) -> _Scan:
    scan = _Scan(source, voids)
    with closing(source.follower()) as client:
        for fetched in client.read(0):
            for record in fetched.records:
                scan.take(record)
                if known is not None and record.offset == known.record_offset:
                    _compare(source, known, record)
    return scan


def _compare(source: PartitionSource, known: Head, record: Record) -> None:
    if sha256(record.value or b"").digest() != known.state.head:
        reason = f"the record at offset {record.offset} is not the one that had been read"
        raise LogChanged(log=source.address.name, reason=reason, index=str(source.index_path))


def _nothing(_number: int) -> None:
    """Before the first record there is none."""


class _Scan:
    """One reading: the rule's state, the last handled command, and the first record that cannot be used."""

    def __init__(self, source: PartitionSource, voids: tuple[VoidRange, ...]) -> None:
        address = source.address
        self.unusable: LogUnusable | None = None
        self._name = address.name
        self._voids = voids
        self._chain = Chain(start(address.place, address.identity), 0, _nothing, strangers=address.strangers)
        self._handled: QueuePosition | None = None

    @property
    def state(self) -> ChainState:
        """The rule's state behind what was read."""
        return self._chain.state

    def take(self, record: Record) -> None:
        """The next record."""
        _, header = self._chain.take(record)
        if header is None or record.value is None or self.unusable is not None:
            return
        if any(void.first <= header.number <= void.last for void in self._voids):
            return
        try:
            self._use(header, record.value)
        except (UnreadableBody, UnknownFormat) as error:
            newer = isinstance(error, UnknownFormat)
            self.unusable = stopped_at(header, record.offset, str(error), newer=newer).error(self._name)

    def _use(self, header: Header, value: bytes) -> None:
        for append in usable_body(header, value, self._handled).appends:
            self._handled = append.source or self._handled

    def check(self) -> Unsigned | None:
        """See `check_whole`."""
        check_chain(self._name, self._chain.state, self._chain.unfounded)
        if self.unusable is not None:
            raise self.unusable
        found, state = self._chain.unsigned, self._chain.state
        if not found:
            return None
        error = RecordsUnsigned(
            log=self._name, offset=min(found), count=len(found), number=state.number, position=state.position
        )
        return Unsigned(state.position, error)
