"""An embedded log that is an older copy, or lost its end, while an older file, a backup or read models hold more."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.infra.cli.conftest import stages
from tests.infra.recovery.killing import STEPS, Killed, kill_behind
from tests.support.terminal import NUMBER, Terminal

__all__ = ["stages"]

KEPT = "received"
"""The stage to which the log is put back."""
OTHER = ("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")


@pytest.fixture
def terminal(stages: dict[str, Path], tmp_path: Path) -> Terminal:
    """An announced dossier that the read models show, with a backup and a copy; then the log is an older one."""
    shutil.copytree(stages["announced"], tmp_path, dirs_exist_ok=True)
    made = Terminal(tmp_path)
    assert made.json("status", NUMBER)["state"] == "announced"
    made.run("backup", str(tmp_path / "backup"))
    made.run("log", "copy", str(tmp_path / "old.sqlite"))
    shutil.copyfile(stages[KEPT] / "log.sqlite", tmp_path / "log.sqlite")
    return made


def ids(terminal: Terminal, log: str) -> dict[str, str]:
    """Command id → answer of every command in the file of a log."""
    with closing(sqlite3.connect(terminal.folder / log)) as connection:
        rows = connection.execute("SELECT answer FROM answers").fetchall()
    return {json.loads(line)["command_id"]: line for (line,) in rows}


def lost(terminal: Terminal, *options: str) -> Any:
    """What `log lost` says of the one partition."""
    (found,) = terminal.json("log", "lost", *options)["partitions"]
    return found


@pytest.mark.parametrize("holder", ["--backup=backup", "--index=old.sqlite"])
def test_what_is_held_beyond_the_log_is_listed_and_given_again(terminal: Terminal, holder: str) -> None:
    """With the same ids: every command acts once more, and only once."""
    option, _, name = holder.partition("=")
    before, now = ids(terminal, "old.sqlite"), ids(terminal, "log.sqlite")
    asked = (option, str(terminal.folder / name))
    found = lost(terminal, *asked)
    assert (found["how"], found["proof"]) == ("cut", "signatures")
    assert found["first"]["position"] == len(now) + 1
    assert {each["command_id"] for each in found["commands"]} == before.keys() - now.keys()
    assert all(each["given_again"] and each["caller"]["person"] for each in found["commands"])
    assert {json.dumps(each["answer"], sort_keys=True) for each in found["commands"]} == {
        json.dumps(json.loads(before[key]), sort_keys=True) for key in before.keys() - now.keys()
    }
    again = terminal.folder / "again.jsonl"
    said = terminal.run("log", "lost", *asked, "--write", str(again)).out
    assert "rebuilt from its fact" in said
    assert again.stat().st_mode & 0o777 == 0o600
    assert "BAD_OPTION" in terminal.run("log", "lost", *asked, "--write", str(again), code=2).err
    for _ in range(2):
        answers = terminal.run("apply", str(again)).out.splitlines()
        assert {json.loads(line)["command_id"] for line in answers} == before.keys() - now.keys()
    assert ids(terminal, "log.sqlite") == before
    found = lost(terminal, *asked)
    assert (found["how"], found["commands"]) == ("other history", [])
    assert found["back_already"] == len(before) - len(now)


def test_a_log_that_was_put_back_is_recovered_from_a_backup(terminal: Terminal) -> None:
    """Said before, done when told, and clean afterwards; what stood there is kept."""
    before = ids(terminal, "old.sqlite")
    assert "VIEWS_AHEAD_OF_LOG" in terminal.run("status", code=4).err
    option = f"--backup={terminal.folder / 'backup'}"
    shown = terminal.json("log", "recover", option)
    assert {each["code"] for each in shown["found"]} == {"VIEWS_AHEAD_OF_LOG"}
    assert (shown["losing"], shown["only_shown"], shown["needed"]) == (0, [], True)
    assert "nothing was changed" in terminal.run("log", "recover", option).out
    assert "BAD_OPTION" in terminal.run("log", "recover", option, "--losing=3", code=2).err
    assert "VIEWS_AHEAD_OF_LOG" in terminal.run("status", code=4).err
    done = terminal.json("log", "recover", option, "--losing=0")
    assert (done["accepted"], done["refused"], done["wrong"]) == (len(shown["partitions"][0]["commands"]), [], [])
    assert ids(terminal, "log.sqlite") == before
    assert terminal.json("status", NUMBER)["state"] == "announced"
    terminal.run("doctor", "--whole")
    with closing(sqlite3.connect(terminal.folder / "log-views.sqlite")) as views:
        old = "SELECT MAX(position) FROM views_positions JOIN views_generations USING (projection, generation) "
        assert views.execute(old + "WHERE state = 'old'").fetchone() == (len(before),)
    assert "nothing to be recovered" in terminal.run("log", "recover", option).out


def test_what_only_the_read_models_know_stays_lost_and_is_listed_by_id(terminal: Terminal) -> None:
    before, now = ids(terminal, "old.sqlite"), ids(terminal, "log.sqlite")
    gone = before.keys() - now.keys()
    shown = terminal.json("log", "recover")
    assert {each["command_id"] for each in shown["only_shown"]} == gone
    assert {each["reason"] for each in shown["only_shown"]} == {"only shown"}
    assert shown["losing"] == len(gone)
    said = terminal.run("log", "recover").out
    assert all(each in said for each in gone)
    done = terminal.json("log", "recover", f"--losing={len(gone)}")
    written = json.loads((Path(done["folder"]) / "lost-1.json").read_text())
    assert {each["command_id"] for each in written} == gone
    assert terminal.json("status", NUMBER)["state"] == KEPT
    terminal.run("doctor", "--whole")


def test_a_dossier_that_went_on_with_other_facts_is_left_as_it_is(terminal: Terminal) -> None:
    """The log grew: what was decided on a state that is no more is listed, and all else is given again."""
    before = ids(terminal, "old.sqlite")
    terminal.run(*OTHER)
    terminal.run("return", NUMBER, "--missing=biên bản", "--on=2024-07-02")
    found = lost(terminal, f"--index={terminal.folder / 'old.sqlite'}")
    assert found["how"] == "other history"
    assert {each["reason"] for each in found["commands"]} == {"state changed"}
    done = terminal.json(
        "log", "recover", f"--index={terminal.folder / 'old.sqlite'}", f"--losing={len(found['commands'])}"
    )
    assert (done["accepted"], done["wrong"]) == (0, [])
    assert len(ids(terminal, "log.sqlite")) < len(before)
    assert terminal.json("status", NUMBER)["state"] == "returned"


def test_a_dossier_that_others_did_not_touch_comes_back_beside_what_they_recorded(terminal: Terminal) -> None:
    terminal.run(*OTHER)
    before = ids(terminal, "old.sqlite").keys() | ids(terminal, "log.sqlite").keys()
    done = terminal.json("log", "recover", f"--index={terminal.folder / 'old.sqlite'}", "--losing=0")
    assert done["wrong"] == []
    assert ids(terminal, "log.sqlite").keys() == before
    assert terminal.json("status", NUMBER)["state"] == "announced"
    assert len(terminal.rows("status")) == 2


def test_a_file_that_lost_records_which_its_own_index_knows(stages: dict[str, Path], tmp_path: Path) -> None:
    """The index may be the last copy: it is kept, its commands are given again, and it is made anew."""
    shutil.copytree(stages["announced"], tmp_path, dirs_exist_ok=True)
    terminal = Terminal(tmp_path)
    before = ids(terminal, "log.sqlite")
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log, log:
        log.execute("DELETE FROM records WHERE record_offset > (SELECT MAX(record_offset) - 10 FROM records)")
    assert "LOG_CHANGED" in terminal.run("doctor", code=4).err
    shown = terminal.json("log", "recover")
    assert shown["indexes"] == [str(tmp_path / "log.sqlite")]
    (found,) = shown["partitions"]
    assert (found["proof"], len(found["commands"]), shown["losing"]) == ("hashes", 10, 0)
    done = terminal.json("log", "recover", "--losing=0")
    assert (done["accepted"], done["wrong"]) == (10, [])
    assert ids(terminal, "log.sqlite") == before
    assert before == ids(terminal, next(Path(each).name for each in done["kept"] if "log.sqlite." in each))
    terminal.run("doctor", "--whole")


def test_a_file_without_any_record_is_put_back_first_and_its_index_gives_the_rest(terminal: Terminal) -> None:
    """Nothing is left to go on from, and the error says so; beside the copy that is put back, the file holds more."""
    log, kept = terminal.folder / "log.sqlite", terminal.folder / "kept.sqlite"
    older = log.read_bytes()
    shutil.copyfile(terminal.folder / "old.sqlite", log)
    before = ids(terminal, "log.sqlite")
    assert terminal.json("status", NUMBER)["state"] == "announced"
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("DROP TABLE records")
    for asked in (("doctor",), ("log", "recover"), ("log", "recover", "--losing=0")):
        said = terminal.run(*asked, code=4).err
        assert "LOG_CHANGED" in said
        assert "dossier restore" in said
    log.rename(kept)
    for file in terminal.folder.glob("log.sqlite-*"):
        file.unlink()
    log.write_bytes(older)
    done = terminal.json("log", "recover", f"--index={kept}", "--losing=0")
    assert (done["refused"], done["wrong"]) == ([], [])
    assert ids(terminal, "log.sqlite") == before
    terminal.run("doctor", "--whole")


@pytest.mark.parametrize("step", STEPS)
def test_a_recovery_that_is_killed_is_done_again(
    terminal: Terminal, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind each of its steps. It knows what it had written down, also when the backup is not named again."""
    kill_behind(monkeypatch, step)
    before = ids(terminal, "old.sqlite")
    with pytest.raises(Killed):
        terminal.run("log", "recover", f"--backup={terminal.folder / 'backup'}", "--losing=0")
    monkeypatch.undo()
    shown = terminal.json("log", "recover")
    assert (shown["goes_on"], shown["losing"]) == (True, 0)
    done = terminal.json("log", "recover", "--losing=0")
    assert done["wrong"] == []
    assert ids(terminal, "log.sqlite") == before
    assert terminal.json("status", NUMBER)["state"] == "announced"
    assert not terminal.json("log", "recover")["needed"]


def test_what_a_person_has_to_mend_comes_first(terminal: Terminal) -> None:
    """Without the key nothing could be recorded: nothing is changed, and the page is named."""
    (terminal.folder / "log.sqlite.keys" / "writer.pem").rename(terminal.folder / "writer.pem")
    said = terminal.run("log", "recover", "--losing=0", code=4).err
    assert "RECOVERY_BY_HAND" in said
    assert "dossier explain KEY_MISSING" in said
    (terminal.folder / "writer.pem").rename(terminal.folder / "log.sqlite.keys" / "writer.pem")
    assert terminal.json("log", "recover")["needed"]


def test_read_models_that_are_gone_are_made_anew(stages: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(stages["announced"], tmp_path, dirs_exist_ok=True)
    terminal = Terminal(tmp_path)
    for file in tmp_path.glob("log-views.sqlite*"):
        file.unlink()
    assert not terminal.json("log", "recover")["needed"]
    assert terminal.json("status", NUMBER)["state"] == "announced"


def test_what_was_made_from_another_log_is_refused(terminal: Terminal) -> None:
    (terminal.folder / "other").mkdir()
    other = Terminal(terminal.folder / "other")
    other.run(*OTHER)
    other_log = str(other.folder / "log.sqlite")
    assert "HOLDER_OF_ANOTHER_LOG" in terminal.run("log", "lost", "--index", other_log, code=2).err
    assert "HOLDER_UNUSABLE" in terminal.run("log", "lost", f"--index={terminal.paper}", code=2).err
    assert "HOLDER_UNUSABLE" in terminal.run("log", "lost", "--index=nowhere", code=2).err
    assert "BACKUP_MISSING" in terminal.run("log", "lost", "--backup=nowhere", code=4).err
    assert "BAD_OPTION" in terminal.run("log", "lost", code=2).err
