"""`dossier backup`, `verify-backup` and `restore` on an embedded log, as an operator types them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.terminal import NUMBER, Terminal

pytestmark = pytest.mark.parametrize("stage", ["self_assessed"], indirect=True)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "backup")


def elsewhere(terminal: Terminal, name: str) -> Terminal:
    """A terminal on a log that is not there yet."""
    made = Terminal(terminal.folder)
    made.environment["DOSSIER_LOG"] = f"sqlite:///{terminal.folder / name / 'log.sqlite'}"
    return made


def test_a_log_comes_back_with_everything_that_is_asked_of_it(stage: Terminal, folder: str) -> None:
    """Read models are made anew; with its keys the procedure goes on, and so does the backup."""
    said = stage.run("backup", folder)
    assert "keys backup" in said.err
    (known,) = stage.json("keys", "list")
    assert known["identity"] in said.out
    expected = stage.json("replay", NUMBER), stage.json("audit", NUMBER)["rows"]
    new = elsewhere(stage, "new")
    restored = new.json("restore", folder)
    assert restored["added"] == [restored["partitions"][0]["records"]]
    assert restored["keys"] is False
    assert (new.json("replay", NUMBER), new.json("audit", NUMBER)["rows"]) == expected
    assert new.run("doctor", "--whole", "--json").json["wrong"] == []
    new.run("rebuild", "--all", "--check")
    arguments = ("submit-to-district", NUMBER, "--report", new.doc("25/BC-UBND", "2024-06-18"), "--on=2024-06-19")
    assert "WRITER_NOT_REGISTERED" in new.run(*arguments, code=4).err
    keys = stage.folder / "keys"
    stage.run("keys", "backup", str(keys))
    shutil.rmtree(stage.folder / "new" / "log.sqlite.keys")
    new.environment["DOSSIER_KEYS"] = str(stage.folder / "none")
    assert "KEY_MISSING" in new.run(*arguments, code=4).err
    new.environment["DOSSIER_KEYS"] = str(keys)
    new.run(*arguments)
    grown = new.json("backup", folder)
    assert grown["added"] == [1]
    assert new.json("verify-backup", folder, "--head", restored["partitions"][0]["head"])["verified"] is True
    new.run("doctor", "--whole")


def test_a_backup_is_judged_by_what_was_noted(stage: Terminal, folder: str) -> None:
    """A wrong note is exit code 4, one that is none at all is 2."""
    (partition,) = stage.json("backup", folder)["partitions"]
    records, head = partition["records"], partition["head"]
    said = stage.run("verify-backup", folder)
    assert "--at-least" in said.err
    assert "--at-least" not in stage.run("verify-backup", folder, f"--at-least={records}", f"--head={head}").err
    for noted in (f"--at-least={records + 1}/0", f"--at-least={records + 1}", f"--head={'0' * 64}", "--at-least=1/7"):
        assert "BACKUP_LACKS" in stage.run("verify-backup", folder, noted, code=4).err
        assert "BACKUP_LACKS" in elsewhere(stage, "new").run("restore", folder, noted, code=4).err
    assert "BACKUP_LACKS" in stage.run("verify-backup", folder, f"--identity={'0' * 64}", code=4).err
    for malformed in ("--at-least=x", "--at-least=-1", "--head=AB", "--identity=12"):
        assert "BAD_OPTION" in stage.run("verify-backup", folder, malformed, code=2).err
    assert not (stage.folder / "new").exists()


def test_read_models_are_put_back_too(stage: Terminal, folder: str) -> None:
    """For an embedded log, and over nothing that is there."""
    stage.run("status")
    stage.run("backup", folder, "--with-views")
    new = elsewhere(stage, "new")
    new.run("restore", folder, "--with-views")
    with closing(sqlite3.connect(stage.folder / "new" / "log-views.sqlite")) as connection:
        (damage,) = connection.execute("PRAGMA quick_check").fetchone()
    assert damage == "ok"
    assert new.rows("status") == stage.rows("status")
    assert "RESTORE_TARGET_TAKEN" in new.run("restore", folder, "--with-views", code=4).err
    stage.run("backup", str(stage.folder / "without"))
    said = elsewhere(stage, "other").run("restore", str(stage.folder / "without"), "--with-views", code=2)
    assert "no copy" in said.err


def test_read_models_in_postgresql_are_not_copied(stage: Terminal, folder: str) -> None:
    stage.environment["DOSSIER_VIEWS"] = "postgresql://localhost/views"
    assert "VIEWS_NOT_COPIED" in stage.run("backup", folder, "--with-views", code=4).err
    assert not (Path(folder) / "manifest.json").exists()


def test_a_log_that_is_broken_is_kept_up_to_the_break(stage: Terminal, folder: str) -> None:
    """And the exit code says so."""
    path = stage.folder / "log.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE records SET value = CAST(value || x'00' AS BLOB) WHERE record_offset = 1")
        connection.commit()
    said = stage.run("backup", folder, "--json", code=4)
    assert "LOG_BROKEN" in said.err
    assert '"records": 1,' in said.out
    stage.run("verify-backup", folder, "--at-least=1")


def test_what_is_no_backup_or_no_log_is_said(stage: Terminal, folder: str) -> None:
    assert "BACKUP_MISSING" in stage.run("verify-backup", folder, code=4).err
    assert "BACKUP_MISSING" in stage.run("restore", folder, code=4).err
    assert "LOG_MISSING" in elsewhere(stage, "none").run("backup", folder, code=4).err
    stage.run("backup", folder)
    other = elsewhere(stage, "other")
    other.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")
    said = other.run("backup", folder, "--lang=vi", code=4).err
    assert "BACKUP_OF_ANOTHER_LOG" in said
    assert "bản sao lưu" in said
    assert "RESTORE_OTHER_LOG" in other.run("restore", folder, code=4).err
    assert "RESTORE_OTHER_SHAPE" in other.run("restore", folder, "--log=kafka://127.0.0.1:1?partitions=3", code=4).err


def test_a_log_of_an_earlier_form_is_upgraded_first(stage: Terminal, folder: str) -> None:
    earlier = elsewhere(stage, "earlier")
    (stage.folder / "earlier").mkdir()
    with closing(sqlite3.connect(stage.folder / "earlier" / "log.sqlite")) as connection:
        connection.execute("CREATE TABLE stored_events (a)")
    assert "LOG_OF_EARLIER_FORMAT" in earlier.run("backup", folder, code=4).err
