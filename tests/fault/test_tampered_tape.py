"""The tape of an embedded log, its index and its read models edited by somebody who knows the format.

See `tampering` for the table.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.log.keys import KeyFolder
from infra.log.sqlite.index import forget_tables
from infra.log.sqlite.source import SQLiteSource
from tests.fault.tampering import INDEXES, NAMES, VIEWS, Index, Questions, Row, agree, check_named, doctor, table
from tests.fault.tape_edits import Tape, TapeRecord
from tests.infra.cli.conftest import stages
from tests.support.terminal import NUMBER, Terminal

__all__ = ["stages"]


@dataclass
class Log:
    """A log with an announced dossier, and another one behind it; its read models and a folder of its decisions."""

    folder: Path
    tape: Tape
    rows: dict[str, Row]
    questions: Questions

    def copy(self, folder: Path) -> Terminal:
        """It, in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Terminal(folder)


@pytest.fixture(scope="module")
def log(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(stages["announced"], folder, dirs_exist_ok=True)
    terminal = Terminal(folder)
    terminal.run("open", "04648", "--level=basic", "--year=2024", "--on=2024-08-30")
    questions = Questions(NUMBER)
    terminal.run("status")
    questions.learn(terminal)
    source = SQLiteSource(folder / "log.sqlite")
    writer = KeyFolder(folder / "log.sqlite.keys").writer()
    return Log(folder, read_tape(source.index_path), table(source.address.place, writer), questions)


def read_tape(path: Path) -> Tape:
    """All records of a file."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT record_offset, value FROM records ORDER BY record_offset")
        return [TapeRecord(*row) for row in rows]


def write_tape(path: Path, tape: Tape) -> None:
    """Put these records in the place of those that are there."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM records")
        connection.executemany("INSERT INTO records VALUES (?,?,0)", tape)


def tamper_index(path: Path, tape: Tape, index: Index) -> None:
    """Leave the index in a file, make it agree with a tape whatever its signatures, or take it away."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if index == "anew":
            forget_tables(connection)
        elif index == "alike":
            with connection:
                agree(connection, tape)


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_names_what_was_done_to_the_tape_and_nobody_serves_the_log_after_that(
    log: Log, tmp_path: Path, name: str, index: Index
) -> None:
    """With read models kept and deleted; what only a checkpoint kept outside would tell stands so in the table."""
    row = log.rows[name]
    after = row.edit(log.tape)
    for views in VIEWS:
        terminal = log.copy(tmp_path / views)
        path = terminal.folder / "log.sqlite"
        write_tape(path, after)
        tamper_index(path, after, index)
        if views == "views deleted":
            (terminal.folder / "log-views.sqlite").unlink()
        codes = row.codes(index, views)
        wrong = doctor(terminal)
        if not codes:
            assert wrong == []
            continue
        check_named(wrong, codes, log.tape, after)
        log.questions.check_refused(terminal)


def test_what_was_published_before_names_a_cut_tail_where_nothing_else_was_kept(log: Log, tmp_path: Path) -> None:
    """A folder of decisions is such a checkpoint, as far as it goes."""
    terminal = log.copy(tmp_path)
    path = terminal.folder / "log.sqlite"
    after = log.rows["the tail cut"].edit(log.tape)
    write_tape(path, after)
    tamper_index(path, after, "anew")
    (terminal.folder / "log-views.sqlite").unlink()
    assert doctor(terminal) == []
    assert "FEED_DIVERGED" in terminal.run("decisions", "files", str(terminal.folder / "feed"), code=4).err


def test_a_log_that_was_put_back_is_served_again_once_the_doctor_has_looked(log: Log, tmp_path: Path) -> None:
    """Its first look is enough."""
    terminal = log.copy(tmp_path)
    path = terminal.folder / "log.sqlite"
    write_tape(path, log.rows["a finding"].edit(log.tape))
    assert doctor(terminal)
    write_tape(path, log.tape)
    log.questions.check_refused(terminal)
    assert doctor(terminal) == []
    log.questions.check_true(terminal)


@pytest.mark.parametrize("name", ["forged as by the last writer", "forged with an unregistered key"])
def test_a_forged_record_is_left_behind_by_an_operator_and_the_log_goes_on(log: Log, tmp_path: Path, name: str) -> None:
    """It changed nothing; a record that is accepted behind it says that nothing was lost."""
    terminal = log.copy(tmp_path)
    write_tape(terminal.folder / "log.sqlite", log.rows[name].edit(log.tape))
    assert [each["code"] for each in doctor(terminal)] == ["RECORDS_UNSIGNED"]
    assert "RECORDS_UNSIGNED" in terminal.run("log", "reindex", code=4).err
    shown = terminal.json("log", "dismiss")
    assert [each["offset"] for each in shown["orphans"]] == [log.tape[-1].offset + 1]
    terminal.run("log", "dismiss", "--all", "--hash", shown["hash"])
    assert doctor(terminal) == []
    log.questions.check_true(terminal)
