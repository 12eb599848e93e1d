"""An embedded log of version 0.1 is taken over once: all of it, and whatever happens in between."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from infra.errors import LogMissing, LogUnusable
from infra.log.errors import EarlierLog
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.upgrade import upgrade
from tests.golden.version_0_1 import unpacked
from tests.infra.log.sqlite.rows import appends_in, rows
from tests.support.terminal import Terminal

EVENTS = "SELECT rowid, * FROM stored_events ORDER BY rowid"
ANSWERS = "SELECT * FROM answers ORDER BY scope, command_id"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The log of version 0.1."""
    found = tmp_path / "log.sqlite"
    found.write_bytes(unpacked("embedded/log.sqlite"))
    return found


def alter(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def contents(path: Path) -> list[Any]:
    """Events, answers and the log's name."""
    if rows(path, "SELECT 1 FROM sqlite_schema WHERE name = 'records'"):
        name = SQLiteSource(path).log_id
    else:
        ((name,),) = rows(path, "SELECT log_id FROM log")
    return [rows(path, EVENTS), rows(path, ANSWERS), name]


def names(path: Path) -> list[str]:
    """What stands beside the log."""
    return sorted(each.name for each in path.parent.iterdir())


UPGRADED = ["log-before-upgrade.sqlite", "log.sqlite", "log.sqlite.keys"]


def test_everything_is_taken_over_and_the_old_file_is_kept(path: Path) -> None:
    """At its position, with its answer bound to the events that the command led to, under the same name."""
    before = contents(path)
    upgraded = upgrade(path)
    assert upgraded is not None
    assert (upgraded.events, upgraded.answers) == (len(before[0]), len(before[1]))
    assert contents(path) == before
    assert contents(upgraded.kept) == before
    assert upgraded.kept == path.with_name("log-before-upgrade.sqlite")
    assert names(path) == UPGRADED
    opened = PartitionHandle(SQLiteSource(path))
    assert opened.partition.indexed == len(before[0])
    opened.close()
    for position, append in appends_in(path):
        assert append.command is not None
        answer = json.loads(append.command.answer)
        assert answer["command_id"] == str(append.command.key.command_id)
        assert answer.get("events", []) == [topic for _, _, topic, _ in append.events]
        assert answer["position"] == position + len(append.events) - 1


def test_once_taken_over_it_is_left_as_it_is(path: Path) -> None:
    upgrade(path)
    before = path.read_bytes()
    assert upgrade(path) is None
    assert path.read_bytes() == before


def test_events_that_no_command_led_to_are_taken_over_too(path: Path) -> None:
    """The library's own recorder wrote to such a file; before, between and behind the commands."""
    path.unlink()
    alter(
        path,
        """
        CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,
            PRIMARY KEY (originator_id, originator_version));
        INSERT INTO stored_events VALUES ('a', 1, 'A', x'01'), ('a', 2, 'B', x'02'), ('b', 1, 'C', x'03'),
            ('a', 3, 'D', x'04');
        CREATE TABLE tracking (application_name TEXT, notification_id INTEGER, PRIMARY KEY (application_name));
        INSERT INTO tracking VALUES ('__migration__', 1), ('upstream', 9);
        """,
    )
    events = rows(path, EVENTS)
    upgraded = upgrade(path)
    assert upgraded is not None
    assert (upgraded.events, upgraded.answers) == (4, 0)
    assert rows(path, EVENTS) == events
    assert ("upstream", 9) in rows(path, "SELECT * FROM tracking")


STEPS = [
    ("write", "before"),
    ("record", "1"),
    ("write", "after"),
    ("compare", "after"),
    ("forbid", "after"),
    ("link", "after"),
    ("keep", "after"),
    ("put", "before"),
    ("put", "after"),
]


@pytest.mark.parametrize(("step", "moment"), STEPS)
def test_killed_at_any_step_one_whole_log_stands_at_the_path_and_a_second_run_finishes(
    path: Path, step: str, moment: str
) -> None:
    before = contents(path)
    command = [sys.executable, "-m", "tests.infra.log.sqlite.dying", str(path), step, moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert contents(path) == before
    if (step, moment) == ("put", "after"):
        assert upgrade(path) is None
    else:
        with pytest.raises(EarlierLog):
            SQLiteSource(path).open()
        assert upgrade(path) is not None
    assert contents(path) == before
    assert names(path) == UPGRADED
    assert contents(path.with_name("log-before-upgrade.sqlite")) == before


def test_a_file_system_without_second_names_gets_a_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which has its name once it is whole; one of an earlier run is as good."""

    def refused(*_: object) -> None:
        raise OSError("not supported")

    before = contents(path)
    monkeypatch.setattr(os, "link", refused)
    kept = path.with_name("log-before-upgrade.sqlite")
    kept.write_text("something else")
    upgraded = upgrade(path)
    assert upgraded is not None
    assert upgraded.kept == path.with_name("log-before-upgrade-2.sqlite")
    assert contents(upgraded.kept) == before
    assert kept.read_text() == "something else"


def test_who_has_the_log_open_keeps_it_from_being_taken_over(path: Path) -> None:
    """A program of then writes on to what it has open: none may have."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT * FROM log").fetchall()
        connection.execute("PRAGMA journal_mode = WAL")
        with pytest.raises(LogUnusable, match=r"locked|open"):
            upgrade(path)
    assert upgrade(path) is not None


def test_a_program_of_then_writes_nothing_to_what_was_taken_over(path: Path) -> None:
    """Not even one that waited all the while: what it would append would be in no log."""
    upgraded = upgrade(path)
    assert upgraded is not None
    with closing(sqlite3.connect(upgraded.kept)) as connection:
        for statement in (
            "INSERT INTO stored_events VALUES ('a', 1, 'A', x'')",
            "INSERT INTO answers VALUES (x'', x'', x'', '')",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="taken over"):
                connection.execute(statement)
    store = SQLiteDatastore(str(upgraded.kept))
    assert SQLiteApplicationRecorder(store).max_notification_id() == upgraded.events
    store.close()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("DELETE FROM stored_events WHERE rowid = 9", "position 9 is missing"),
        ("DELETE FROM stored_events WHERE rowid > 400", "names events that are not there"),
        ("UPDATE stored_events SET topic = 'X' WHERE rowid = 7", "names events that are not there"),
        ("UPDATE answers SET answer = json_set(answer, '$.position', 3)", "names events that are not there"),
        ("UPDATE answers SET answer = 'not JSON'", "malformed JSON"),
        (
            "UPDATE stored_events SET originator_version = 900 WHERE rowid = 20",
            "the versions of a dossier do not follow",
        ),
        ("DROP TABLE stored_events", "no table of events"),
    ],
)
def test_a_log_that_contradicts_itself_is_not_taken_over(path: Path, script: str, reason: str) -> None:
    """It stays where it is, and as it is."""
    alter(path, script)
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    before = rows(path, tables), rows(path, "SELECT * FROM answers")
    with pytest.raises(LogUnusable, match=reason):
        upgrade(path)
    assert (rows(path, tables), rows(path, "SELECT * FROM answers")) == before


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(LogMissing):
        upgrade(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_link_leads_to_the_new_log_afterwards(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path.name)
    path.chmod(0o640)
    assert upgrade(link) is not None
    assert link.is_symlink()
    assert upgrade(link) is None
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_command_line_tells_it(path: Path) -> None:
    """What is refused until then, what was done, and that nothing is left to do."""
    terminal = Terminal(path.parent)
    for arguments in (("status", "04630-CB-2024-1"), ("apply", "-"), ("views", "verify")):
        refused = terminal.run(*arguments, code=4, given="")
        assert "LOG_OF_EARLIER_FORMAT" in refused.err
        assert "dossier log upgrade" in refused.err
    found = terminal.json("log", "upgrade")
    assert (found["upgraded"], found["events"]) == (True, 434)
    assert "present form" in terminal.run("log", "upgrade").out
    assert terminal.json("log", "upgrade") == {"upgraded": False}
    assert "hiện tại" in terminal.run("--lang=vi", "log", "upgrade").out
    terminal.environment["DOSSIER_LOG"] = "kafka://127.0.0.1:1"
    assert "embedded" in terminal.run("log", "upgrade", code=2).err
