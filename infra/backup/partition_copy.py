"""One partition of a log, copied into a backup as far as the rule accepts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from domain.i18n import Text, pair
from infra.backup.errors import BackupOfAnotherHistory, BackupOfAnotherLog
from infra.backup.history import history_of, renewed
from infra.backup.manifest import Manifest, PartitionContent, Segment
from infra.backup.segments import SEGMENT_BYTES, SegmentWriter, has_room_behind, stored_records
from infra.backup.signatures import Judged, SignatureChecks
from infra.backup.storage import BackupStorage
from infra.errors import LogUnusable
from infra.log.acceptance import ChainState, RecordedAt, start
from infra.log.chain import Chain
from infra.log.errors import LogChanged, RecordsUnsigned
from infra.log.partition_client import Record
from infra.log.partition_knowledge import check_chain
from infra.log.partition_source import PartitionSource


class PartitionCopy:
    """One partition: `begin`, then `read_on` as often as wanted, then `finish`.

    `known` is the backup so far, of this log. `full` is called with each file that is full.
    """

    def __init__(
        self,
        storage: BackupStorage,
        source: PartitionSource,
        known: Manifest,
        full: Callable[[PartitionContent], None],
        *,
        checks: SignatureChecks,
        largest: int = SEGMENT_BYTES,
    ) -> None:
        address = source.address
        self._storage = storage
        self._source = source
        self._known = known
        self._content = known.partitions[address.partition]
        self._identity = identity = bytes.fromhex(known.identity)
        self._full = full
        self._checks = checks
        self._largest = largest
        self._segments: list[Segment] = [*self._content.segments]
        self._writer: SegmentWriter | None = None
        self._extends = False
        """Whether the file that is being written takes the place of the last one so far."""
        self._last_looked_up: tuple[int, RecordedAt] | None = None
        self._history = history_of(storage, address.partition, lambda: self._segments)
        self._chain = Chain(start(address.place, identity), 0, self._recorded, strangers=address.strangers)
        self._next_offset = 0
        self._written = self._chain.state
        self._offset = self._content.offset
        self._client = source.follower()

    @property
    def added(self) -> int:
        """How many records came to those that were there."""
        return self._written.number - self._content.records

    def begin(self) -> None:
        """Find where the backup ends on the tape.

        Raises BackupOfAnotherLog, BackupOfAnotherHistory where it does not, and what reading raises.
        """
        content = self._content
        if not content.records:
            return
        state = content.state(self._source.address.place, self._identity)
        if self._known.log_id != self._source.log_id or not self._stands_at(content.offset, state.head):
            # The log was put back on another tape, or is not the one.
            self._offset, state = self._place_on_tape(content)
        self._next_offset = (self._offset or 0) + 1
        self._chain = Chain(state, self._next_offset, self._recorded, strangers=self._source.address.strangers)
        self._written = state

    def read_on(self) -> None:
        """Copy what the tape holds by now. Raises what reading and writing raise."""
        start = end = self._next_offset

        def records() -> Iterator[tuple[Record, bytes | None]]:
            nonlocal end
            for fetched in self._client.read(start):
                yield from ((record, record.value) for record in fetched.records if record.offset >= start)
                end = fetched.next_offset

        place = self._source.address.place
        for record, judged in self._checks.ahead(place, records(), lambda: self._chain.state.keys):
            self._take(record, judged)
        self._next_offset = end

    def finish(self) -> PartitionContent:
        """What the backup holds of the partition from now on, every file in its place."""
        self._close_file()
        return PartitionContent.of(self._chain.state, self._offset, tuple(self._segments))

    def fault(self) -> LogUnusable | None:
        """What is wrong with the log behind the last record that was copied."""
        address, state = self._source.address, self._chain.state
        try:
            check_chain(address.name, state, self._chain.unfounded)
        except LogUnusable as error:
            return error
        return None if address.strangers else self.unsigned()

    def unsigned(self) -> RecordsUnsigned | None:
        """What stands behind the last record, looks like one, and was signed by no writer."""
        found, state = self._chain.unsigned, self._chain.state
        if not found:
            return None
        return RecordsUnsigned(
            log=self._source.address.name,
            offset=min(found),
            count=len(found),
            number=state.number,
            position=state.position,
        )

    def close(self) -> None:
        """Let the tape go, and what was not finished."""
        self._client.close()
        if self._writer is not None:
            self._writer.discard()

    def _recorded(self, number: int) -> RecordedAt | None:
        if self._last_looked_up is not None and self._last_looked_up[0] == number:
            return self._last_looked_up[1]
        return self._history(number)

    def _take(self, record: Record, judged: Judged) -> None:
        _, header = self._chain.take(record, known=judged.is_known(self._chain))
        if header is None:
            return
        if self._writer is not None and not self._writer.has_room_for(record):
            self._close_file()
            self._full(PartitionContent.of(self._written, self._offset, tuple(self._segments)))
            # This record is in no file yet that could be looked into.
            self._last_looked_up = header.number, RecordedAt(self._chain.state.head, header.position)
            self._chain = renewed(self._chain, self._recorded, strangers=self._source.address.strangers)
        if self._writer is None:
            self._open_file(header.number, record)
        if self._writer is not None:
            self._writer.add(record)
        self._written, self._offset = self._chain.state, record.offset

    def _open_file(self, number: int, record: Record) -> None:
        partition = self._source.address.partition
        last = self._segments[-1] if self._segments else None
        self._extends = last is not None and has_room_behind(last.size, record, self._largest)
        extended = last if self._extends else None
        self._writer = SegmentWriter(self._storage, partition, number, extended=extended, largest=self._largest)

    def _close_file(self) -> None:
        if self._writer is None:
            return
        made = self._writer.finish()
        self._writer = None
        if self._extends:
            self._segments.pop()
        self._segments.append(made)

    def _stands_at(self, offset: int | None, head: bytes) -> bool:
        """Whether the backup's last record stands where it did."""
        try:
            fetched = next(iter(self._client.read(offset or 0)), None)
        except LogChanged:
            return False
        found = fetched.records[0] if fetched is not None and fetched.records else None
        return found is not None and found.offset == offset and sha256(found.value or b"").digest() == head

    def _place_on_tape(self, content: PartitionContent) -> tuple[int, ChainState]:
        """Where the backup's last record stands, and the state behind it. All before it are compared with the tape."""
        address = self._source.address
        stored = stored_records(self._storage, address.partition, content.segments)
        chain = Chain(start(address.place), 0, self._history, strangers=address.strangers)
        for fetched in self._client.read(0):
            for record in fetched.records:
                _, header = chain.take(record)
                if header is None:
                    continue
                keys = chain.state.keys
                if keys is not None and keys.identity != self._identity:
                    raise another_log(self._storage, self._identity, keys.identity)
                expected = next(stored)
                if expected.value != record.value:
                    raise self._another_history(pair("record {number} is another one", number=header.number))
                if header.number == content.records:
                    return record.offset, chain.state._replace(expected=self._identity)
        check_chain(address.name, chain.state, chain.unfounded)
        reason = pair(
            "the log ends with record {number}, and the backup holds {records}",
            number=chain.state.number,
            records=content.records,
        )
        raise self._another_history(reason)

    def _another_history(self, reason: Text) -> BackupOfAnotherHistory:
        return BackupOfAnotherHistory(folder=self._storage.name, log=self._source.address.name, reason=reason)


def another_log(storage: BackupStorage, backup: bytes, log: bytes) -> BackupOfAnotherLog:
    """The error for a log of another identity than the backup's."""
    return BackupOfAnotherLog(folder=storage.name, backup=backup.hex(), log=log.hex())
