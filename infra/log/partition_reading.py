"""How a partition is read: every record judged by the rule, its body taken in, and the index kept up.

An accepted record that cannot be used stops the partition: everything before it is in the index, nothing behind it. It
goes on behind a void that covers the record. Where the index had taken in records that a void covers, it is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from infra.garbage import seldom_collected
from infra.log.acceptance import ChainState, Verdict, VoidRange, accept
from infra.log.chain import Chain
from infra.log.errors import IndexUnusable, RecordsVoided
from infra.log.format import Body, Header, UnreadableBody, read_header
from infra.log.index import Applied, Index, RecordRefused
from infra.log.index_head import Head, StoppedAt
from infra.log.partition_client import FetchResult, PartitionClient, Record
from infra.log.partition_knowledge import PartitionAddress, PartitionKnowledge
from infra.log.reporting import logger
from infra.log.usable import Stop, UnknownFormat, counted, stopped_at, usable_body
from infra.retry import Retry

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_VERSIONS_KEPT: Final = 100_000
_EVENTS_AT_ONCE: Final = 50_000


class _AppliedVoid(Exception):
    """Records that are in the index have been voided. `known`: first and last number of this and all other voids."""

    def __init__(self, known: list[tuple[int, int]]) -> None:
        super().__init__(known)
        self.known = known


class PartitionReading(PartitionKnowledge):
    """See `Partition`, whose part it is."""

    def __init__(self, address: PartitionAddress, client: PartitionClient, index: Index) -> None:
        self._refused: dict[int, str] = {}
        """What the index said of accepted records that it could not take, by number."""
        self._one_by_one = False
        self._is_open = False
        """Whether anybody may have been told what the log holds."""
        self._session: object = None
        """The client's session in which the log was compared last with what had been read."""
        super().__init__(address, client, index)

    def read_on(self) -> None:
        """Read to the high watermark and apply it.

        Raises what the client and the index raise, and RecordUnreadable or NewerLog for a record that cannot be used.
        """
        self.write_index()
        self._recovering(self._read)
        self._check_stopped()

    def apply(self, fetched: FetchResult) -> None:
        """Apply what was read. What had been applied before is left out. Raises as `read_on`."""
        self.write_index()
        self._recovering(lambda: self._apply_and_write(fetched))
        self._check_stopped()

    @property
    def next_offset(self) -> int:
        """The first offset that was not read."""
        return self.head.next_offset if self._stopped is None else self._stopped.chain.next_offset

    def verify_head(self) -> None:
        """Compare what was read last with what stands in the log. Raises LogChanged."""
        self.write_index()
        self._verify_head()

    def _compare(self) -> None:
        """Compare as `verify_head` does, once in each session of the client: meanwhile nothing read can be gone."""
        session = self.client.session
        if session is None or session != self._session:
            self._verify_head()
            self._session = self.client.session

    def _verify_head(self) -> None:
        """The last accepted record must stand where it did, and nothing that is accepted between it and the next read.

        What strangers put there may be gone, too: a record that others appended in its place would never be read.
        """
        if self.head.record_offset is None:
            return
        tries = Retry(self.client.lag, pause=0.05)
        while (gone := self._gone(self.head.record_offset)) is not None:
            # A new leader may learn the high watermark a moment after it was elected.
            if tries.is_over:
                raise self.changed(gone)
            tries.pause()

    def _gone(self, offset: int) -> str | None:
        """What is not there any more, or not yet. Raises LogChanged where something else stands there."""
        end = offset
        for fetched in self.client.read(offset):
            for record in fetched.records:
                self._check_read(record, offset, is_first=end == offset)
                end = record.offset + 1
            end = fetched.next_offset
            if end >= self.head.next_offset:
                return None
        if end == offset:
            return f"the record at offset {offset} is gone"
        return f"it ends at offset {end}, and offset {self.head.next_offset - 1} had been read"

    def _check_read(self, record: Record, offset: int, *, is_first: bool) -> None:
        """Raises LogChanged where a record is not the head, or is accepted behind it and was never read."""
        if is_first:
            if record.offset > offset:
                raise self.changed(f"the record at offset {offset} is gone")
            if sha256(record.value or b"").digest() != self.state.head:
                raise self.changed(f"the record at offset {offset} is not the one that had been read")
        elif record.offset < self.head.next_offset:
            _, verdict = accept(self.state, record.offset, record.value, self._recorded)
            if verdict is Verdict.ACCEPTED:
                raise self.changed(f"the record at offset {record.offset} is not the one that had been read")

    def write_index(self) -> None:
        """Bring the index to the head. What could not be written is written the next time."""
        self._recovering(self._write_index)

    def _recovering(self, read: Callable[[], None]) -> None:
        """Read; again where a record turned out to be unusable or void when others behind it had been taken in.

        Raises RecordsVoided, once and after the index is whole again, where somebody may have built on what was voided.
        """
        served = self._is_open
        anew = False
        while True:
            try:
                read()
            except RecordRefused as refused:
                self._forget_unwritten()
                self._one_by_one = refused.first < refused.last
                if not self._one_by_one:
                    self._refused[refused.first] = str(refused)
            except _AppliedVoid as found:
                self._forget_unwritten()
                self._begin_anew(found.known)
                read, anew = self._catch_up, True
            else:
                self._one_by_one = False
                if anew and served:
                    raise RecordsVoided(log=self.address.name, voids=len(self.voids))
                return

    def _forget_unwritten(self) -> None:
        self._index.roll_back()
        self._load()

    def _begin_anew(self, known_voids: list[tuple[int, int]]) -> None:
        """Forget everything but the voids. The file shows what it showed before, until all has been read again."""
        logger(__name__).warning(
            "index.begun_anew", log=self.address.name, partition=self.address.partition, voids=known_voids
        )
        self._index.begin_anew(known_voids)
        self._load()
        self._is_anew = True

    def _read(self) -> None:
        self._compare()
        for fetched in self.client.read(self.next_offset):
            self._apply_and_write(fetched)
        # It may have been another leader that answered.
        self._compare()

    def _apply_and_write(self, fetched: FetchResult) -> None:
        try:
            self._apply_all(fetched)
        finally:
            self._write_index()
            self._tell_stop()

    def _tell_stop(self) -> None:
        stop = self._stopped.at if self._stopped is not None else None
        if stop != self._told_stop:
            self._index.tell_stop(stop)
            self._told_stop = stop

    def _catch_up(self) -> None:
        """Read to the high watermark from wherever the index is; SQLite writes while the next records are decoded."""
        self._compare()
        fetches = iter(self.client.read(self.next_offset))
        first = [*islice(fetches, 1)]
        if not first and not self._is_anew:
            return
        # Most processes find nothing to catch up on, and need not wait for its import.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        self._index.expect_much(expected=True)
        try:
            with ThreadPoolExecutor(1) as pool, seldom_collected():
                self._catch_up_with(pool, chain(first, fetches))
        except BaseException:
            self._forget_unwritten()
            raise
        finally:
            self._writing = None
            self._index.expect_much(expected=False)
        self._index.fill((), self.head)
        self._is_anew = False
        self._written = self.head
        self._tell_stop()
        self._tell_listeners()

    def _catch_up_with(self, pool: ThreadPoolExecutor, fetches: Iterable[FetchResult]) -> None:
        written = self.state.position
        for fetched in fetches:
            self._apply_all(fetched)
            if self._writing is not None:
                self._writing.result()
            accepted, self._accepted = self._accepted, []
            # The fewer transactions, the fewer pages are written more than once.
            if self._is_anew or self._one_by_one or self.state.position - written < _EVENTS_AT_ONCE:
                self._writing = pool.submit(self._add, accepted)
            else:
                self._writing = pool.submit(self._index.fill, accepted, self.head)
                written = self.state.position
        if self._writing is not None:
            self._writing.result()

    def _add(self, records: Sequence[Applied]) -> None:
        """Write accepted records, each for itself when it is to be known which one cannot be taken."""
        pieces = [[record] for record in records] if self._one_by_one else [records]
        for piece in pieces:
            self._index.add(piece)

    def _write_index(self) -> None:
        if self._uncommitted is not None:
            uncommitted, self._uncommitted = self._uncommitted, None
            try:
                self._index.commit()
            except IndexUnusable:
                self._index.roll_back()
                self._accepted.append(uncommitted)
                raise
        elif self._accepted or self._written is not self.head:
            self._add(self._accepted)
            self._index.fill((), self.head)
            self._accepted = []
        if self._written is self.head:
            return
        self._written = self.head
        self._commands.clear()
        while len(self._versions) > _VERSIONS_KEPT:
            self._versions.popitem(last=False)
        self._tell_listeners()

    def _apply_all(self, fetched: FetchResult) -> None:
        try:
            for record in fetched.records:
                if self._stopped is not None:
                    if record.offset >= self._stopped.chain.next_offset:
                        self._look_on(self._stopped, record)
                elif record.offset >= self.head.next_offset:
                    self._apply_one(record)
        finally:
            self._report_ignored()
        if self._stopped is None and fetched.next_offset > self.head.next_offset:
            self.head = self.head._replace(next_offset=fetched.next_offset)

    def _apply_one(self, record: Record) -> None:
        before = self.state
        state, verdict = accept(before, record.offset, record.value, self._recorded)
        header = read_header(record.value)
        if verdict is not Verdict.ACCEPTED or record.value is None or header is None:
            self._ignore(record, header, state, verdict)
            return
        try:
            body = self._body(header, record.value)
        except (UnreadableBody, UnknownFormat) as error:
            newer = isinstance(error, UnknownFormat)
            self._stop(record, stopped_at(header, record.offset, str(error), newer=newer))
            return
        applied = self._applied(record.offset, header, state, body)._replace(appended_at=record.appended_at)
        self._accepted.append(applied)
        self.head = self._after(applied, state)
        # Before it is open nobody asks for versions, and the log may have more dossiers than there is room for.
        self._remember(applied.appends, versions=self._is_open)
        self._notify_observers(applied)
        if len(state.voids) > len(before.voids):
            self._check_applied(state.voids[-1])

    def _body(self, header: Header, value: bytes) -> Body:
        """What counts of an accepted record. Raises UnreadableBody, UnknownFormat."""
        if self._is_known_void(header.number, header.number):
            return Body("", [])
        if header.number in self._refused:
            raise UnreadableBody(self._refused[header.number])
        return usable_body(header, value, self.head.commands)

    def _check_applied(self, void: VoidRange, *, before: int | None = None) -> None:
        """Raises _AppliedVoid where the void's records, or those below a number, were not known for void before."""
        last = void.last if before is None else before - 1
        if void.first <= last and not self._is_known_void(void.first, last):
            if (void.first, void.last) in self._known_voids:
                # The index would be begun anew for ever.
                raise AssertionError(f"records {void.first} to {last} were applied, and were known for void")
            raise _AppliedVoid([*self._known_voids, (void.first, void.last)])

    def _stop(self, record: Record, at: StoppedAt) -> None:
        """Take in nothing from an unusable record on, and look on for a void."""
        logger(__name__).error("record.unusable", log=self.address.name, offset=record.offset, reason=at.reason)
        chain = Chain(self.state, record.offset, self._recorded)
        self._stopped = Stop(at, self.address.name, chain, self.head.ignored)
        self._look_on(self._stopped, record)

    def _look_on(self, stop: Stop, record: Record) -> None:
        void = stop.take(record)
        if void is None:
            return
        self._check_applied(void, before=stop.number)
        logger(__name__).warning(
            "record.voided", log=self.address.name, first=void.first, last=void.last, offset=record.offset
        )
        self._stopped = None
        self._accepted.extend(stop.skipped)
        self.head = Head(record.offset + 1, record.offset, stop.chain.state, self.head.commands, stop.ignored)

    def _ignore(self, record: Record, header: Header | None, state: ChainState, verdict: Verdict) -> None:
        if state.keys is None and header is not None and self._unfounded is None:
            self._unfounded = record.offset
        self.head = self.head._replace(
            state=state, ignored=counted(self.head.ignored, verdict), next_offset=record.offset + 1
        )
        self._ignored.setdefault(verdict, []).append(record.offset)

    def _report_ignored(self) -> None:
        """One line for each sort of what was read together: a stranger can send a hundred thousand records at once."""
        ignored, self._ignored = self._ignored, {}
        for verdict, offsets in ignored.items():
            log = logger(__name__)
            report = log.debug if verdict is Verdict.LATE else log.warning
            report(
                f"records.{verdict.name.lower()}",
                log=self.address.name,
                partition=self.address.partition,
                count=len(offsets),
                first=offsets[0],
                last=offsets[-1],
                head=self.head.record_offset,
            )
