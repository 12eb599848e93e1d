"""What a process knows of one partition: the rule's state, and the index that follows it.

Everything here is for the thread that holds the committer's lead. What was accepted is known at once, in memory; the
index may be one record behind, and catches up before anybody is told.

An accepted record that cannot be used stops the partition: everything before it is in the index, nothing behind it. It
goes on behind a void that covers the record. Where the index had taken in records that a void covers, it is made anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from consumers.commands.ports import CommandKey, QueuePosition
from infra.errors import LogUnusable
from infra.log.acceptance import ChainState, RecordedAt, Verdict, VoidRange, accept, start
from infra.log.chain import Chain
from infra.log.errors import (
    IndexUnusable,
    LogBroken,
    LogChanged,
    LogNotFounded,
    NewerLog,
    RecordUnreadable,
    WriterNotRegistered,
)
from infra.log.format import Append, Body, Header, Place, UnreadableBody, decode_body, read_header
from infra.log.index import Applied, Index, RecordRefused
from infra.log.index_head import Head
from infra.log.keys import Signer
from infra.log.partition_client import FetchResult, PartitionClient, Record
from infra.log.reporting import logger
from infra.log.usable import Stop, UnknownFormat, counted, usable_body
from infra.retry import Retry

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_VERSIONS_KEPT: Final = 100_000
_EVENTS_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True)
class PartitionAddress:
    """Which partition it is: `name` for messages; `app`, P and p as every signature names them.

    `identity` is that of the log (32 bytes), where it is known beforehand.
    """

    name: str
    app: str
    partitions: int
    partition: int
    identity: bytes | None = None

    @property
    def place(self) -> Place:
        """What every signature begins with."""
        return Place(self.app, self.partitions, self.partition)


class _AppliedVoid(Exception):
    """Records that are in the index have been voided. `known`: first and last number of this and all other voids."""

    def __init__(self, known: list[tuple[int, int]]) -> None:
        super().__init__(known)
        self.known = known


def log_broken(name: str, orphans: Mapping[int, bytes]) -> LogBroken:
    """The error for open orphans, which are hashes by offset."""
    reason = f"the record at offset {min(orphans)} was built on one that is not there ({len(orphans)} such records)"
    return LogBroken(log=name, reason=reason)


class Partition:
    """One partition: its client and its index. Made, it has read the log to the end.

    `listeners` are called after events have reached the index.
    """

    def __init__(
        self,
        address: PartitionAddress,
        client: PartitionClient,
        index: Index,
    ) -> None:
        self.address = address
        self.client = client
        self.listeners: list[Callable[[], None]] = []
        self._observers: list[Callable[[Applied], None]] = []
        self._index = index
        self._refused: dict[int, str] = {}
        """What the index said of accepted records that it could not take, by number."""
        self._one_by_one = False
        self._load()
        self._verify_head()
        self._recovering(self._catch_up)
        self._check_stopped()

    def _load(self) -> None:
        """Know what the index knows, and nothing else."""
        self._versions: OrderedDict[str, int | None] = OrderedDict()
        self._commands: set[CommandKey] = set()
        self._accepted: list[Applied] = []
        self._ignored: dict[Verdict, list[int]] = {}
        """The offsets of what is ignored, by sort, until it is reported."""
        self._prepared: tuple[Applied, Head] | None = None
        self._uncommitted: Applied | None = None
        self._writing: Future[None] | None = None
        self._stopped: Stop | None = None
        self._unfounded: int | None = None
        """Where a record of a log stands although there is no genesis before it."""
        self.head = self._filled()
        self._written = self.head
        self.indexed = self.state.position - 1
        """The last position that is in the index, 0 when there is none. For any thread."""
        self._known_voids = self._index.known_voids()
        self._is_anew = False
        """Whether what is read replaces what the file shows, all at once at the end."""
        self._tracking = self._index.tracking()

    def _filled(self) -> Head:
        expected = self.address.identity
        head = self._index.head()
        if head is None or head.state.keys is None:
            # Before the genesis nothing is known that reading again could miss.
            return Head(0, None, start(self.address.place, expected))
        if expected not in (None, head.state.keys.identity):
            raise self.changed(f"the identity of its log is {head.state.keys.identity.hex()}")
        return head._replace(state=head.state._replace(expected=expected))

    def observe(self, observer: Callable[[Applied], None]) -> None:
        """Call it with every record that is accepted from now on, own ones too, as soon as that is known."""
        self._observers.append(observer)

    @property
    def state(self) -> ChainState:
        """The rule's state after everything that was read or appended."""
        return self.head.state

    @property
    def voids(self) -> tuple[VoidRange, ...]:
        """The records that count as nothing, and the positions that are empty for it."""
        return self.state.voids

    def check_whole(self) -> None:
        """Raises LogBroken while an orphan is open or the genesis is lost; RecordUnreadable, NewerLog while stopped."""
        self._check_stopped()
        if self.state.orphans:
            raise log_broken(self.address.name, self.state.orphans)
        if self._unfounded is not None:
            reason = f"the record at offset {self._unfounded} is one of a log whose genesis is not there"
            raise LogBroken(log=self.address.name, reason=reason)

    def _check_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped.error

    @property
    def needs_reading(self) -> bool:
        """Whether it cannot be built on as it is, which a control record may have mended by now."""
        return self._stopped is not None or bool(self.state.orphans)

    def check_writer(self, signer: Signer) -> None:
        """Raises LogNotFounded, WriterNotRegistered where a record with this signature would be a stranger's."""
        keys = self.state.keys
        if keys is None:
            raise LogNotFounded(log=self.address.name)
        if keys.writers.get(signer.key_id) != signer.public:
            raise WriterNotRegistered(log=self.address.name, key=signer.public.hex())

    def load_versions(self, originator_ids: Iterable[str]) -> None:
        """Look up in one go what `last_version` will be asked for."""
        unknown = [originator_id for originator_id in set(originator_ids) if originator_id not in self._versions]
        if unknown:
            self._versions.update(dict.fromkeys(unknown))
            self._versions.update(self._index.last_versions(unknown))

    def last_version(self, originator_id: str) -> int | None:
        """The last version of an aggregate, None when there is none."""
        if originator_id not in self._versions:
            self.load_versions([originator_id])
        return self._versions[originator_id]

    def last_tracked(self, application: str) -> int | None:
        """The position up to which an upstream application has been processed."""
        return self._tracking.get(application)

    def is_bound(self, key: CommandKey) -> bool:
        """Whether a command id has its answer."""
        return key in self._commands or self._index.is_bound(key)

    def is_handled(self, source: QueuePosition) -> bool:
        """Whether a command, or one after it in the same commands topic, has been handled."""
        last = self.head.commands
        return last is not None and last.topic_id == source.topic_id and last.offset >= source.offset

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

    def _recovering(self, read: Callable[[], None]) -> None:
        """Read; again where a record turned out to be unusable or void when others behind it had been taken in."""
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
                read = self._catch_up
            else:
                self._one_by_one = False
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
        for fetched in self.client.read(self.next_offset):
            self._apply_and_write(fetched)

    def _apply_and_write(self, fetched: FetchResult) -> None:
        try:
            self._apply_all(fetched)
        finally:
            self._write_index()

    def _catch_up(self) -> None:
        """Read to the high watermark from wherever the index is; SQLite writes while the next records are decoded."""
        fetches = iter(self.client.read(self.next_offset))
        first = [*islice(fetches, 1)]
        if not first and not self._is_anew:
            return
        # Most processes find nothing to catch up on, and need not wait for its import.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        self._index.expect_much(expected=True)
        try:
            with ThreadPoolExecutor(1) as pool:
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

    def prepare(self, value: bytes, appends: Sequence[Append], writer: str) -> None:
        """Make the index ready for an own record that was sent, should it come next in the log.

        The time until it is acknowledged is good for nothing else. The index must be at the head.
        """
        offset, header = self.head.next_offset, read_header(value)
        state, verdict = accept(self.state, offset, value, self._recorded)
        if header is None or verdict is not Verdict.ACCEPTED:
            raise AssertionError(f"an own record on the head was judged {verdict}")
        record = self._applied(offset, header, state, Body(writer, list(appends)))
        head = self._after(record, state)
        try:
            self._index.begin([record], head)
        except RecordRefused as refused:
            raise self._unusable(offset, header, writer, str(refused)) from refused
        self._prepared = record, head

    def discard(self) -> None:
        """The own record did not come next, or it is not known whether it did."""
        self._prepared = None
        if self._uncommitted is None:
            self._index.roll_back()

    def accept(self) -> None:
        """The own record came next. It is known from now on; the index shows it after `write_index`."""
        if self._prepared is None:
            raise AssertionError("nothing was prepared")
        (self._uncommitted, self.head), self._prepared = self._prepared, None
        self._remember(self._uncommitted.appends)
        self._commands.update(
            command.key for append in self._uncommitted.appends if (command := append.bound) is not None
        )
        self._notify_observers(self._uncommitted)

    def write_index(self) -> None:
        """Bring the index to the head. What could not be written is written the next time."""
        self._recovering(self._write_index)

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

    def _tell_listeners(self) -> None:
        if self.indexed != self.state.position - 1:
            self.indexed = self.state.position - 1
            for listener in tuple(self.listeners):
                listener()

    def verify_head(self) -> None:
        """Compare the last accepted record with what stands in the log. Raises LogChanged."""
        self.write_index()
        self._verify_head()

    def _verify_head(self) -> None:
        offset = self.head.record_offset
        if offset is None:
            return
        tries = Retry(self.client.lag, pause=0.05)
        while True:
            fetched = next(iter(self.client.read(offset)), None)
            found = fetched.records[0] if fetched and fetched.records else None
            if found is not None and found.offset == offset and found.value is not None:
                if sha256(found.value).digest() == self.state.head:
                    return
                raise self.changed(f"the record at offset {offset} is not the one that had been read")
            # A new leader may learn the high watermark a moment after it was elected.
            if found is not None or tries.is_over:
                raise self.changed(f"the record at offset {offset} is gone")
            tries.pause()

    def last_accepted(self) -> Applied | None:
        """The last accepted record of appends that is not void, read from the log; None before the first."""
        before = self.state.number + 1
        while (found := self._index.last_appends(before)) is not None:
            number, offset, position = found
            void = next((void for void in self.voids if void.first <= number <= void.last), None)
            if void is None:
                break
            before = void.first
        else:
            return None
        fetched = next(iter(self.client.read(offset)), None)
        value = fetched.records[0].value if fetched and fetched.records else None
        if value is None:
            return None
        body = decode_body(value)
        return Applied(offset, body.writer, position, body.appends, number, sha256(value).digest(), value[0])

    def _recorded(self, number: int) -> RecordedAt | None:
        """What is known of the accepted record of a number."""
        for record in reversed(self._accepted):
            if record.number == number:
                return RecordedAt(record.hash, record.position)
        if self._writing is not None:
            self._writing.result()
        return self._index.recorded(number)

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
            self._stop(record, self._unusable(record.offset, header, "", str(error), newer=newer))
            return
        applied = self._applied(record.offset, header, state, body)
        self._accepted.append(applied)
        self.head = self._after(applied, state)
        self._remember(applied.appends)
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

    def _is_known_void(self, first: int, last: int) -> bool:
        return any(start <= first and last <= end for start, end in self._known_voids)

    def _check_applied(self, void: VoidRange, *, before: int | None = None) -> None:
        """Raises _AppliedVoid where the void's records, or those below a number, were not known for void before."""
        last = void.last if before is None else before - 1
        if void.first <= last and not self._is_known_void(void.first, last):
            raise _AppliedVoid([*self._known_voids, (void.first, void.last)])

    def _stop(self, record: Record, error: LogUnusable) -> None:
        """Take in nothing from an unusable record on, and look on for a void."""
        logger(__name__).error("record.unusable", log=self.address.name, offset=record.offset, reason=str(error))
        chain = Chain(self.state, record.offset, self._recorded)
        self._stopped = Stop(self.state.number + 1, error, chain, self.head.ignored)
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

    def _unusable(
        self, offset: int, header: Header, writer: str, reason: str, *, newer: bool = False
    ) -> RecordUnreadable | NewerLog:
        """The error for an accepted record that cannot be used: which one, whose, and why."""
        kind = NewerLog if newer else RecordUnreadable
        by = f"{header.key.hex()} ({writer})" if writer else header.key.hex()
        whole = f"record {header.number} at offset {offset}, signed by the key {by}: {reason}"
        return kind(log=self.address.name, reason=whole, number=header.number, offset=offset, key=header.key.hex())

    def _applied(self, offset: int, header: Header, state: ChainState, body: Body) -> Applied:
        return Applied(offset, body.writer, header.position, body.appends, header.number, state.head, header.format)

    def _notify_observers(self, record: Applied) -> None:
        for observer in self._observers:
            observer(record)

    def _ignore(self, record: Record, header: Header | None, state: ChainState, verdict: Verdict) -> None:
        if state.keys is None and header is not None and self._unfounded is None:
            self._unfounded = record.offset
        self.head = self.head._replace(
            state=state, ignored=counted(self.head.ignored, verdict), next_offset=record.offset + 1
        )
        self._ignored.setdefault(verdict, []).append(record.offset)

    def _report_ignored(self) -> None:
        """One line for each sort of what was read together: a stranger can send a hundred thousand records at once."""
        if not self._ignored:
            return
        log = logger(__name__)
        ignored, self._ignored = self._ignored, {}
        for verdict, offsets in ignored.items():
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

    def _after(self, record: Applied, state: ChainState) -> Head:
        """The head after an accepted record."""
        commands = self.head.commands
        for append in record.appends:
            if append.source is not None:
                commands = append.source
        offset = record.offset
        return self.head._replace(next_offset=offset + 1, record_offset=offset, state=state, commands=commands)

    def _remember(self, appends: Sequence[Append]) -> None:
        """Remember what an accepted record brought."""
        for append in appends:
            for originator_id, version, _, _ in append.events:
                self._versions[originator_id] = version
            if append.tracking is not None:
                self._tracking[append.tracking.application_name] = append.tracking.notification_id

    def changed(self, reason: str) -> LogChanged:
        """The error for a log that is not the one, or not all of it, that the index was made from."""
        return LogChanged(log=self.address.name, reason=reason, index=str(self._index.path))
