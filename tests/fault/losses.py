"""What is lost or put back under a running system, as by a disk, a snapshot or a hand.

Nothing that was acknowledged goes with any of them: an index and the read models are made from the log, the answers of
commands that the queue lost are in the log, and what the log lost is in the queue, and is handled again.
"""

from __future__ import annotations

import fcntl
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from infra.dev.kafka import KafkaCluster
from infra.log.format import Format, RecordedOutcome, UnreadableBody, decode_body, read_header
from tests.fault.segments import Segments

_BESIDE = ("-wal", "-shm")
_MOST_CUT = 40


@dataclass(slots=True)
class FileCopies:
    """Older copies of files of SQLite, each whole, one for each."""

    folder: Path
    _taken: dict[Path, Path] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def take(self, files: list[Path]) -> None:
        """Copies of those that are there now, taken while others write to them."""
        self.folder.mkdir(exist_ok=True)
        for file in files:
            copy = self._taken.get(file) or self.folder / str(next(self._numbers))
            self._taken[file] = copy
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as source:
                copy.unlink(missing_ok=True)
                with closing(sqlite3.connect(copy)) as target:
                    source.backup(target)

    def put_back(self, file: Path) -> bool:
        """The older copy takes the place of a file that nobody writes; False where there is none."""
        copy = self._taken.pop(file, None)
        if copy is not None:
            lose(file)
            copy.replace(file)
        return copy is not None


def lose(file: Path) -> None:
    """A file of SQLite is gone, with what stands beside it."""
    for path in (file, *(file.with_name(file.name + ending) for ending in _BESIDE)):
        path.unlink(missing_ok=True)


def indexes(folder: Path) -> list[Path]:
    """All that this machine has, of readers and of workers."""
    return sorted(folder.glob("*/*.sqlite"))


@contextmanager
def nobody_uses(index: Path) -> Iterator[bool]:
    """Whether an index is free; nobody takes it until the block ends."""
    with index.with_name(index.name + ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def lose_power(cluster: KafkaCluster, topic: str, partition: int, since: Callable[[Segments], int]) -> None:
    """Every broker loses its power, and with it what it had not written of this partition: all from `since` on."""
    for node in cluster.nodes:
        node.kill()
    segments = Segments.of(cluster.nodes, topic, partition)
    segments.cut(since(segments))
    cluster.start()


def one_of_the_last(rng: random.Random, segments: Segments) -> int:
    """The offset of one of the last records, whatever it is."""
    end = max((offset for offset, _ in segments.records()), default=0) + 1
    return max(0, end - rng.randint(1, _MOST_CUT))


def one_that_is_handled_alike(rng: random.Random, segments: Segments) -> int:
    """The offset of one of the last records, behind which the queue alone says what comes, the same each time.

    What an operator has voided or recovered he would have to do again, and how many records that are no commands count
    as one depends on when they were fetched.
    """
    records = segments.records()
    floor = max((offset for offset, value in records if value is not None and not _is_of_the_queue(value)), default=-1)
    return max(floor + 1, one_of_the_last(rng, segments))


def _is_of_the_queue(value: bytes) -> bool:
    header = read_header(value)
    if header is None:
        return True
    if header.format != Format.APPENDS:
        return False
    try:
        appends = decode_body(value).appends
    except UnreadableBody:
        return False
    return all(append.outcome is not RecordedOutcome.DEAD for append in appends)


@dataclass(slots=True)
class LostQueue:
    """The end of a queue that is gone: what the operator was shown, and what was done."""

    operate: Callable[..., Any]
    lost: dict[int, dict[int, str]] = field(default_factory=dict)
    """Partition → offset → the id of the handled command that stood there before."""

    def recover(self, partition: int) -> bool:
        """As the page says: look, then name what was shown, until nothing is to be recovered; whether anything was."""
        place, needed = f"--partition={partition}", False
        while (shown := self.operate("log", "recover", "queue", place))["needed"]:
            needed = True
            self._note(partition, shown)
            self._note(partition, self.operate("log", "recover", "queue", place, f"--handled={shown['handled']}"))
        return needed

    def _note(self, partition: int, told: dict[str, Any]) -> None:
        lost = {each["offset"]: each["command_id"] for each in told["lost"]}
        self.lost.setdefault(partition, {}).update(lost)
