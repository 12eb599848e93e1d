"""What callers hand to the committer, and how each is checked against the head and the others of its batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum, auto
from threading import Lock
from typing import ClassVar, Final

from eventsourcing.persistence import IntegrityError

from consumers.commands.ports import CommandKey, ConcurrencyConflict, QueuePosition
from infra.log.format import Append, encode_append
from infra.log.partition import Partition

_FIRST_VERSIONS: Final = (0, 1)


class RequestCheck(Enum):
    """Whether a request can be built on the head."""

    VALID = auto()
    CONFLICTS_IN_BATCH = auto()
    """It does not go with another one of the batch: it is checked again when that one is decided."""
    MISSING_PREDECESSOR = auto()
    """What must come before it is not known here."""
    REFUSED = auto()


class BatchView:
    """The partition at its head, and what the batch adds to it."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._versions: dict[str, int] = {}
        self._tracking: dict[str, int] = {}
        self._commands: set[CommandKey] = set()
        self._source: QueuePosition | None = None
        self.position = partition.state.position
        self.last_position = partition.state.last_position
        self.number = partition.state.number

    def check_versions(self, appends: Sequence[Append]) -> RequestCheck:
        """Whether every event is the next of its aggregate."""
        own: dict[str, int] = {}
        for append in appends:
            for originator_id, version, _, _ in append.events:
                last = own.get(originator_id)
                if last is None:
                    last = self._versions.get(originator_id)
                if last is None:
                    last = self._partition.last_version(originator_id)
                if version == (last + 1 if last is not None else version) and (
                    last is not None or version in _FIRST_VERSIONS
                ):
                    own[originator_id] = version
                    continue
                if originator_id in self._versions:
                    return RequestCheck.CONFLICTS_IN_BATCH
                return (
                    RequestCheck.REFUSED if last is not None and version <= last else RequestCheck.MISSING_PREDECESSOR
                )
        return RequestCheck.VALID

    def check_tracking(self, append: Append) -> RequestCheck:
        """Whether tracking goes on."""
        if append.tracking is None:
            return RequestCheck.VALID
        name, position = append.tracking.application_name, append.tracking.notification_id
        if name in self._tracking:
            return RequestCheck.VALID if position > self._tracking[name] else RequestCheck.CONFLICTS_IN_BATCH
        last = self._partition.last_tracked(name)
        return RequestCheck.VALID if last is None or position > last else RequestCheck.REFUSED

    def load_bound(self, appends: Sequence[Append]) -> None:
        """Look up in one go which command ids are bound, before `is_free` is asked for each."""
        keys = [command.key for append in appends if (command := append.bound) is not None]
        self._commands.update(self._partition.bound_of(keys))

    def is_free(self, append: Append) -> bool:
        """Whether the command id of an append is bound to nothing, and its offset not handled. See `load_bound`."""
        if (command := append.bound) is not None:
            key = command.key
            if key in self._commands:
                return False
        source = append.source
        if source is None:
            return True
        if self._source is not None and self._source.topic_id == source.topic_id:
            return source.offset > self._source.offset
        return not self._partition.is_handled(source)

    def add(self, appends: Sequence[Append]) -> None:
        """Take in a request that is valid."""
        for append in appends:
            for originator_id, version, _, _ in append.events:
                self._versions[originator_id] = version
            self.position += len(append.events)
            if append.events:
                self.last_position = self.position - 1
            if (command := append.bound) is not None:
                self._commands.add(command.key)
            if append.source is not None:
                self._source = append.source
            if append.tracking is not None:
                self._tracking[append.tracking.application_name] = append.tracking.notification_id


class AppendRequest(ABC):
    """One call. `position` is that of its first event, once it is done; `error` says why it is not.

    `lock` is held until the request is done, or until its caller is to take the lead.
    """

    __slots__ = (
        "appends",
        "decided",
        "done",
        "encoded",
        "error",
        "is_leader",
        "lock",
        "position",
        "sent_on_number",
        "size",
    )

    only_reads: ClassVar = False
    """Whether it asks for a read to the high watermark, and for nothing else."""

    def __init__(self, appends: Sequence[Append]) -> None:
        self.appends = appends
        self.encoded = [encode_append(append) for append in appends]
        self.size = sum(map(len, self.encoded))
        self.lock = Lock()
        self.lock.acquire()
        self.position = 0
        self.error: BaseException | None = None
        self.decided = False
        """Whether it is known what became of it."""
        self.done = False
        """Whether its caller has been told."""
        self.is_leader = False
        self.sent_on_number: int | None = None
        """The number of the last head on which it was sent."""

    @property
    def commit_id(self) -> bytes:
        """What it is known by in the log."""
        return self.appends[0].commit_id if self.appends else b""

    @abstractmethod
    def check(self, view: BatchView) -> RequestCheck:
        """Whether it can be built on the head, with the batch so far."""

    @abstractmethod
    def refusal(self) -> Exception:
        """Why it was refused."""


class EventsRequest(AppendRequest):
    """The library's call: events of any aggregates, each the next version of its own; perhaps with tracking."""

    __slots__ = ()

    def check(self, view: BatchView) -> RequestCheck:
        tracking = view.check_tracking(self.appends[0])
        return view.check_versions(self.appends) if tracking is RequestCheck.VALID else tracking

    def refusal(self) -> Exception:
        append = self.appends[0]
        if append.events:
            originator_id, version, _, _ = append.events[0]
            return IntegrityError(f"not the next version of its aggregate: {originator_id} {version}")
        return IntegrityError(f"already tracked: {append.tracking}")


class OutcomesRequest(AppendRequest):
    """Decisions made on the state after a position: they hold there, and nowhere else.

    After a lost round they are made anew, even when no event came in between: a refusal is a decision on a read.
    """

    __slots__ = ("_given", "_head")

    def __init__(self, appends: Sequence[Append], head: int, given: int | None = None) -> None:
        """`given`: the last position that was given out, where those behind `head` are empty."""
        super().__init__(appends)
        self._head = head
        self._given = head if given is None else given

    def check(self, view: BatchView) -> RequestCheck:
        if self.sent_on_number is not None and view.number != self.sent_on_number:
            return RequestCheck.REFUSED
        if (view.last_position, view.position - 1) != (self._head, self._given):
            return RequestCheck.REFUSED
        view.load_bound(self.appends)
        if not all(map(view.is_free, self.appends)):
            return RequestCheck.REFUSED
        versions = view.check_versions(self.appends)
        return RequestCheck.VALID if versions is RequestCheck.VALID else RequestCheck.REFUSED

    def refusal(self) -> Exception:
        return ConcurrencyConflict()


class ReadRequest(AppendRequest):
    """A wish to see everything that is in the log now."""

    __slots__ = ()

    only_reads = True

    def __init__(self) -> None:
        super().__init__(())

    def check(self, view: BatchView) -> RequestCheck:
        del view
        return RequestCheck.REFUSED

    def refusal(self) -> Exception:
        return ConcurrencyConflict()
