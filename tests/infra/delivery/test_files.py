"""The feed in files: one line a decision, each once, a day a file, whatever is interrupted where."""

from __future__ import annotations

import json
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.feed import DecisionFeed, FeedDiverged
from infra.delivery.files import FeedUnusable, FileFeed
from infra.delivery.folder_comparison import FeedOfAnotherLog
from infra.views.sqlite import SQLiteViews
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.feeds import decisions_of
from tests.support.units import COMMUNE, DEPARTMENT, DISTRICT, UNITS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "feed"


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def everything(decisions: DecisionFeed) -> list[str]:
    return [each.record["id"] for each in decisions.all_after({})]


def some_days(log: FakeLog) -> None:
    """Three units, each decided on a day of its own."""
    begin = datetime(2024, 6, 14, 1, 0, tzinfo=UTC)
    for day, unit in enumerate((COMMUNE, DISTRICT, DEPARTMENT)):
        log.begins_at = begin + timedelta(days=day)
        DossierHistory(log, unit).until("announce")


def test_each_decision_is_one_line_of_its_day(log: FakeLog, decisions: DecisionFeed, folder: Path) -> None:
    some_days(log)

    assert FileFeed(folder, decisions).write() == 9
    assert FileFeed(folder, decisions).write() == 0

    names = [path.name for path in sorted(folder.glob("*.jsonl"))]
    assert names == [f"decisions-2024-06-{day}.jsonl" for day in (14, 15, 16)]
    found = lines(folder)
    assert [event["id"] for event in found] == everything(decisions)
    assert all(event["specversion"] == "1.0" for event in found)


def test_a_day_that_is_over_has_a_sum_and_never_changes(log: FakeLog, decisions: DecisionFeed, folder: Path) -> None:
    feed = FileFeed(folder, decisions)
    some_days(log)
    feed.write()
    sums = sorted(folder.glob("*.sha256"))
    assert [path.name for path in sums] == [f"decisions-2024-06-{day}.jsonl.sha256" for day in (14, 15)]
    for path in sums:
        subprocess.run(["sha256sum", "-c", path.name], cwd=folder, check=True, capture_output=True)

    # A clock that was set back: what it stamps goes to the day that is open.
    log.begins_at = datetime(2024, 6, 14, 0, 0, tzinfo=UTC)
    DossierHistory(log, COMMUNE, year=2025).until("approve")
    FileFeed(folder, decisions).write()
    for path in sums:
        subprocess.run(["sha256sum", "-c", path.name], cwd=folder, check=True, capture_output=True)
    assert [event["id"] for event in lines(folder)] == everything(decisions)


def test_what_was_cut_off_anywhere_is_written_again(log: FakeLog, decisions: DecisionFeed, folder: Path) -> None:
    some_days(log)
    rng = random.Random(5)
    FileFeed(folder, decisions).write()
    whole = {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}
    for _ in range(30):
        last = max(folder.glob("*.jsonl"))
        with last.open("r+b") as file:
            file.truncate(rng.randrange(last.stat().st_size + 1))
        FileFeed(folder, decisions).write()
        assert {path.name: path.read_bytes() for path in folder.glob("*.jsonl")} == whole


def test_each_partition_has_files_of_its_own(tmp_path: Path, folder: Path) -> None:
    log = FakeLog(partitions=4)
    for unit in UNITS.communes_of("140")[:8]:
        DossierHistory(log, unit).until("approve")
    with SQLiteViews(tmp_path / "p.sqlite") as views:
        decisions = decisions_of(log, views)
        for _ in range(2):
            FileFeed(folder, decisions).write()
        assert {path.suffixes[0] for path in folder.glob("*.jsonl")} <= {".p0", ".p1", ".p2", ".p3"}
        assert sorted(event["id"] for event in lines(folder)) == sorted(everything(decisions))


def test_a_feed_of_another_log_is_not_written_to(log: FakeLog, decisions: DecisionFeed, folder: Path) -> None:
    DossierHistory(log).until("approve")
    FileFeed(folder, decisions).write()
    other = FakeLog("log-2")
    DossierHistory(other, DISTRICT).until("approve")
    with SQLiteViews(folder.parent / "other.sqlite") as views, pytest.raises(FeedOfAnotherLog):
        FileFeed(folder, decisions_of(other, views)).write()


def test_a_folder_that_cannot_be_used_is_named(decisions: DecisionFeed, tmp_path: Path) -> None:
    (tmp_path / "feed").write_text("a file", encoding="utf-8")
    with pytest.raises(FeedUnusable):
        FileFeed(tmp_path / "feed", decisions).write()


def test_the_day_is_vietnams(log: FakeLog, decisions: DecisionFeed, folder: Path) -> None:
    log.begins_at = datetime(2024, 6, 14, 17, 30, tzinfo=UTC)
    DossierHistory(log).until("approve")
    FileFeed(folder, decisions).write()
    assert [path.name for path in folder.glob("*.jsonl")] == [f"decisions-{date(2024, 6, 15)}.jsonl"]


def test_two_that_write_at_once_take_turns(log: FakeLog, decisions: DecisionFeed, folder: Path) -> None:
    DossierHistory(log).until("announce")
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(FileFeed(folder, decisions).write) for _ in range(8)]
        assert sorted(each.result() for each in done) == [0] * 7 + [3]
    assert [event["id"] for event in lines(folder)] == everything(decisions)


def _without(folder: Path, place: int) -> None:
    """A line is taken out."""
    path = max(folder.glob("*.jsonl"))
    found = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(found[:place] + found[place + 1 :]), encoding="utf-8")


def _edited(folder: Path, old: str, new: str, place: int = -1) -> None:
    path = sorted(folder.glob("*.jsonl"))[place]
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: _edited(folder, '"kind":"approved"', '"kind":"rejected"'), ":1: the decision .* otherwise"),
        (lambda folder: _edited(folder, '"kind":"approved"', '"kind":"rejected"', 0), "SHA-256"),
        (lambda folder: _without(folder, 0), ":1: decisions that come before it are missing"),
        (lambda folder: _edited(folder, '{"', 'no decision {"'), ":1: the line is no decision"),
        (lambda folder: _edited(folder, "\n", "\n[]\n"), ":2: the line is no decision"),
    ],
)
def test_nothing_is_added_to_files_that_differ_from_the_log(
    log: FakeLog, decisions: DecisionFeed, folder: Path, change: Any, reason: str
) -> None:
    """The first line that differs is named, and no file is touched."""
    some_days(log)
    FileFeed(folder, decisions).write()
    change(folder)
    before = {path.name: path.read_bytes() for path in folder.glob("decisions-*")}
    DossierHistory(log, COMMUNE, year=2025).until("approve")
    with pytest.raises(FeedDiverged, match=reason):
        FileFeed(folder, decisions).write()
    assert {path.name: path.read_bytes() for path in folder.glob("decisions-*")} == before


def test_nothing_is_added_to_decisions_that_the_log_does_not_have(
    log: FakeLog, decisions: DecisionFeed, folder: Path, tmp_path: Path
) -> None:
    """As when the log lost its end, or is an older copy."""
    DossierHistory(log).until("announce")
    FileFeed(folder, decisions).write()
    shorter = FakeLog(log.log_id)
    DossierHistory(shorter).until("approve")
    with SQLiteViews(tmp_path / "shorter.sqlite") as views, pytest.raises(FeedDiverged, match="has no decision"):
        FileFeed(folder, decisions_of(shorter, views)).write()


def test_a_decision_that_stands_there_twice_is_named(log: FakeLog, decisions: DecisionFeed, folder: Path) -> None:
    DossierHistory(log).until("approve")
    FileFeed(folder, decisions).write()
    (path,) = folder.glob("*.jsonl")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(FeedDiverged, match="twice"):
        FileFeed(folder, decisions).write()


def test_a_unit_that_is_called_otherwise_by_now_is_no_difference(
    log: FakeLog, decisions: DecisionFeed, folder: Path
) -> None:
    DossierHistory(log).until("approve")
    FileFeed(folder, decisions).write()
    (line,) = {event["data"]["unit"]["name"] for event in lines(folder)}
    _edited(folder, line, "another name")
    assert FileFeed(folder, decisions).write() == 0


def test_a_day_that_a_wrong_clock_began_takes_in_nothing_that_follows(
    log: FakeLog, decisions: DecisionFeed, folder: Path
) -> None:
    """It stays as it is, and so does every day that was closed before."""
    for day, unit in (("2024-06-14", COMMUNE), ("2099-01-01", DISTRICT), ("2024-06-16", DEPARTMENT)):
        log.begins_at = datetime.fromisoformat(f"{day}T01:00").replace(tzinfo=UTC)
        DossierHistory(log, unit).until("approve")
        FileFeed(folder, decisions).write()
    names = [path.name for path in sorted(folder.glob("*.jsonl"))]
    assert names == [f"decisions-{day}.jsonl" for day in ("2024-06-14", "2024-06-16", "2099-01-01")]
    assert FileFeed(folder, decisions).write() == 0
    # One that belongs to a day that is closed goes to the day that is open.
    log.begins_at = datetime(2024, 6, 14, 2, tzinfo=UTC)
    DossierHistory(log, COMMUNE, year=2025).until("approve")
    assert FileFeed(folder, decisions).write() > 0
    assert [path.name for path in sorted(folder.glob("*.jsonl"))] == names
