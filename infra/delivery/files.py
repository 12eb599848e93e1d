"""The feed in files: `decisions-2024-08-15.jsonl` in a folder, for those who can only copy files.

A file holds the decisions recorded on one day in Vietnam, one CloudEvent in JSON a line, in the order of the log; of
partition 3 of several it is `decisions-2024-08-15.p3.jsonl`. Files only grow, and a line that was written stays. When a
later day begins, `decisions-2024-08-15.jsonl.sha256` says that the day is whole (`sha256sum -c` reads it). What was
written is known from the files themselves: a line that a crash cut short is dropped, and the next one follows the last.

Before anything is added, all that stands there is compared with what the log leads to (`folder_comparison`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Final

from consumers.feed import DecisionFeed, FeedEntry
from domain.context import VIETNAM
from domain.errors import InfrastructureError
from infra.delivery.folder_comparison import SUM, compare_folder, day_of, suffix_of
from projections.public_decisions.read_model import FeedPosition

_LOCK: Final = ".lock"
_ONE_DAY: Final = timedelta(days=1)


class FeedUnusable(InfrastructureError):
    """The folder of the feed cannot be read or written."""

    code = "FEED_UNUSABLE"


class FileFeed:
    """Writes the feed of an installation into a folder. Several processes take turns."""

    def __init__(self, folder: Path, decisions: DecisionFeed) -> None:
        self._folder = folder
        self._decisions = decisions
        self._open: dict[int, Path] = {}
        self._cursor: dict[int, FeedPosition] = {}
        self._seen: list[tuple[str, int, int]] | None = None
        """The files as this process left them."""

    def write(self) -> int:
        """Append what was decided since the last time; returns how many.

        Raises FeedUnusable, FeedOfAnotherLog, and FeedDiverged where what stands there differs from the log.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self._files() != self._seen:
                    found = compare_folder(self._folder, self._decisions)
                    self._open = {partition: place.path for partition, place in found.items()}
                    self._cursor = {partition: place.feed_position for partition, place in found.items()}
                written = self._append()
                self._seen = self._files()
                return written
        except OSError as error:
            raise FeedUnusable(folder=str(self._folder), reason=str(error)) from error

    def _files(self) -> list[tuple[str, int, int]]:
        """Name, size and time of each file of the feed."""
        found = ((path.name, path.stat()) for path in sorted(self._folder.glob("decisions-*")))
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found]

    def _append(self) -> int:
        written = 0
        while found := self._decisions.after(self._cursor):
            for path, lines in self._by_file(found):
                with path.open("ab") as file:
                    file.write("".join(lines).encode())
                    file.flush()
                    os.fsync(file.fileno())
            self._cursor |= {each.partition: each.feed_position for each in found}
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
            if before is not None and before < target:
                # Its lines were taken by the loop that we yielded to.
                _close(before)
            self._open[each.partition] = path = target
            lines.append(self._decisions.serializer.json(each.record) + "\n")
        if path is not None:
            yield path, lines

    def _file_of(self, each: FeedEntry) -> Path:
        recorded = datetime.fromisoformat(each.record["recorded_at"]) + VIETNAM
        suffix = suffix_of(each.partition, self._decisions.partitions)
        path = self._folder / f"decisions-{recorded.date().isoformat()}{suffix}"
        present = self._open.get(each.partition, path)
        if path >= present:
            return path
        # A clock that was set back a little adds to the day that is open: a day that is closed stays as it is. A day
        # far ahead was the mistake of a clock; what follows goes where it belongs, where that is not closed.
        ahead = day_of(present) - recorded.date()
        closed = max(self._folder.glob(f"decisions-????-??-??{suffix}{SUM}"), default=self._folder)
        return path if ahead > _ONE_DAY and path.name + SUM > closed.name else present


def _close(path: Path) -> None:
    """Say that a day is whole."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    path.with_name(path.name + SUM).write_text(f"{digest}  {path.name}\n", encoding="ascii")
