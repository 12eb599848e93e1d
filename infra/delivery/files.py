"""The feed in files: `decisions-2024-08-15.jsonl` in a folder, for those who can only copy files.

A file holds the decisions recorded on one day in Vietnam, one CloudEvent in JSON a line, in the order of the log; of
partition 3 of several it is `decisions-2024-08-15.p3.jsonl`. Files only grow, and a line that was written stays. When a
later day begins, `decisions-2024-08-15.jsonl.sha256` says that the day is whole (`sha256sum -c` reads it). What was
written is known from the files themselves: a line that a crash cut short is dropped, and the next one follows the last.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from consumers.feed import Cursor, DecisionFeed, FeedEntry
from domain.context import VIETNAM
from domain.errors import InfrastructureError
from projections.public_decisions.read_model import FeedPosition

_LOCK = ".lock"
_TAIL = 1 << 20


class FeedUnusable(InfrastructureError):
    """The folder of the feed cannot be read or written."""

    code = "FEED_UNUSABLE"


class FeedOfAnotherLog(InfrastructureError):
    """The folder holds the feed of another log."""

    code = "FEED_OF_ANOTHER_LOG"


class FileFeed:
    """Writes the feed of an installation into a folder. Several processes take turns."""

    def __init__(self, folder: Path, decisions: DecisionFeed) -> None:
        self._folder = folder
        self._decisions = decisions
        self._open: dict[int, Path] = {}

    def write(self) -> int:
        """Append what was decided since the last time; returns how many. Raises FeedUnusable, FeedOfAnotherLog."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                cursor = {partition: self._last_written(partition) for partition in self._decisions.partitions}
                return self._append(cursor)
        except OSError as error:
            raise FeedUnusable(folder=str(self._folder), reason=str(error)) from error

    def _append(self, cursor: Cursor) -> int:
        written = 0
        at = dict(cursor)
        while found := self._decisions.after(at):
            for path, lines in self._by_file(found):
                with path.open("ab") as file:
                    file.write("".join(lines).encode())
                    file.flush()
                    os.fsync(file.fileno())
            at |= {each.partition: each.feed_position for each in found}
            written += len(found)
        return written

    def _by_file(self, found: Iterable[FeedEntry]) -> Iterable[tuple[Path, list[str]]]:
        """The lines of a batch, file by file in order; a day that is over is closed once its lines are written."""
        lines: list[str] = []
        path: Path | None = None
        for each in found:
            target = self._file_of(each)
            if path is not None and target != path:
                yield path, lines
                lines = []
            before = self._open.get(each.partition)
            if before is not None and before != target:
                # Its lines were taken by the loop that we yielded to.
                _close(before)
            self._open[each.partition] = path = target
            lines.append(self._decisions.serializer.json(each.record) + "\n")
        if path is not None:
            yield path, lines

    def _file_of(self, each: FeedEntry) -> Path:
        recorded = datetime.fromisoformat(each.record["recorded_at"]) + VIETNAM
        path = self._folder / f"decisions-{recorded.date().isoformat()}{self._suffix(each.partition)}"
        # A clock that was set back adds to the day that is open: a day that is closed stays as it is.
        return max(path, self._open.get(each.partition, path))

    def _suffix(self, partition: int) -> str:
        return ".jsonl" if len(self._decisions.partitions) == 1 else f".p{partition}.jsonl"

    def _last_written(self, partition: int) -> FeedPosition:
        """The position of the last whole line of a partition's files; what follows it is cut off."""
        suffix = self._suffix(partition)
        files = sorted(self._folder.glob(f"decisions-????-??-??{suffix}"))
        while files:
            last = files.pop()
            record = _last_line(last)
            if record is not None:
                self._open[partition] = last
                return self._feed_position(record)
            last.unlink()
        return FeedPosition()

    def _feed_position(self, event: dict[str, Any]) -> FeedPosition:
        origin = event["data"]["log"]
        if origin["log_id"] != self._decisions.serializer.log_id:
            theirs, ours = origin["log_id"], self._decisions.serializer.log_id
            raise FeedOfAnotherLog(folder=str(self._folder), theirs=theirs, log=ours)
        return self._decisions.cursor_at(event["id"])[origin["partition"]]


def _last_line(path: Path) -> dict[str, Any] | None:
    """The last whole line of a file, anything after it cut off; None where there is none."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _TAIL)
        file.seek(start)
        tail = file.read()
        end = tail.rfind(b"\n") + 1
        if start + end < size:
            file.truncate(start + end)
        lines = tail[:end].splitlines()
    if not lines:
        return None
    event: dict[str, Any] = json.loads(lines[-1])
    return event


def _close(path: Path) -> None:
    """Say that a day is whole."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n", encoding="ascii")
