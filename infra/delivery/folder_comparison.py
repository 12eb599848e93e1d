"""What stands in the folder of the feed, compared line by line with what the log leads to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from consumers.cloudevents import DecisionSerializer
from consumers.feed import DecisionFeed, FeedDiverged
from domain.errors import InfrastructureError
from domain.i18n import Text, pair
from projections.public_decisions.read_model import FeedPosition

SUM: Final = ".sha256"
_NAMES: Final = ("name", "kind_name", "level_name", "district_name", "log_id")
"""Fields that say what something is called now, as the settings have it: they may change, and no decision does."""


class FeedOfAnotherLog(InfrastructureError):
    """The folder holds the feed of another log."""

    code = "FEED_OF_ANOTHER_LOG"


class LastWritten(NamedTuple):
    """The last decision of a partition that stands in the folder, and in which file."""

    path: Path
    feed_position: FeedPosition


class _Line(NamedTuple):
    path: Path
    number: int
    event: dict[str, Any]


def suffix_of(partition: int, partitions: range) -> str:
    """How the names of a partition's files end."""
    return ".jsonl" if len(partitions) == 1 else f".p{partition}.jsonl"


def day_of(path: Path) -> date:
    """The day of a file of the feed."""
    return date.fromisoformat(path.name[len("decisions-") :][:10])


def compare_folder(folder: Path, decisions: DecisionFeed) -> dict[int, LastWritten]:
    """Partition → the last decision that stands in the folder; none for a partition of which there is nothing.

    Lines that a crash cut short are dropped. Raises FeedOfAnotherLog, FeedDiverged, OSError.
    """
    written = {
        partition: list(_lines(folder, suffix_of(partition, decisions.partitions), decisions.serializer))
        for partition in decisions.partitions
    }
    waiting = {partition: {line.event["id"]: line for line in lines} for partition, lines in written.items()}
    for partition, lines in written.items():
        if len(lines) != len(waiting[partition]):
            twice = next(line for line in lines if waiting[partition][line.event["id"]] is not line)
            raise _diverged(twice, pair("the decision stands there twice"))
    last: dict[int, LastWritten] = {}
    reached: dict[Path, int] = {}
    skipped: set[int] = set()
    for each in decisions.all_after({}) if any(written.values()) else ():
        line = waiting[each.partition].pop(each.record["id"], None)
        if line is None:
            skipped.add(each.partition)
            continue
        if each.partition in skipped or line.number <= reached.get(line.path, 0):
            raise _diverged(line, pair("decisions that come before it are missing"))
        if _stable(line.event) != _stable(json.loads(decisions.serializer.json(each.record))):
            raise _diverged(line, pair("the decision {id} reads otherwise", id=each.record["id"]))
        reached[line.path] = line.number
        last[each.partition] = LastWritten(line.path, each.feed_position)
    for left in waiting.values():
        for line in left.values():
            raise _diverged(line, pair("the log has no decision {id}", id=line.event["id"]))
    return last


def _lines(folder: Path, suffix: str, serializer: DecisionSerializer) -> Iterator[_Line]:
    """Every line of a partition's files. Raises FeedOfAnotherLog, FeedDiverged."""
    for path in sorted(folder.glob(f"decisions-????-??-??{suffix}")):
        raw = path.read_bytes()
        closing = path.with_name(path.name + SUM)
        if closing.exists():
            if closing.read_text(encoding="ascii", errors="replace").split()[:1] != [sha256(raw).hexdigest()]:
                raise FeedDiverged(
                    place=str(path), reason=pair("its SHA-256 is not the one of the day that was closed")
                )
        elif not raw.endswith(b"\n"):
            raw = _cut(path, raw)
        for number, text in enumerate(raw.splitlines(), start=1):
            try:
                event = json.loads(text)
                theirs = event["data"]["log"]["log_id"]
                line = _Line(path, number, {**event, "id": str(event["id"])})
            except (ValueError, KeyError, TypeError):
                raise FeedDiverged(place=f"{path}:{number}", reason=pair("the line is no decision")) from None
            if not serializer.is_of(theirs):
                raise FeedOfAnotherLog(folder=str(folder), theirs=theirs, log=serializer.log_id)
            yield line


def _cut(path: Path, raw: bytes) -> bytes:
    """Drop what a crash left of a last line, and a file in which nothing else stands."""
    whole = raw[: raw.rfind(b"\n") + 1]
    if whole:
        with path.open("r+b") as file:
            file.truncate(len(whole))
    else:
        path.unlink()
    return whole


def _stable(value: Any) -> Any:
    """What of a decision never changes. A field that says nothing is as one that an earlier release did not have."""
    if isinstance(value, dict):
        return {key: _stable(found) for key, found in value.items() if found is not None and key not in _NAMES}
    return [_stable(each) for each in value] if isinstance(value, list) else value


def _diverged(line: _Line, reason: Text) -> FeedDiverged:
    return FeedDiverged(place=f"{line.path}:{line.number}", reason=reason)
