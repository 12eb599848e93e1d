"""What a process knows of one partition: the rule's state, and the index that follows it.

Everything here is for the thread that holds the committer's lead. What was accepted is known at once, in memory; the
index may be one record behind, and catches up before anybody is told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import structlog

from consumers.commands.ports import CommandKey, QueuePosition
from infra.kafka.errors import IndexUnusable, LogBroken, LogChanged, NewerLog, RecordUnreadable
from infra.kafka.partition_client import FetchResult, PartitionClient, Record
from infra.log.acceptance import ChainState, UnknownFormat, Verdict, accept, dismiss
from infra.log.format import Append, UnreadableBody, decode_body, first_hash
from infra.log.index import Applied, Head, Index
from infra.retry import Retry
from infra.timeouts import Timeout

_log = structlog.get_logger(__name__)

_VERSIONS_KEPT: Final = 100_000
_EVENTS_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True)
class PartitionAddress:
    """Which partition it is: `name` for messages, `app`, P and p for the hash that everything begins with."""

    name: str
    app: str
    partitions: int
    partition: int


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
        self._versions: OrderedDict[str, int | None] = OrderedDict()
        self._commands: set[CommandKey] = set()
        self._accepted: list[Applied] = []
        self._ignored: dict[Verdict, list[int]] = {}
        """The offsets of what is ignored, by sort, until it is reported."""
        self._prepared: tuple[Applied, Head] | None = None
        self._uncommitted: Applied | None = None
        start = ChainState(first_hash(address.app, address.partitions, address.partition))
        self.head = index.head() or Head(0, None, start)
        self._written = self.head
        self.indexed = self.state.position - 1
        """The last position that is in the index, 0 when there is none. For any thread."""
        self._tracking = index.tracking()
        self._verify_head()
        self._catch_up()

    def observe(self, observer: Callable[[Applied], None]) -> None:
        """Call it with every record that is accepted from now on, own ones too, as soon as that is known."""
        self._observers.append(observer)

    @property
    def state(self) -> ChainState:
        """The rule's state after everything that was read or appended."""
        return self.head.state

    def check_whole(self) -> None:
        """Raises LogBroken while an orphan is open."""
        if self.state.orphans:
            raise log_broken(self.address.name, self.state.orphans)

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
        """Read to the high watermark and apply it. Raises what the client, the rule and the index raise."""
        self.write_index()
        for fetched in self.client.read(self.head.next_offset):
            self.apply(fetched)

    def _catch_up(self) -> None:
        """Read to the high watermark from wherever the index is; SQLite writes while the next records are decoded."""
        self._index.expect_much(expected=True)
        with ThreadPoolExecutor(1) as pool:
            writing: Future[None] | None = None
            written = self.state.position
            for fetched in self.client.read(self.head.next_offset):
                self._apply_all(fetched)
                if writing is not None:
                    writing.result()
                accepted, self._accepted = self._accepted, []
                # The fewer transactions, the fewer pages are written more than once.
                if self.state.position - written < _EVENTS_AT_ONCE:
                    writing = pool.submit(self._index.add, accepted)
                else:
                    writing = pool.submit(self._index.fill, accepted, self.head)
                    written = self.state.position
            if writing is not None:
                writing.result()
                self._index.fill((), self.head)
        self._index.expect_much(expected=False)
        self._written = self.head
        self.indexed = self.state.position - 1

    def apply(self, fetched: FetchResult) -> None:
        """Apply what was read. What had been applied before is left out."""
        self.write_index()
        try:
            self._apply_all(fetched)
        finally:
            self.write_index()

    def _apply_all(self, fetched: FetchResult) -> None:
        try:
            for record in fetched.records:
                if record.offset >= self.head.next_offset:
                    self._apply_one(record)
        finally:
            self._report_ignored()
        if fetched.next_offset > self.head.next_offset:
            self.head = self.head._replace(next_offset=fetched.next_offset)

    def prepare(self, value: bytes, appends: Sequence[Append], writer: str) -> None:
        """Make the index ready for an own record that was sent, should it come next in the log.

        The time until it is acknowledged is good for nothing else. The index must be at the head.
        """
        offset = self.head.next_offset
        state, verdict = accept(self.state, offset, value)
        if verdict is not Verdict.ACCEPTED:
            raise AssertionError(f"an own record on the head was judged {verdict}")
        record = Applied(offset, writer, self.state.position, appends)
        head = self._after(offset, state, appends)
        self._index.begin([record], head)
        self._prepared = record, head

    def discard(self) -> None:
        """The own record did not come next, or it is not known whether it did."""
        if self._prepared is not None:
            self._prepared = None
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
        if self._uncommitted is not None:
            uncommitted, self._uncommitted = self._uncommitted, None
            try:
                self._index.commit()
            except IndexUnusable:
                self._index.roll_back()
                self._accepted.append(uncommitted)
                raise
        elif self._accepted or self._written is not self.head:
            self._index.fill(self._accepted, self.head)
            self._accepted = []
        if self._written is self.head:
            return
        self._written = self.head
        self._commands.clear()
        while len(self._versions) > _VERSIONS_KEPT:
            self._versions.popitem(last=False)
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
        tries = Retry(Timeout.LEADER, pause=0.05)
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
        """The last accepted record, read from the log; None before the first, or where the index will refuse it."""
        offset = self.head.record_offset
        fetched = next(iter(self.client.read(offset)), None) if offset is not None else None
        value = fetched.records[0].value if fetched and fetched.records else None
        if offset is None or value is None:
            return None
        try:
            body = decode_body(value)
        except UnreadableBody:
            return None
        events = sum(len(append.events) for append in body.appends)
        return Applied(offset, body.writer, self.state.position - events, body.appends)

    def _apply_one(self, record: Record) -> None:
        try:
            state, verdict = accept(self.state, record.offset, record.value)
        except UnknownFormat as error:
            raise NewerLog(log=self.address.name, reason=str(error)) from error
        if verdict is Verdict.ACCEPTED and record.value is not None:
            try:
                body = decode_body(record.value)
            except UnreadableBody as error:
                reason = f"the body of the record at offset {record.offset}: {error}"
                raise RecordUnreadable(log=self.address.name, reason=reason) from error
            self._accepted.append(Applied(record.offset, body.writer, self.state.position, body.appends))
            self.head = self._after(record.offset, state, body.appends)
            self._remember(body.appends)
            self._notify_observers(self._accepted[-1])
            return
        self._ignore(record, state, verdict)

    def _notify_observers(self, record: Applied) -> None:
        for observer in self._observers:
            observer(record)

    def _ignore(self, record: Record, state: ChainState, verdict: Verdict) -> None:
        ignored = self.head.ignored
        ignored = ignored._replace(
            late=ignored.late + (verdict is Verdict.LATE),
            foreign=ignored.foreign + (verdict is Verdict.FOREIGN),
            orphans=ignored.orphans + (verdict is Verdict.ORPHAN),
        )
        self.head = self.head._replace(state=state, ignored=ignored, next_offset=record.offset + 1)
        self._ignored.setdefault(verdict, []).append(record.offset)

    def _report_ignored(self) -> None:
        """One line for each sort of what was read together: a stranger can send a hundred thousand records at once."""
        ignored, self._ignored = self._ignored, {}
        for verdict, offsets in ignored.items():
            report = _log.debug if verdict is Verdict.LATE else _log.warning
            report(
                f"records.{verdict.name.lower()}",
                log=self.address.name,
                partition=self.address.partition,
                count=len(offsets),
                first=offsets[0],
                last=offsets[-1],
                head=self.head.record_offset,
            )

    def _after(self, offset: int, state: ChainState, appends: Sequence[Append]) -> Head:
        """The head after an accepted record."""
        commands = self.head.commands
        for append in appends:
            if append.source is not None:
                commands = append.source
            if append.dismissed:
                state = dismiss(state, append.dismissed)
        return self.head._replace(next_offset=offset + 1, record_offset=offset, state=state, commands=commands)

    def _remember(self, appends: Sequence[Append]) -> None:
        """Remember what an accepted record brought."""
        for append in appends:
            for originator_id, version, _, _ in append.events:
                self._versions[originator_id] = version
            if append.tracking is not None:
                self._tracking[append.tracking.application_name] = append.tracking.notification_id
            if append.dismissed:
                _log.warning("orphans.dismissed", log=self.address.name, count=len(append.dismissed))

    def changed(self, reason: str) -> LogChanged:
        """The error for a log that is not the one, or not all of it, that the index was made from."""
        return LogChanged(log=self.address.name, reason=reason, index=str(self._index.path))
