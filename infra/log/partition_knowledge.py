"""What a process knows of one partition: the rule's state, what the index holds, and what is not in it yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consumers.commands.ports import CommandKey, LastHandled, QueuePosition
from infra.log.acceptance import ChainState, RecordedAt, Verdict, VoidRange, start
from infra.log.errors import (
    LogBroken,
    LogChanged,
    LogClosed,
    LogNotFounded,
    WriterNotRegistered,
)
from infra.log.format import Append, Body, Header, Place, last_handled_in
from infra.log.index import Applied, Index
from infra.log.index_head import Head
from infra.log.keys import Signer
from infra.log.partition_client import PartitionClient
from infra.log.usable import Stop

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True)
class PartitionAddress:
    """Which partition it is: `name` for messages; `app`, P and p as every signature names them.

    `identity` is that of the log (32 bytes), where it is known beforehand. `strangers`: whether they can append to the
    tape.
    """

    name: str
    app: str
    partitions: int
    partition: int
    identity: bytes | None = None
    strangers: bool = True

    @property
    def place(self) -> Place:
        """What every signature begins with."""
        return Place(self.app, self.partitions, self.partition)


def check_chain(name: str, state: ChainState, unfounded: int | None) -> None:
    """Raises LogBroken while an orphan is open, or where records stand (the first one at `unfounded`) and no genesis.

    Its `position` is the first one that is not there, its `offset` that of the first record that shows it.
    """
    if state.orphans:
        offset, count = min(state.orphans), len(state.orphans)
        reason = (
            f"the record at offset {offset} was built on one that is not there ({count} such records); "
            f"the log is whole up to record {state.number}, before position {state.position}"
        )
    elif unfounded is not None:
        offset = unfounded
        reason = f"the record at offset {offset} is one of a log whose genesis is not there"
    else:
        return
    raise LogBroken(log=name, reason=reason, number=state.number + 1, position=state.position, offset=offset)


def check_open(name: str, state: ChainState, tape: Callable[[], str]) -> None:
    """Raises LogClosed where nothing more is written to this tape; `tape` gives its id."""
    moved = state.closed.get(tape()) if state.closed else None
    if moved is not None:
        raise LogClosed(log=name, place=moved.place, successor=moved.tape)


class PartitionKnowledge:
    """See `Partition`, whose part it is. `listeners` are called after events have reached the index."""

    def __init__(self, address: PartitionAddress, client: PartitionClient, index: Index) -> None:
        self.address = address
        self.client = client
        self.listeners: list[Callable[[], None]] = []
        self._observers: list[Callable[[Applied], None]] = []
        self._index = index
        self._load()

    def _load(self) -> None:
        """Know what the index knows, and nothing else."""
        self._versions: OrderedDict[str, int | None] = OrderedDict()
        self._commands: set[CommandKey] = set()
        self._accepted: list[Applied] = []
        self._prepared: tuple[Applied, Head] | None = None
        self._uncommitted: Applied | None = None
        self._ignored: dict[Verdict, list[int]] = {}
        """The offsets of what is ignored, by sort, until it is reported."""
        self._writing: Future[None] | None = None
        self._stopped: Stop | None = None
        self._told_stop = self._index.told_stop()
        self._unfounded: int | None = None
        """Where a record of a log stands although there is no genesis before it."""
        self.head = self._filled()
        self._written = self.head
        self.indexed = self.state.last_position
        """The last position that is in the index, 0 when there is none. For any thread."""
        self._known_voids = self._index.known_voids()
        self._is_anew = False
        """Whether what is read replaces what the file shows, all at once at the end."""
        self._tracking = self._index.tracking()
        self._last_handled: LastHandled | None = None
        """What was seen last of the commands of a queue; None: nothing yet."""

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
        check_chain(self.address.name, self.state, self._unfounded)

    def _check_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped.error

    @property
    def needs_reading(self) -> bool:
        """Whether it cannot be built on as it is, which a control record may have mended by now."""
        return self._stopped is not None or bool(self.state.orphans)

    def check_writer(self, signer: Signer) -> None:
        """Raises LogClosed; LogNotFounded, WriterNotRegistered where a record so signed would be a stranger's."""
        check_open(self.address.name, self.state, lambda: self.client.tape)
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

    def bound_of(self, keys: Sequence[CommandKey]) -> set[CommandKey]:
        """Those of these command ids that have their answers."""
        return self._commands.intersection(keys) | self._index.bound_of(keys)

    def is_handled(self, source: QueuePosition) -> bool:
        """Whether a command, or one after it in the same commands topic, has been handled."""
        last = self.head.commands
        return last is not None and last.topic_id == source.topic_id and last.offset >= source.offset

    def _recorded(self, number: int) -> RecordedAt | None:
        """What is known of the accepted record of a number."""
        for record in reversed(self._accepted):
            if record.number == number:
                return RecordedAt(record.hash, record.position)
        if self._writing is not None:
            self._writing.result()
        return self._index.recorded(number)

    def _is_known_void(self, first: int, last: int) -> bool:
        return any(start <= first and last <= end for start, end in self._known_voids)

    def _applied(self, offset: int, header: Header, state: ChainState, body: Body) -> Applied:
        return Applied(offset, body.writer, header.position, body.appends, header.number, state.head, header.format)

    def _after(self, record: Applied, state: ChainState) -> Head:
        """The head after an accepted record."""
        commands = self.head.commands
        for append in record.appends:
            if append.source is not None:
                commands = append.source
        offset = record.offset
        return self.head._replace(next_offset=offset + 1, record_offset=offset, state=state, commands=commands)

    def _remember(self, appends: Sequence[Append], *, versions: bool = True) -> None:
        """Remember what an accepted record brought; the versions only where they are worth their room."""
        self._last_handled = last_handled_in(appends) or self._last_handled
        for append in appends:
            if versions:
                for originator_id, version, _, _ in append.events:
                    self._versions[originator_id] = version
            if append.tracking is not None:
                self._tracking[append.tracking.application_name] = append.tracking.notification_id

    def _notify_observers(self, record: Applied) -> None:
        for observer in self._observers:
            observer(record)

    def _tell_listeners(self) -> None:
        if self.indexed != self.state.last_position:
            self.indexed = self.state.last_position
            for listener in tuple(self.listeners):
                listener()

    def changed(self, reason: str) -> LogChanged:
        """The error for a log that is not the one, or not all of it, that the index was made from."""
        return LogChanged(log=self.address.name, reason=reason, index=str(self._index.path))
