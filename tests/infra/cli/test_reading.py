"""Who only reads an embedded log writes nothing to it and waits for nobody, also where it cannot be written."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from infra.log.errors import LogEmpty
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource
from tests.support.asking import ask_without_rights
from tests.support.terminal import NUMBER, Terminal

OPEN = ("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")
QUESTIONS = [
    ["status", "--json"],
    ["status", NUMBER, "--json"],
    ["audit", NUMBER, "--json"],
    ["replay", NUMBER, "--json"],
    ["eligibility", "--json"],
    ["decisions", "tail", "--from=beginning", "--no-follow"],
    ["views", "show", "--json"],
    ["views", "verify", "--json"],
    ["doctor", "--json"],
    ["doctor", "--whole", "--json"],
    ["rebuild", "--all", "--check", "--json"],
]

_HOLD = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], isolation_level=None) as connection:
    connection.executescript(sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(path: Path, begin: str = "BEGIN IMMEDIATE") -> Iterator[int]:
    """Another process has a lock of SQLite on a file; its process id."""
    command = [sys.executable, "-c", _HOLD, str(path), begin]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process.pid
        finally:
            process.kill()


def contents(folder: Path) -> dict[str, str]:
    """Name → hash of every file in a folder."""
    return {each.name: sha256(each.read_bytes()).hexdigest() for each in folder.iterdir() if each.is_file()}


def log_of(terminal: Terminal) -> Path:
    return terminal.folder / "log.sqlite"


def without_clock(said: str) -> object:
    """An answer without what differs from one moment and place to the next."""
    answer = json.loads(said) if said.startswith("{") else said
    if isinstance(answer, dict):
        for changing in ("clock", "disks", "log", "seconds", "behind"):
            answer.pop(changing, None)
    return answer


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_questions_wait_for_no_lock_and_write_nothing(stage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever would wait gets an error: nobody lets go."""
    monkeypatch.setitem(stage.environment, "DOSSIER_LOCK_TIMEOUT", "1")
    stage.run("status")
    before = contents(stage.folder)["log.sqlite"]
    with held(log_of(stage)):
        for question in QUESTIONS:
            stage.run(*question)
        stage.run("log", "copy", str(stage.folder / "copy.sqlite"))
    found = contents(stage.folder)
    assert found["log.sqlite"] == before
    assert found["log.sqlite-wal"] == sha256(b"").hexdigest()


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_who_writes_waits_as_long_as_it_is_set_and_says_who_has_the_lock(
    stage: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stage.environment, "DOSSIER_LOCK_TIMEOUT", "1")
    with held(log_of(stage)) as process:
        said = stage.run(*OPEN, code=4)
        assert "LOG_LOCKED" in said.err
        assert "DOSSIER_LOCK_TIMEOUT" in said.err
        if Path("/proc/locks").exists():
            assert f"process {process} (python" in said.err
            assert f"tiến trình {process} (python" in stage.run("--lang=vi", *OPEN, code=4).err
    assert stage.run(*OPEN).code == 0
    monkeypatch.setitem(stage.environment, "DOSSIER_LOCK_TIMEOUT", "0")
    assert "BAD_SETTING" in stage.run("status", code=2).err


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_read_models_that_are_locked_name_who_has_them(stage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stage.environment, "DOSSIER_LOCK_TIMEOUT", "1")
    (stage.folder / "log-views.sqlite").unlink(missing_ok=True)
    with held(stage.folder / "log-views.sqlite") as process:
        said = stage.run("status", code=4)
        assert "VIEWS_LOCKED" in said.err
        if Path("/proc/locks").exists():
            assert f"process {process} (python" in said.err
    stage.run("status")
    # What is shown already is read whoever writes.
    with held(stage.folder / "log-views.sqlite"):
        stage.run("status")


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_who_has_the_whole_file_for_himself_is_named_to_readers_too(
    stage: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some backup tools take it: then nobody can read before they let go."""
    monkeypatch.setitem(stage.environment, "DOSSIER_LOCK_TIMEOUT", "1")
    with held(log_of(stage), "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT") as process:
        for question in (["status"], ["doctor"], [*OPEN]):
            said = stage.run(*question, code=4)
            assert "LOG_LOCKED" in said.err + said.out
            if Path("/proc/locks").exists():
                assert f"process {process} (python" in said.err + said.out
    stage.run("status")


@pytest.mark.parametrize(("file", "code"), [("log.sqlite", "LOG_UNUSABLE"), ("log-views.sqlite", "VIEWS_UNAVAILABLE")])
@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_a_file_whose_schema_is_no_text_any_more_is_named(stage: Terminal, file: str, code: str) -> None:
    """A disk has turned one bit: SQLite quotes the place in its error, which Python cannot read."""
    stage.run("status")
    path = stage.folder / file
    contents = bytearray(path.read_bytes())
    contents[contents.index(b"CREATE TABLE") + 3] ^= 0x80
    path.write_bytes(contents)
    for question in (["status"], ["doctor"], ["rebuild", "--all"]):
        assert code in stage.run(*question, code=4).err


@pytest.mark.parametrize("left", ["nothing", "records", "records and what is shared"])
@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_a_log_that_cannot_be_written_is_read(
    stage: Terminal, left: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A snapshot or a share of evidence: closed, or taken of a running system with the last records in its `-wal`."""
    place, own = tmp_path_factory.mktemp("place"), tmp_path_factory.mktemp("own")
    stage.run("status")
    path = log_of(stage)
    if left == "nothing":
        names = ["log.sqlite"]
    else:
        names = ["log.sqlite", "log.sqlite-wal", *(["log.sqlite-shm"] if "shared" in left else [])]
    opened = PartitionHandle(SQLiteSource(path)) if left != "nothing" else None
    if opened is not None:
        stage.run(*OPEN)
        assert (stage.folder / "log.sqlite-wal").stat().st_size
    # By another process: to close a file here would end this process's locks on it.
    subprocess.run(["cp", *[str(stage.folder / name) for name in [*names, "log-views.sqlite"]], str(place)], check=True)
    if opened is not None:
        opened.close()
    expected = [stage.ask(*question) for question in QUESTIONS]
    for each in place.iterdir():
        each.chmod(0o444)
    place.chmod(0o555)
    before = contents(place)
    try:
        copy = own / "copy.sqlite"
        found = ask_without_rights(own, place / "log.sqlite", [*QUESTIONS, ["log", "copy", str(copy)], [*OPEN]])
        assert contents(place) == before
    finally:
        place.chmod(0o755)
    *answers, copied, refused = found
    for question, said, wanted in zip(QUESTIONS, answers, expected, strict=True):
        assert said.code == wanted.code == 0, (question, said)
        # A rebuild says how long each took.
        assert question[0] == "rebuild" or without_clock(said.out) == without_clock(wanted.out), question
    assert copied.code == 0
    assert refused.code == 4
    assert copy.exists()
    assert not list(own.glob("*views*"))


@pytest.mark.parametrize("stage", ["self_assessed"], indirect=True)
def test_a_log_whose_index_is_behind_is_read_without_writing(stage: Terminal) -> None:
    """As after a statement about keys; or its tables are gone, as after a `reindex` that was killed."""
    expected = stage.json("status", NUMBER)
    path = log_of(stage)
    for script in ("UPDATE head SET next_offset = next_offset - 1", "DROP TABLE stored_events"):
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
        before = contents(stage.folder)["log.sqlite"]
        assert stage.json("status", NUMBER)["rows" if "rows" in expected else "state"] is not None
        assert stage.json("replay", NUMBER)
        assert contents(stage.folder)["log.sqlite"] == before
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # Whoever writes next mends it.
        PartitionHandle(SQLiteSource(path)).close()


def test_a_file_without_records_is_no_empty_log(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    (tmp_path / "log.sqlite").touch()
    said = terminal.run("status", code=4)
    assert LogEmpty.code in said.err
