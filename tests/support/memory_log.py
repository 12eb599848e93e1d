"""A log in memory, behind a network that delays, loses, doubles and reorders, and that answers what it likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from infra.log.format import Append, decode_body
from infra.log.partition_client import FetchResult, Record
from infra.timeouts import Timeout
from tests.support.second_rule import APPENDS, read_all


class Fate(Enum):
    """What becomes of one record that is sent."""

    DELIVERED = "stands in the log, and the answer says where"
    UNANSWERED = "stands in the log, and no answer comes"
    LOST = "comes to nothing, and no answer comes"
    DELAYED = "comes later, perhaps, and no answer comes"
    DOUBLED = "stands in the log twice; the answer names the first"
    DOUBLED_LATE = "stands in the log, and comes once more later; the answer names the first"
    UNPLACED = "stands in the log, and the answer names an offset that was read before"
    KILLED_BEFORE = "the writer dies before it leaves"
    KILLED_AFTER = "stands in the log, and the writer dies"


class Killed(BaseException):
    """The end of a writer."""


@dataclass
class MemoryLog:
    """What the broker holds, and what is still on its way to it."""

    records: list[bytes | None] = field(default_factory=list)
    on_the_way: list[bytes] = field(default_factory=list)

    def append(self, value: bytes | None) -> int:
        self.records.append(value)
        return len(self.records) - 1


@dataclass
class MemoryPartitionClient:
    """A writer's way to the log. `fates` says what becomes of the next records: each perhaps after something else."""

    log: MemoryLog
    fates: list[tuple[Fate, Callable[[], None] | None]] = field(default_factory=list)
    largest: int = 100_000
    tape: str = "memory"
    lag: float = Timeout.LEADER.seconds
    known: int = 0
    """The first offset that the writer has not read."""
    session: object = "first"

    def send(self, value: bytes) -> Answer:
        fate, before = self.fates.pop(0) if self.fates else (Fate.DELIVERED, None)
        if before is not None:
            before()
        if fate is Fate.KILLED_BEFORE:
            raise Killed
        if fate in (Fate.DELAYED, Fate.DOUBLED_LATE):
            self.log.on_the_way.append(value)
        if fate in (Fate.LOST, Fate.DELAYED):
            return Answer(None)
        offset = self.log.append(value)
        if fate is Fate.DOUBLED:
            self.log.append(value)
        if fate is Fate.KILLED_AFTER:
            raise Killed
        return self._answer(fate, offset)

    def _answer(self, fate: Fate, offset: int) -> Answer:
        if fate is Fate.UNPLACED:
            return Answer(0 if self.known else None)
        if fate is Fate.UNANSWERED:
            return Answer(None)
        if offset == self.known:
            self.known = offset + 1
        return Answer(offset)

    def read(self, start: int) -> Iterator[FetchResult]:
        while start < len(self.log.records):
            records = [Record(start + place, value) for place, value in enumerate(self.log.records[start : start + 7])]
            start += len(records)
            self.known = max(self.known, start)
            yield FetchResult(records, start)

    def follow(self, start: int, seconds: float) -> FetchResult:
        del seconds
        return next(self.read(start), FetchResult([], start))

    def close(self) -> None:
        pass


@dataclass
class Answer:
    """An answer that is there at once."""

    offset: int | None

    def result(self) -> int | None:
        return self.offset


def accepted(log: MemoryLog, app: str = "app") -> list[tuple[int, list[Append]]]:
    """The chain of what counts, by a second hand: the first position of each record of appends, and its appends."""
    reader = read_all(app, 1, 0, list(enumerate(log.records)))
    return [
        (record.position, decode_body(record.value).appends)
        for record in reader.accepted
        if record.format == APPENDS and not record.void
    ]
