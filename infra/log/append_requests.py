"""What callers hand to the committer, and how each is judged against the head and its batch mates."""

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


class Judgement(Enum):
    """Whether a job can be built on the head."""

    HOLDS = auto()
    MATE = auto()
    """It does not go with another one of the batch: it is judged again when that one is decided."""
    GAP = auto()
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
        self.number = partition.state.number

    def check_versions(self, appends: Sequence[Append]) -> Judgement:
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
                    return Judgement.MATE
                return Judgement.REFUSED if last is not None and version <= last else Judgement.GAP
        return Judgement.HOLDS

    def check_tracking(self, append: Append) -> Judgement:
        """Whether tracking goes on."""
        if append.tracking is None:
            return Judgement.HOLDS
        name, position = append.tracking.application_name, append.tracking.notification_id
        if name in self._tracking:
            return Judgement.HOLDS if position > self._tracking[name] else Judgement.MATE
        last = self._partition.last_tracked(name)
        return Judgement.HOLDS if last is None or position > last else Judgement.REFUSED

    def is_free(self, append: Append) -> bool:
        """Whether the command id of an append is bound to nothing, and its offset not handled."""
        if (command := append.bound) is not None:
            key = command.key
            if key in self._commands or self._partition.is_bound(key):
                return False
        source = append.source
        if source is None:
            return True
        if self._source is not None and self._source.topic_id == source.topic_id:
            return source.offset > self._source.offset
        return not self._partition.is_handled(source)

    def add(self, appends: Sequence[Append]) -> None:
        """Take in a job that holds."""
        for append in appends:
            for originator_id, version, _, _ in append.events:
                self._versions[originator_id] = version
            self.position += len(append.events)
            if (command := append.bound) is not None:
                self._commands.add(command.key)
            if append.source is not None:
                self._source = append.source
            if append.tracking is not None:
                self._tracking[append.tracking.application_name] = append.tracking.notification_id


class AppendRequest(ABC):
    """One call. `position` is that of its first event, once it is done; `error` says why it is not.

    `lock` is held until the job is done, or until its caller is to take the lead.
    """

    __slots__ = ("appends", "decided", "done", "encoded", "error", "leads", "lock", "position", "sent_on", "size")

    while_broken: ClassVar = False
    """Whether it may be built while an orphan is open."""
    reads: ClassVar = False
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
        self.leads = False
        self.sent_on: int | None = None
        """The number of the last head on which it was sent."""

    @property
    def commit_id(self) -> bytes:
        """What it is known by in the log."""
        return self.appends[0].commit_id if self.appends else b""

    @abstractmethod
    def judge(self, view: BatchView) -> Judgement:
        """Whether it can be built on the head, with the batch so far."""

    @abstractmethod
    def refusal(self) -> Exception:
        """Why it was refused."""


class EventsJob(AppendRequest):
    """The library's call: events of any aggregates, each the next version of its own; perhaps with tracking."""

    __slots__ = ()

    def judge(self, view: BatchView) -> Judgement:
        tracked = view.check_tracking(self.appends[0])
        return view.check_versions(self.appends) if tracked is Judgement.HOLDS else tracked

    def refusal(self) -> Exception:
        append = self.appends[0]
        if append.events:
            originator_id, version, _, _ = append.events[0]
            return IntegrityError(f"not the next version of its aggregate: {originator_id} {version}")
        return IntegrityError(f"already tracked: {append.tracking}")


class DecisionsJob(AppendRequest):
    """Decisions made on the state after a position: they hold there, and nowhere else.

    After a lost round they are made anew, even when no event came in between: a refusal is a decision on a read.
    """

    __slots__ = ("_head",)

    def __init__(self, appends: Sequence[Append], head: int) -> None:
        super().__init__(appends)
        self._head = head

    def judge(self, view: BatchView) -> Judgement:
        if self.sent_on is not None and view.number != self.sent_on:
            return Judgement.REFUSED
        if view.position != self._head + 1 or not all(map(view.is_free, self.appends)):
            return Judgement.REFUSED
        held = view.check_versions(self.appends)
        return Judgement.HOLDS if held is Judgement.HOLDS else Judgement.REFUSED

    def refusal(self) -> Exception:
        return ConcurrencyConflict()


class DismissalJob(AppendRequest):
    """An operator's word that open orphans are to be left behind."""

    __slots__ = ()

    while_broken = True

    def judge(self, view: BatchView) -> Judgement:
        del view
        return Judgement.HOLDS

    def refusal(self) -> Exception:
        return ConcurrencyConflict()


class ReadJob(AppendRequest):
    """A wish to see everything that is in the log now."""

    __slots__ = ()

    reads = True

    def __init__(self) -> None:
        super().__init__(())

    def judge(self, view: BatchView) -> Judgement:
        del view
        return Judgement.REFUSED

    def refusal(self) -> Exception:
        return ConcurrencyConflict()
