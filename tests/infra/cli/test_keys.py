"""`dossier keys` and `dossier log void` on an embedded log, which makes its keys by itself."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from infra.log.keys import KeyFolder
from tests.support.signing import STRANGER
from tests.support.terminal import Terminal

KEY = STRANGER.public.hex()


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A log with one dossier."""
    made = Terminal(tmp_path)
    _open(made, "04630")
    return made


def _open(terminal: Terminal, unit: str) -> None:
    terminal.run("open", unit, "--level=basic", "--year=2024", "--on=2024-06-12")


def _writers(terminal: Terminal) -> list[str]:
    (found,) = terminal.json("keys", "list")
    writers: list[str] = found["writers"]
    return writers


def test_a_log_makes_keys_that_nobody_else_can_read(terminal: Terminal) -> None:
    """One root, and this host's writer, beside the log; init has nothing to do and shows the identity."""
    folder = terminal.folder / "log.sqlite.keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    (found,) = terminal.json("keys", "list")
    assert (found["threshold"], len(found["roots"]), found["writers"]) == (1, 1, [found["own"]])
    shown = terminal.json("keys", "init")
    assert shown == {"identity": found["identity"], "writer": found["own"], "registered": True}


def test_a_writer_is_added_and_retired(terminal: Terminal) -> None:
    """Given again, neither changes anything; the last writer stays."""
    (own,) = _writers(terminal)
    for _ in range(2):
        assert "statement 1" in terminal.run("keys", "add-writer", KEY).out
    assert sorted(_writers(terminal)) == sorted([own, KEY])
    for _ in range(2):
        assert "statement 2" in terminal.run("keys", "retire", KEY).out
    assert _writers(terminal) == [own]
    assert "last writer" in terminal.run("keys", "retire", own, code=2).err
    _open(terminal, "04633")


@pytest.mark.parametrize("key", ["", "ab", KEY.upper(), "00" * 32])
def test_what_is_no_key_is_refused(terminal: Terminal, key: str) -> None:
    terminal.run("keys", "add-writer", key, code=2)
    assert len(_writers(terminal)) == 1


def test_root_keys_may_be_put_elsewhere(terminal: Terminal, tmp_path: Path) -> None:
    """Rotated into a folder of their own, two must sign from then on; without them nothing is signed."""
    elsewhere, half = tmp_path / "roots", tmp_path / "half"
    terminal.run("keys", "rotate-root", "--into", str(elsewhere), "--count", "2")
    (found,) = terminal.json("keys", "list")
    assert found["threshold"] == 2
    assert found["roots"] == [root.public.hex() for root in KeyFolder(elsewhere).roots()]
    assert "ROOTS_MISSING" in terminal.run("keys", "add-writer", KEY, code=4).err
    KeyFolder(elsewhere).copy_to(KeyFolder(half))
    (half / "root-2.pem").unlink()
    assert "ROOTS_MISSING" in terminal.run("keys", "add-writer", KEY, "--roots", str(half), code=4).err
    terminal.run("keys", "add-writer", KEY, "--roots", str(elsewhere))
    assert KEY in _writers(terminal)


def test_keys_are_backed_up(terminal: Terminal, tmp_path: Path) -> None:
    """Put back from there, the log goes on; without its key it is only read."""
    backup, folder = tmp_path / "backup", terminal.folder / "log.sqlite.keys"
    assert "writer.pem" in terminal.run("keys", "backup", str(backup)).out
    (folder / "writer.pem").rename(folder / "away")
    assert len(terminal.rows("status")) == 1
    (folder / "away").unlink()
    KeyFolder(backup).copy_to(KeyFolder(folder))
    _open(terminal, "04633")


def test_a_key_that_others_can_read_signs_nothing(terminal: Terminal) -> None:
    (terminal.folder / "log.sqlite.keys" / "writer.pem").chmod(0o644)
    refused = terminal.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12", code=4)
    assert "KEYS_UNSAFE" in refused.err
    assert len(terminal.rows("status")) == 1
    assert _found(terminal) == ["KEYS_UNSAFE"]


def test_the_doctor_names_a_key_that_could_not_sign_before_a_fact_is_refused(terminal: Terminal) -> None:
    """Lost, or another one than the log knows; where no keys are at all, the log is only read, and all is well."""
    folder = terminal.folder / "log.sqlite.keys"
    kept = (folder / "writer.pem").read_bytes()
    (folder / "writer.pem").unlink()
    assert _found(terminal) == ["KEY_MISSING"]
    KeyFolder(folder).make_writer()
    assert _found(terminal) == ["WRITER_NOT_REGISTERED"]
    (folder / "writer.pem").write_bytes(b"no key")
    assert _found(terminal) == ["KEY_UNUSABLE"]
    (folder / "writer.pem").write_bytes(kept)
    terminal.run("doctor")
    folder.rename(terminal.folder / "elsewhere")
    terminal.run("doctor")


def _found(terminal: Terminal) -> list[str]:
    return [each["code"] for each in terminal.run("doctor", "--json", code=4).json["wrong"]]


def test_what_others_can_use_is_voided_only_when_the_loss_is_named(terminal: Terminal) -> None:
    """Shown first; afterwards the facts are gone, the read models say that they know more, and are made again."""
    _open(terminal, "04633")
    assert len(terminal.rows("status")) == 2
    assert "--number" in terminal.run("log", "void").out
    shown = terminal.json("log", "void", "--number=3")
    (record,) = shown["records"]
    assert shown["losing"] == len(record["facts"]) == 2
    named = ("log", "void", "--number=3", f"--hash={record['hash']}", "--reason=a test")
    assert "--losing 2" in terminal.run(*named, code=2).err
    assert terminal.run("log", "void", "--number=3", "--hash=00", "--reason=a test", code=2).err
    assert "records 3 to 3 are void" in terminal.run(*named, "--losing=2").out
    assert "VIEWS_AHEAD_OF_LOG" in terminal.run("status", code=4).err
    (terminal.folder / "log-views.sqlite").unlink()
    assert len(terminal.rows("status")) == 1
    _open(terminal, "04633")
    assert len(terminal.rows("status")) == 2
    terminal.run("views", "verify")
