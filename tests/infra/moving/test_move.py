"""A log moved to another tape as it stands: embedded, on Kafka, and back; while others write, and killed on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra.log import usable
from infra.log.acceptance import start
from infra.log.chain import Chain
from infra.log.control_records import StatementKind
from infra.log.errors import LogBroken, LogClosed, NewerLog, RootsMissing
from infra.log.format import CONTROL, Format
from infra.log.full_scan import check_whole
from infra.log.index import TABLES
from infra.log.index_head import CLOSED_VERSION, CLOSINGS, VERSION
from infra.log.key_statements import state_keys
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_client import Record
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_source import PartitionSource
from infra.log.sqlite import index
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.whole import compare_index, reindex
from infra.moving import closing as closings
from infra.moving import move
from infra.moving.closing import close_partition
from infra.moving.embedded_target import EmbeddedTarget
from infra.moving.errors import MoveInUse, MoveTargetTaken
from infra.moving.move import Moved, move_log, moving
from infra.moving.target import Target
from tests.infra.backup.logs import dismiss_all, happen, send_orphan, void_from
from tests.infra.backup.test_killed import Step, is_killed


@pytest.fixture
def keys(tmp_path: Path) -> LogKeys:
    return LogKeys(KeyFolder(tmp_path / "keys"), makes_own=True)


@pytest.fixture
def embedded(tmp_path: Path, keys: LogKeys) -> SQLiteSource:
    """An embedded log with records of many kinds."""
    source = SQLiteSource(tmp_path / "old" / "log.sqlite", keys=keys)
    source.index_path.parent.mkdir()
    opened = PartitionHandle(source)
    happen(opened, 5)
    void_from(opened, 5)
    send_orphan(opened)
    dismiss_all(opened)
    opened.close()
    opened = PartitionHandle(source)
    happen(opened, 3)
    opened.close()
    return source


def accepted(source: PartitionSource) -> list[tuple[bytes | None, int]]:
    """Value and moment of each record that is one of the log."""
    chain = Chain(start(source.address.place), 0, lambda _number: None)
    with closing(source.follower()) as client:
        records: list[Record] = [record for fetched in client.read(0) for record in fetched.records]
    return [(each.value, each.appended_at) for each in records if chain.take(each)[1] is not None]


def moved(sources: Sequence[PartitionSource], target: Target, tmp_path: Path, **how: Any) -> Moved:
    with moving(tmp_path / "state" / "moving"):
        return move_log(sources, target, sources[0].keys.folder.roots(), **how)


def check_moved(old: Sequence[PartitionSource], new: Sequence[PartitionSource]) -> None:
    """Every record stands there with its moment, the closing as the last; writers go on there, and only there."""
    for source, target in zip(old, new, strict=True):
        records = accepted(target)
        assert records == accepted(source)
        assert records[-1][0] is not None
        assert records[-1][0][0] == Format.CLOSING
        assert check_whole(source) is None
        closed = PartitionHandle(source)
        with pytest.raises(LogClosed) as told:
            happen(closed, 1)
        closed.refresh()
        closed.close()
        assert told.value.details["place"]
        opened = PartitionHandle(target)
        position = opened.partition.state.position
        assert (closed.partition.state.head, closed.partition.state.position) == (opened.partition.state.head, position)
        happen(opened, 2)
        assert opened.partition.state.position == position + 2
        opened.close()
        assert check_whole(target) is None


def test_an_embedded_log_goes_to_another_file(embedded: SQLiteSource, keys: LogKeys, tmp_path: Path) -> None:
    new = SQLiteSource(tmp_path / "new" / "log.sqlite", keys=keys)
    done = moved([embedded], EmbeddedTarget(new), tmp_path)
    assert (done.moments, done.added) == (0, [done.states[0].number])
    assert [each.name for each in new.index_path.parent.iterdir()] == ["log.sqlite"]
    check_moved([embedded], [SQLiteSource(new.index_path, keys=keys)])
    assert embedded.log_id == SQLiteSource(new.index_path).log_id


def test_done_again_it_changes_nothing(embedded: SQLiteSource, keys: LogKeys, tmp_path: Path) -> None:
    """Also where the log has gone on there; another target is refused then, and so is a file that is no such log."""
    new = SQLiteSource(tmp_path / "new" / "log.sqlite", keys=keys)
    moved([embedded], EmbeddedTarget(new), tmp_path)
    opened = PartitionHandle(SQLiteSource(new.index_path, keys=keys))
    happen(opened, 1)
    opened.close()
    before = accepted(new)
    assert moved([embedded], EmbeddedTarget(new), tmp_path).added == [0]
    assert accepted(new) == before
    other = SQLiteSource(tmp_path / "other.sqlite", keys=keys)
    with pytest.raises(LogClosed, match=str(new.index_path)):
        moved([embedded], EmbeddedTarget(other), tmp_path)
    assert not other.index_path.exists()
    stranger = SQLiteSource(tmp_path / "stranger.sqlite")
    PartitionHandle(stranger).close()
    with pytest.raises(MoveTargetTaken):
        moved([embedded], EmbeddedTarget(stranger), tmp_path)


def test_a_target_that_is_given_up_is_followed_by_another(
    embedded: SQLiteSource, keys: LogKeys, tmp_path: Path
) -> None:
    """By the roots' word alone: both closings stand in the log, and it goes on at the last place."""
    new = SQLiteSource(tmp_path / "new" / "log.sqlite", keys=keys)
    moved([embedded], EmbeddedTarget(new), tmp_path)
    new.index_path.unlink()
    other = SQLiteSource(tmp_path / "other.sqlite", keys=keys)
    moved([embedded], EmbeddedTarget(other), tmp_path, instead=True)
    check_moved([embedded], [SQLiteSource(other.index_path, keys=keys)])
    with pytest.raises(LogClosed, match=r"other\.sqlite"):
        moved([embedded], EmbeddedTarget(new), tmp_path)


def test_nothing_else_is_written_to_a_closed_log(embedded: SQLiteSource, keys: LogKeys, tmp_path: Path) -> None:
    """No statement about keys, no void and no dismissal; a copy of the file is closed as well."""
    opened = PartitionHandle(embedded)
    moved([embedded], EmbeddedTarget(SQLiteSource(tmp_path / "new.sqlite", keys=keys)), tmp_path)
    with pytest.raises(LogClosed):
        state_keys([embedded], StatementKind.ADD_WRITER, bytes(range(32)), keys.folder.roots(), keys.writer())
    with pytest.raises(LogClosed):
        void_from(opened, 3)
    with pytest.raises(LogClosed):
        happen(opened, 1)
    opened.close()
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(embedded.index_path.read_bytes())
    copied = PartitionHandle(SQLiteSource(copy, keys=keys))
    with pytest.raises(LogClosed):
        happen(copied, 1)
    copied.close()


def test_without_enough_roots_nothing_is_begun(embedded: SQLiteSource, keys: LogKeys, tmp_path: Path) -> None:
    target = EmbeddedTarget(SQLiteSource(tmp_path / "new" / "log.sqlite", keys=keys))
    with moving(tmp_path / "lock"), pytest.raises(RootsMissing):
        move_log([embedded], target, [])
    assert not (tmp_path / "new").exists()
    opened = PartitionHandle(embedded)
    happen(opened, 1)
    opened.close()


def test_two_moves_at_once_are_refused(tmp_path: Path) -> None:
    with moving(tmp_path / "lock"), pytest.raises(MoveInUse), moving(tmp_path / "lock"):
        pass
    with moving(tmp_path / "lock"):
        pass


def test_an_older_program_stops_at_a_closing(
    embedded: SQLiteSource, keys: LogKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it reads the records itself, or finds tables that a newer one has filled behind the closing."""
    older, whole = tmp_path / "older.sqlite", tmp_path / "new.sqlite"
    moved([embedded], EmbeddedTarget(SQLiteSource(whole, keys=keys)), tmp_path)
    with closing(sqlite3.connect(whole)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (CLOSED_VERSION,)
        copy = sqlite3.connect(older)
        connection.backup(copy)
    with closing(copy), copy:
        for table in (*TABLES, CLOSINGS):
            copy.execute(f"DROP TABLE {table}")
        copy.execute("PRAGMA user_version = 0")
    monkeypatch.setattr(usable, "CONTROL", CONTROL - {Format.CLOSING})
    with pytest.raises(NewerLog):
        PartitionHandle(SQLiteSource(older, keys=keys))
    monkeypatch.setattr(index, "CLOSED_VERSION", VERSION)
    with pytest.raises(NewerLog, match="made its tables"):
        PartitionHandle(SQLiteSource(whole, keys=keys))


def test_the_index_of_a_closed_log_is_made_anew_and_compared(
    embedded: SQLiteSource, keys: LogKeys, tmp_path: Path
) -> None:
    """Whoever takes a closing out of its tables is found out."""
    moved([embedded], EmbeddedTarget(SQLiteSource(tmp_path / "new.sqlite", keys=keys)), tmp_path)
    reindex(embedded)
    opened = PartitionHandle(embedded)
    assert opened.partition.state.closed
    opened.close()
    assert compare_index(embedded) == (None, None)
    with closing(sqlite3.connect(embedded.index_path)) as connection, connection:
        connection.execute(f"DELETE FROM {CLOSINGS}")  # noqa: S608
    difference, _ = compare_index(embedded)
    assert difference is not None
    assert CLOSINGS in difference.what.en


def test_what_is_sent_behind_a_closing_changes_nothing(
    embedded: SQLiteSource, keys: LogKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a writer that follows no rule, while the rest is copied: it is no record, and no break of the log."""
    original = close_partition

    def closed(source: SQLiteSource, *arguments: Any, **named: Any) -> None:
        original(source, *arguments, **named)
        opened = PartitionHandle(source)
        send_orphan(opened)
        opened.close()

    monkeypatch.setattr(move, "close_partition", closed)
    new = SQLiteSource(tmp_path / "new.sqlite", keys=keys)
    moved([embedded], EmbeddedTarget(new), tmp_path)
    moved([embedded], EmbeddedTarget(new), tmp_path)
    assert check_whole(SQLiteSource(new.index_path)) is None


def test_a_log_that_is_broken_is_not_moved(embedded: SQLiteSource, keys: LogKeys, tmp_path: Path) -> None:
    opened = PartitionHandle(embedded)
    send_orphan(opened)
    opened.close()
    with pytest.raises(LogBroken):
        moved([embedded], EmbeddedTarget(SQLiteSource(tmp_path / "new.sqlite", keys=keys)), tmp_path)
    assert not (tmp_path / "new.sqlite.moving").exists()


SQLITE_STEPS: list[Step] = [
    (EmbeddedTarget, "prepare"),
    (EmbeddedTarget, "write"),
    (move, "close_partition"),
    (closings, "_append"),
    (move, "_copied"),
    (EmbeddedTarget, "finish"),
    (Path, "unlink"),
]


@pytest.mark.parametrize("step", SQLITE_STEPS, ids=lambda step: step[1])
def test_a_move_that_is_killed_goes_on(
    embedded: SQLiteSource, keys: LogKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    """At whichever step; as long as the log is not closed it serves, and then the next run ends the move."""
    monkeypatch.setattr(move, "_LITTLE", 0)
    path = tmp_path / "new" / "log.sqlite"

    def run() -> None:
        moved([embedded], EmbeddedTarget(SQLiteSource(path, keys=keys)), tmp_path)

    killed = 0
    while is_killed(step, killed + 1, run):
        killed += 1
        if not path.exists():
            opened = PartitionHandle(embedded)
            if not opened.partition.state.closed:
                happen(opened, 1)
            opened.close()
        assert killed < 20
    run()
    assert killed
    check_moved([embedded], [SQLiteSource(path, keys=keys)])
