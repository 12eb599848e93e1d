"""`dossier apply` while somebody moves, replaces or copies its log: what was acknowledged is there afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from infra.demo.province import commands

PROGRAM = str(Path(sys.executable).with_name("dossier"))
LINES = [json.dumps(command) + "\n" for command in islice(commands(7), 4)]


class Applying:
    """`dossier apply -` at work on a log."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def give(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@contextmanager
def applying(path: Path) -> Iterator[Applying]:
    command = [PROGRAM, "--log", f"sqlite:///{path}", "apply", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield Applying(process)
        finally:
            process.kill()


def apply(path: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, "--log", f"sqlite:///{path}", "apply", "-"]
    return subprocess.run(command, input="".join(lines), capture_output=True, text=True, check=False)


def move(path: Path, moved: Path) -> None:
    path.rename(moved)


def replace(path: Path, moved: Path) -> None:
    """By another log, as by a restore of the wrong file."""
    path.rename(moved)
    other = path.with_name("other.sqlite")
    apply(other, LINES)
    other.rename(path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("exchange", "killed"), [(move, False), (move, True), (replace, True)])
def test_what_was_acknowledged_is_there_once_the_file_is_put_back(
    tmp_path: Path, exchange: Callable[[Path, Path], None], *, killed: bool
) -> None:
    """Until then nothing more is acknowledged, by nobody; whoever gives all again gets the first answers."""
    path, moved = tmp_path / "log.sqlite", tmp_path / "moved.sqlite"
    with applying(path) as running:
        answers = []
        for line in LINES[:3]:
            running.give(line)
            answers.append(running.answer())
        exchange(path, moved)
        if killed:
            running.process.send_signal(signal.SIGKILL)
        else:
            running.give(LINES[3])
            out, err = running.process.communicate()
            assert out == ""
            assert "LOG_MOVED" in err
            assert running.process.returncode == 4
        running.process.wait()
    wal = (tmp_path / "log.sqlite-wal").read_bytes()
    assert wal
    refused = apply(path, LINES)
    assert refused.returncode == 4
    assert refused.stdout == ""
    assert "LOG_WAL_ORPHANED" in refused.stderr
    assert (tmp_path / "log.sqlite-wal").read_bytes() == wal
    moved.replace(path)
    again = [json.loads(line) for line in apply(path, LINES).stdout.splitlines()]
    assert again[:3] == answers
    assert len(again) == 4


@pytest.mark.timeout(300)
def test_a_copy_is_made_by_its_own_command_and_a_plain_one_is_not_taken_for_the_log(tmp_path: Path) -> None:
    path, plain, whole = (tmp_path / name for name in ("log.sqlite", "plain.sqlite", "whole.sqlite"))
    with applying(path) as running:
        for line in LINES[:3]:
            running.give(line)
            running.answer()
        subprocess.run(["cp", str(path), str(plain)], check=True)
        subprocess.run([PROGRAM, "--log", f"sqlite:///{path}", "log", "copy", str(whole)], check=True)
        running.give(LINES[3])
        running.answer()
        running.process.communicate()
    for copy, code in ((plain, 4), (whole, 0)):
        command = [PROGRAM, "--log", f"sqlite:///{copy}", "doctor", "--json"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == code, found
        assert ("LOG_EMPTY" in found.stdout) == bool(code)
