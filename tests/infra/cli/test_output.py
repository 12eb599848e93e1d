"""Where the answers go: to a pipe that is closed early, or to a full disk."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.support.terminal import Terminal
from tests.support.waiting import GUARD
from tests.support.workload import lines

PROGRAM = Path(sys.executable).with_name("dossier")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    made = Terminal(tmp_path)
    made.run("apply", made.file("one.jsonl", "\n".join(lines(1)) + "\n"))
    return made


def started(terminal: Terminal, *arguments: str) -> subprocess.Popen[bytes]:
    """The program, with pipes at its three ends."""
    environment = {**os.environ, **terminal.environment}
    pipe = subprocess.PIPE
    return subprocess.Popen([PROGRAM, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=environment)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("audit", "council"),
        ("--help",),
    ],
)
def test_nobody_reads_on(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """As a program that SIGPIPE ended, without a word."""
    process = started(terminal, *arguments)
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    assert process.communicate(timeout=GUARD)[1] == b""
    assert process.returncode == 141


def test_apply_does_not_go_on_when_nobody_reads_the_answers(terminal: Terminal) -> None:
    """It says so; what was carried out is in the log, and is answered when it is given again."""
    first, *rest = [f"{line}\n" for line in islice(lines(2), len(list(lines(1))), None)]
    process = started(terminal, "apply", "-")
    assert process.stdin
    assert process.stdout
    process.stdin.write(first.encode())
    process.stdin.flush()
    seen = process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate("".join(rest).encode(), timeout=GUARD)
    assert process.returncode == 141
    assert b"nobody reads the answers" in said
    assert b"accepted" not in said
    given = terminal.file("again.jsonl", "".join([first, *rest]))
    answers = terminal.run("apply", given).out.splitlines(keepends=True)
    assert answers[0] == seen.decode()
    positions = [json.loads(answer)["position"] for answer in answers]
    assert len(set(positions)) == 1 + len(rest)


def test_no_room_for_the_answer(terminal: Terminal) -> None:
    """An error with a name, from every way of writing."""
    for arguments in (("status",), ("apply", str(terminal.folder / "one.jsonl"))):
        with Path("/dev/full").open("wb") as full:
            environment = {**os.environ, **terminal.environment}
            done = subprocess.run(
                [PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, env=environment, check=False
            )
        assert done.returncode == 4
        assert b"OUTPUT_UNWRITABLE" in done.stderr
        assert b"Traceback" not in done.stderr


def test_standard_error_that_nobody_reads_changes_nothing(terminal: Terminal) -> None:
    process = started(terminal, "apply", str(terminal.folder / "one.jsonl"))
    assert process.stderr
    process.stderr.close()
    process.stderr = None
    answers = process.communicate(timeout=GUARD)[0].splitlines()
    assert process.returncode == 0
    assert all(json.loads(answer)["ok"] for answer in answers)


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_a_standard_stream_that_is_closed_is_not_taken_for_the_log(terminal: Terminal, closed: tuple[int, ...]) -> None:
    """The next file that a program opens gets its number; what is printed must not go there."""
    shell = " ".join(["exec", '"$0"', '"$@"', *(f"{number}>&-" for number in closed)])
    more = terminal.file("two.jsonl", "\n".join(islice(lines(2), len(list(lines(1))), None)) + "\n")
    for arguments in (("apply", more), ("status",), ("status", "--json"), ("nonsense",)):
        environment = {**os.environ, **terminal.environment}
        done = subprocess.run(
            ["sh", "-c", shell, PROGRAM, *arguments], env=environment, check=False, capture_output=True
        )
        assert done.returncode == (2 if arguments == ("nonsense",) else 0), done.stderr
    for name in ("log.sqlite", "log-views.sqlite"):
        with sqlite3.connect(terminal.folder / name) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
    assert len(terminal.run("apply", more).out.splitlines()) == len(list(lines(2))) - len(list(lines(1)))
