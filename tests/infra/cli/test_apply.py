"""`dossier apply`: streams, exit codes, and files that are no JSON Lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from tests.support.terminal import COMMUNE, NUMBER, Terminal
from tests.support.waiting import GUARD

PROGRAM = [sys.executable, "-m", "infra.cli.main"]


def opening(unit: str = COMMUNE, **other: Any) -> dict[str, Any]:
    """A command that opens a dossier."""
    return {
        "command": "OpenDossier",
        "command_id": str(uuid4()),
        "dossier": {"unit": unit, "level": "basic", "year": 2024},
        "on": "2024-06-12",
        "actor": {"person": "Lò Văn Thắng", "agency": unit, "role": "applicant"},
        "data": {},
        **other,
    }


def lines(*commands: dict[str, Any] | str) -> str:
    """Commands as JSON Lines."""
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in commands)


def answers(text: str) -> list[dict[str, Any]]:
    """The answers, one a line."""
    return [json.loads(line) for line in text.splitlines()]


def started(terminal: Terminal, *arguments: str) -> subprocess.Popen[bytes]:
    """The program in a process of its own, with pipes."""
    environment = {**os.environ, **terminal.environment}
    pipe = subprocess.PIPE
    return subprocess.Popen([*PROGRAM, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=environment)


def test_all_accepted_is_0(terminal: Terminal) -> None:
    path = terminal.file("commands.jsonl", lines(opening(), opening("04633")))
    said = terminal.run("apply", path)
    assert [(answer["ok"], answer["position"]) for answer in answers(said.out)] == [(True, 1), (True, 2)]
    assert said.err == "2 accepted, 0 refused, 0 malformed\n"


def test_a_refusal_is_3_and_a_malformed_line_2(terminal: Terminal) -> None:
    said = terminal.run("apply", "-", code=3, given=lines(opening(), opening()))
    assert [answer["ok"] for answer in answers(said.out)] == [True, False]
    said = terminal.run("apply", "-", "--lang=vi", code=2, given=lines("{", opening("04633"), opening("04633")))
    assert [answer["ok"] for answer in answers(said.out)] == [False, True, False]
    assert said.err == "1 chấp nhận, 1 từ chối, 1 sai cấu trúc\n"


def test_the_same_file_again_gets_the_same_answers(terminal: Terminal) -> None:
    path = terminal.file("commands.jsonl", lines(opening(), opening()))
    first = terminal.run("apply", path, code=3)
    assert terminal.run("apply", path, code=3) == first
    assert len(terminal.rows("audit", NUMBER)) == 1


def test_nothing_on_standard_input_is_no_mistake(terminal: Terminal) -> None:
    assert terminal.run("apply", "-", given="").err == "0 accepted, 0 refused, 0 malformed\n"


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        (b"PK\x03\x04\x14\0\x06\0xl/workbook.xml", "WRONG_FILE_TYPE"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "WRONG_FILE_TYPE"),
        (b"%PDF-1.7\n", "WRONG_FILE_TYPE"),
        (b"\x89PNG\r\n\x1a\n", "WRONG_FILE_TYPE"),
        (b"\xff\xd8\xff\xe0", "WRONG_FILE_TYPE"),
        (b"\x1f\x8b\x08\0", "WRONG_FILE_TYPE"),
        (lines(opening()).encode("utf-16"), "WRONG_FILE_TYPE"),
        (lines(opening()).encode() + b"\0", "WRONG_FILE_TYPE"),
        (lines(opening()).encode("utf-8-sig"), "BYTE_ORDER_MARK"),
        (b"", "EMPTY_FILE"),
        (json.dumps([opening(), opening("04633")]).encode(), "JSON_ARRAY"),
        (json.dumps([opening()], indent=1).encode(), "JSON_ARRAY"),
    ],
)
def test_a_file_of_another_type_is_refused_before_anything_is_applied(
    terminal: Terminal, contents: bytes, code: str
) -> None:
    path = terminal.file("commands", contents)
    said = terminal.run("apply", path, code=2)
    assert said.out == ""
    assert f"error {code}: " in said.err
    terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12")
    assert len(terminal.rows("status")) == 1, "nothing else was applied"
    if contents:
        assert f"error {code}: " in terminal.run("apply", "-", code=2, given=contents).err


@pytest.mark.parametrize(
    "contents",
    [
        b"unit,level\n04630,basic\n",
        b"<xml/>\n",
        json.dumps(opening(), indent=1).encode(),
        b"\n",
        b"{}\n",
        b'"text"\n',
        b'{"command": "OpenDossier", "command": "OpenDossier"}\n',
        lines(opening(on="2024-06-31")).encode(),
        lines(opening(unit="Xã Tú Lệ")).encode(),
        b"{" * 5_000_000 + b"\n",
        lines(opening(data={"catalogue_version": 2**60})).encode(),
        lines(opening()).encode().replace(b"L\\u00f2", b"L\xf2"),
    ],
)
def test_text_that_is_no_command_is_answered_line_by_line(terminal: Terminal, contents: bytes) -> None:
    said = terminal.run("apply", terminal.file("commands", contents), code=2)
    given = [answer["ok"] for answer in answers(said.out)]
    assert given
    assert not any(given)
    assert terminal.rows("status") == []


def test_a_directory_and_a_missing_file_are_named(terminal: Terminal) -> None:
    for path in (str(terminal.folder), str(terminal.folder / "nothing"), ""):
        said = terminal.run("apply", path, code=2)
        assert "error FILE_UNREADABLE" in said.err
    said = terminal.run("apply", str(terminal.folder), "--json", code=2)
    assert said.json["error"]["code"] == "FILE_UNREADABLE"


def test_a_file_that_cannot_be_opened_is_named(terminal: Terminal) -> None:
    path = terminal.folder / "commands.jsonl"
    path.symlink_to(path)
    assert "error FILE_UNREADABLE" in terminal.run("apply", str(path), code=2).err


def test_it_answers_each_line_without_waiting_for_more(terminal: Terminal) -> None:
    with started(terminal, "apply", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for position, unit in enumerate(("04630", "04633", "04636"), start=1):
            process.stdin.write(lines(opening(unit)).encode())
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert (answer["ok"], answer["position"]) == (True, position)
        process.stdin.close()
        assert process.wait(GUARD) == 0


def test_several_that_make_one_log_at_once_each_get_their_answers(terminal: Terminal) -> None:
    """Whoever of them comes first: the others wait for the file that it makes, and for its appends."""
    units = ("04630", "04633", "04636", "04639")
    with ExitStack() as stack:
        processes = [stack.enter_context(started(terminal, "apply", "-")) for _ in units]
        said = []
        for process, unit in zip(processes, units, strict=True):
            assert process.stdin is not None
            process.stdin.write(lines(opening(unit)).encode())
            process.stdin.close()
        for process in processes:
            assert process.stdout is not None
            assert process.stderr is not None
            said += answers(process.stdout.read().decode())
            assert process.wait(GUARD) == 0, process.stderr.read().decode()
    assert sorted(answer["position"] for answer in said) == [1, 2, 3, 4]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell's background jobs ignore interruptions, and all that they start would as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_without_traceback(terminal: Terminal) -> None:
    with started(terminal, "apply", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(lines(opening()).encode())
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(GUARD) == 130
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("arguments", [["criteria", "--json"], ["criteria"], ["commands"], ["--help"]])
def test_a_reader_that_goes_away_ends_it_quietly(terminal: Terminal, arguments: list[str]) -> None:
    with started(terminal, *arguments) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.wait(GUARD)
        assert process.stderr.read() == b""


def test_texts_are_utf_8_whatever_the_locale_says(terminal: Terminal) -> None:
    terminal.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with started(terminal, "units", "--district=140", "--json") as process:
        out, _ = process.communicate(timeout=GUARD)
    assert "Xã Tú Lệ" in out.decode()
