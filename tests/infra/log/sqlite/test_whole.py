"""An index that somebody edited is found row by row, and made anew from the records; never where these are gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.log.errors import LogBroken, LogChanged
from infra.log.full_scan import check_whole
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.whole import compare_index, reindex
from tests.infra.log.sqlite.rows import index
from tests.support.terminal import NUMBER, Terminal, self_assessed


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A person's terminal on a log with some commands, one of them refused."""
    terminal = Terminal(tmp_path)
    self_assessed(terminal)
    terminal.run("receive", NUMBER, "--on=2024-07-01", code=3)
    yield terminal
    # Whatever was done, nothing is left beside the log.
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == ["log.sqlite.keys"]


@pytest.fixture
def path(terminal: Terminal) -> Path:
    return terminal.folder / "log.sqlite"


def alter(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


EDITS = [
    pytest.param("UPDATE stored_events SET state = x'00' WHERE rowid = 2", 2, id="an event"),
    pytest.param("UPDATE stored_events SET topic = 'Other' WHERE rowid = 1", 1, id="a topic"),
    pytest.param("UPDATE stored_events SET originator_version = 9 WHERE rowid = 2", 2, id="a version"),
    pytest.param("DELETE FROM stored_events WHERE rowid = 2", 2, id="an event that is gone"),
    pytest.param("INSERT INTO stored_events VALUES ('a', 1, 'Forged', x'')", 3, id="a forged event"),
    pytest.param(
        "UPDATE stored_events SET rowid = -1 WHERE rowid = 1; UPDATE stored_events SET rowid = 1 WHERE rowid = 2; "
        "UPDATE stored_events SET rowid = 2 WHERE rowid = -1",
        1,
        id="two that were swapped",
    ),
    pytest.param("UPDATE answers SET answer = '{}'", 2, id="answers"),
    pytest.param("DELETE FROM answers", 2, id="answers that are gone"),
    pytest.param("INSERT INTO answers VALUES (x'01', x'02', x'03', '{}')", 2, id="a forged answer"),
    pytest.param("INSERT INTO tracking VALUES ('upstream', 3)", 2, id="tracking"),
    pytest.param("INSERT INTO writers VALUES (x'0011223344556677', zeroblob(32))", 2, id="a writer let in"),
    pytest.param("UPDATE accepted_records SET hash = zeroblob(32) WHERE number = 2", 1, id="the hash of a record"),
]


@pytest.mark.parametrize(("edit", "position"), EDITS)
def test_every_edit_is_found_by_its_place_and_mended(path: Path, terminal: Terminal, edit: str, position: int) -> None:
    """The doctor says so, with the verb that makes the index anew; afterwards it says the same as before."""
    source = SQLiteSource(path)
    before = index(path)
    assert compare_index(source) == (None, None)
    assert before["stored_events"][-1][0] == 2
    alter(path, edit)
    found, _ = compare_index(source)
    assert found is not None
    assert found.position == position
    (wrong,) = [
        each
        for each in terminal.run("doctor", "--whole", "--json", code=4).json["wrong"]
        if each["code"] == "OWN_INDEX_DIFFERS"
    ]
    assert wrong["position"] == position
    assert "dossier log reindex" in wrong["hint"]
    assert terminal.json("log", "reindex") == {"reindexed": True, "position": 2}
    assert index(path) == before
    assert compare_index(source) == (None, None)


def test_records_that_are_gone_are_not_forgotten(path: Path, terminal: Terminal) -> None:
    """The index may be their last copy: it is left as it is."""
    before = index(path)
    alter(path, "DELETE FROM records WHERE record_offset = (SELECT MAX(record_offset) FROM records)")
    with pytest.raises(LogChanged):
        reindex(SQLiteSource(path))
    assert "LOG_CHANGED" in terminal.run("log", "reindex", code=4).err
    assert index(path) == before


def test_a_record_that_was_altered_in_the_middle_is_found(path: Path, terminal: Terminal) -> None:
    """By those that were built on it, whatever the index says."""
    alter(path, "UPDATE records SET value = CAST(value || x'00' AS BLOB) WHERE record_offset = 1")
    source = SQLiteSource(path)
    for look in (check_whole, reindex):
        with pytest.raises(LogBroken):
            look(source)
    found, _ = compare_index(source)
    assert found is not None
    assert found.position == 1
    assert "LOG_BROKEN" in terminal.run("doctor", "--whole", code=4).err


def test_a_log_that_is_not_there_is_not_reindexed(terminal: Terminal) -> None:
    terminal.environment["DOSSIER_LOG"] = f"sqlite:///{terminal.folder / 'none.sqlite'}"
    assert "LOG_MISSING" in terminal.run("log", "reindex", code=4).err
