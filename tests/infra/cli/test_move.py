"""`dossier log move` as an operator types it, on an embedded log."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.support.terminal import NUMBER, Terminal

AT = partial(pytest.mark.parametrize, "stage", indirect=True)
NEXT = ("submit-to-district", NUMBER, "--on=2024-06-19")


@pytest.fixture
def new(stage: Terminal) -> Terminal:
    """A terminal on the log's next place."""
    made = Terminal(stage.folder)
    made.environment["DOSSIER_LOG"] = f"sqlite:///{stage.folder / 'new' / 'log.sqlite'}"
    return made


@AT(["self_assessed"])
def test_the_procedure_goes_on_there_and_is_only_read_here(stage: Terminal, new: Terminal) -> None:
    """A command that was handled before the move gets its answer there; whoever asks here is told where it is."""
    expected = stage.json("replay", NUMBER), stage.json("audit", NUMBER)["rows"]
    to = new.environment["DOSSIER_LOG"]
    done = stage.json("log", "move", "--to", to)
    (partition,) = done["partitions"]
    assert (done["moved"], partition["added"], done["other_moments"]) == (True, partition["records"], 0)
    assert "keys list" in " ".join(done["next"])
    assert stage.json("log", "move", "--to", to)["partitions"][0]["added"] == 0
    for terminal in (stage, new):
        assert (terminal.json("replay", NUMBER), terminal.json("audit", NUMBER)["rows"]) == expected
    report = stage.doc("25/BC-UBND", "2024-06-18")
    said = stage.run(*NEXT, "--report", report, code=4).err
    assert "LOG_CLOSED" in said
    assert str(stage.folder / "new" / "log.sqlite") in said
    found = stage.run("doctor", "--whole", "--json", code=4).json["wrong"]
    assert [each["code"] for each in found] == ["LOG_CLOSED"]
    assert "WRITER_NOT_REGISTERED" in new.run(*NEXT, "--report", report, code=4).err
    shutil.rmtree(stage.folder / "new" / "log.sqlite.keys")
    shutil.copytree(stage.folder / "log.sqlite.keys", stage.folder / "new" / "log.sqlite.keys")
    new.run(*NEXT, "--report", report)
    assert new.run("doctor", "--whole", "--json").json["wrong"] == []
    new.run("rebuild", "--all", "--check")


@AT(["self_assessed"])
def test_a_backup_of_it_goes_on_in_the_same_folder(stage: Terminal, new: Terminal, tmp_path: Path) -> None:
    """The moved log continues the one that was backed up; put back elsewhere it is open."""
    folder = str(tmp_path / "backup")
    before = stage.json("backup", folder)["partitions"][0]["records"]
    stage.json("log", "move", "--to", new.environment["DOSSIER_LOG"])
    assert stage.json("backup", folder)["added"] == [1]
    shutil.copytree(stage.folder / "log.sqlite.keys", stage.folder / "new" / "log.sqlite.keys")
    new.run(*NEXT, "--report", new.doc("25/BC-UBND", "2024-06-18"))
    grown = new.json("backup", folder)
    assert (grown["added"], grown["partitions"][0]["records"]) == ([1], before + 2)
    assert stage.json("verify-backup", folder)["verified"] is True
    back = Terminal(stage.folder)
    back.environment["DOSSIER_LOG"] = f"sqlite:///{stage.folder / 'back' / 'log.sqlite'}"
    back.environment["DOSSIER_KEYS"] = str(stage.folder / "log.sqlite.keys")
    restored = back.json("restore", folder)
    assert str(stage.folder / "new" / "log.sqlite") in " ".join(restored["next"])
    back.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")


@AT(["self_assessed"])
def test_what_cannot_be_moved_is_said(stage: Terminal, new: Terminal) -> None:
    assert "BAD_OPTION" in stage.run("log", "move", code=2).err
    assert "LOG_MISSING" in new.run("log", "move", "--to", "sqlite:///elsewhere.sqlite", code=4).err
    new.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")
    assert "MOVE_TARGET_TAKEN" in stage.run("log", "move", "--to", new.environment["DOSSIER_LOG"], code=4).err
    said = stage.run("log", "move", "--to", new.environment["DOSSIER_LOG"], "--lang=vi", code=4).err
    assert "nhật ký" in said
    for root in (stage.folder / "log.sqlite.keys").glob("root-*.pem"):
        root.unlink()
    assert "ROOTS_MISSING" in stage.run("log", "move", "--to", "sqlite:///elsewhere.sqlite", code=4).err
    stage.run(*NEXT, "--report", stage.doc("25/BC-UBND", "2024-06-18"))


def decisions(terminal: Terminal) -> list[tuple[str, int, str]]:
    """Id, number within the unit and kind of each public decision."""
    said = terminal.run("decisions", "tail", "--no-follow", "--json", "--from", "beginning").out
    found = [json.loads(line) for line in said.splitlines()]
    return [(each["id"], each["data"]["sequence"], each["type"]) for each in found]


@AT(["announced"])
def test_subscribers_of_a_moved_log_get_what_follows(stage: Terminal, new: Terminal) -> None:
    """A folder of decisions goes on where it ends: nothing is written twice."""
    folder = str(stage.folder / "feed")
    written = stage.json("decisions", "files", folder)["written"]
    assert written
    stage.json("log", "move", "--to", new.environment["DOSSIER_LOG"])
    assert new.json("decisions", "files", folder)["written"] == 0
    assert decisions(new) == decisions(stage)


@AT(["announced"])
def test_a_new_log_has_the_same_facts_and_decisions(stage: Terminal, new: Terminal) -> None:
    """Somebody must agree, since the decisions are published again; their ids and numbers are the same."""
    to = new.environment["DOSSIER_LOG"]
    said = stage.run("log", "move", "--new-log", "--to", to, code=4).err
    assert "MOVE_DECISIONS_AGAIN" in said
    assert "--decisions-again" in said
    stage.run("doctor")
    (known,) = stage.json("keys", "list")
    folder = str(stage.folder / "feed")
    stage.json("decisions", "files", folder)
    done = stage.json("log", "move", "--new-log", "--decisions-again", "--to", to)
    assert done["identity"] != known["identity"]
    assert stage.json("log", "move", "--new-log", "--decisions-again", "--to", to)["partitions"][0]["added"] == 0
    for question in (("status",), ("eligibility",), ("council", "show")):
        assert new.ask(*question, "--json").out == stage.ask(*question, "--json").out
    assert new.json("replay", NUMBER) == stage.json("replay", NUMBER)
    assert new.json("audit", NUMBER)["rows"] == stage.json("audit", NUMBER)["rows"]
    assert decisions(new) == decisions(stage)
    assert "FEED_OF_ANOTHER_LOG" in new.run("decisions", "files", folder, code=4).err
    assert new.run("doctor", "--whole", "--json").json["wrong"] == []
    new.run("rebuild", "--all", "--check")
    new.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")
    assert "LOG_CLOSED" in stage.run("doctor", code=4).err


@AT(["self_assessed"])
def test_with_the_roots_alone_a_log_goes_on_whose_writers_key_is_lost(stage: Terminal, new: Terminal) -> None:
    """The old log stays as it is; the new one has a writer of its own."""
    (stage.folder / "log.sqlite.keys" / "writer.pem").unlink()
    to = new.environment["DOSSIER_LOG"]
    report = stage.doc("25/BC-UBND", "2024-06-18")
    assert "WRITER_NOT_REGISTERED" in stage.run(*NEXT, "--report", report, code=4).err
    assert "WRITER_NOT_REGISTERED" in stage.run("log", "move", "--to", to, code=4).err
    stage.run("log", "move", "--writer-lost", "--to", to)
    assert new.json("replay", NUMBER) == stage.json("replay", NUMBER)
    new.run(*NEXT, "--report", report)
    assert new.run("doctor", "--whole", "--json").json["wrong"] == []
