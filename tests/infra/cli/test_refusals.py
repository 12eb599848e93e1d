"""Exit codes, and errors in both languages on the right stream."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.terminal import COMMUNE, NUMBER, Terminal

OPEN = ("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12")


def test_a_rule_refuses_with_3(terminal: Terminal) -> None:
    terminal.run(*OPEN)
    said = terminal.run(*OPEN, code=3)
    assert said.out == ""
    assert "error DOSSIER_ALREADY_OPEN: dossier 04630-CB-2024-1 is open" in said.err


def test_a_refusal_names_clause_and_hint_in_vietnamese(terminal: Terminal) -> None:
    terminal.run(*OPEN)
    terminal.run("withdraw", NUMBER, "--on=2024-06-12")
    err = terminal.run("receive", NUMBER, "--on=2024-06-13", "--lang=vi", code=3).err
    assert "lỗi DOSSIER_CLOSED: hồ sơ 04630-CB-2024-1 đã kết thúc: đã rút hồ sơ" in err
    assert "căn cứ: cách hiểu 3" in err
    assert "gợi ý: đơn vị có thể mở hồ sơ mới" in err


def test_with_json_the_refusal_is_on_stdout_and_short_on_stderr(terminal: Terminal) -> None:
    terminal.run(*OPEN)
    said = terminal.run(*OPEN, "--json", code=3)
    assert said.json["ok"] is False
    assert said.json["error"]["code"] == "DOSSIER_ALREADY_OPEN"
    assert said.json["position"] == 1
    assert "DOSSIER_ALREADY_OPEN" in said.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["open", "99999", "--level=basic", "--year=2024"], "UNKNOWN_UNIT"),
        (["open", COMMUNE, "--level=basic", "--year=2024", "--on=17/06/2024"], "INVALID_DATE"),
        (["open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-02-30"], "INVALID_DATE"),
        (["open", COMMUNE, "--level=basic", "--year=2024", "--command-id=one"], "INVALID_COMMAND"),
        (["open", COMMUNE, "--level=basic", "--year=2024", "--as=applicant:nobody"], "UNKNOWN_ACTOR"),
        (["open", COMMUNE, "--level=basic", "--year=2024", "--person=Lê\x07"], "BAD_TEXT"),
        (["open", COMMUNE, "--level=basic", "--year=2024", "--person=Le\u0302"], "NOT_NFC"),
        (["receive", "not-a-number"], "MALFORMED_DOSSIER_REFERENCE"),
        (["receive", "04630:basic"], "MALFORMED_DOSSIER_REFERENCE"),
        (["status", "council"], "MALFORMED_DOSSIER_REFERENCE"),
        (["submit", NUMBER, "--letter=64/TTr"], "BAD_DOCUMENT"),
        (["submit", NUMBER, "--letter=64/TTr|2024-06-01|UBND|no-such-file"], "NO_SUCH_DOCUMENT"),
        (["forward", NUMBER, "--letter=64/TTr|2024-06-01|UBND|file"], "BAD_ENTRY"),
        (["establish-council", "--chair=Lê Bình"], "BAD_ENTRY"),
        (["council-meeting", NUMBER, "--recommends", "--votes=nine"], "BAD_ENTRY"),
        (["replay", NUMBER, "--recorded-by=yesterday"], "BAD_OPTION"),
        (["replay", NUMBER, "--true-on=2024-13-01"], "BAD_OPTION"),
        (["replay", NUMBER, "--true-on=2024-07-01", "--version=1"], "BAD_OPTION"),
        (["template", "findings"], "BAD_OPTION"),
        (["rebuild"], "BAD_OPTION"),
        (["rebuild", "status", "--all"], "BAD_OPTION"),
        (["units", "--district=999"], "UNKNOWN_UNIT"),
        (["status", "--unit=999"], "UNKNOWN_UNIT"),
        (["commands", "VerifyCriterium"], "UNKNOWN_COMMAND"),
        (["status", "--log=postgres://x"], "BAD_SETTING"),
        (["self-assess", NUMBER, "--claims=no-such-file.json"], "FILE_UNREADABLE"),
    ],
)
def test_malformed_input_ends_with_2_and_leaves_the_log_alone(
    terminal: Terminal, arguments: list[str], code: str
) -> None:
    terminal.run(*OPEN)
    assert f"error {code}: " in terminal.run(*arguments, code=2).err
    assert len(terminal.rows("audit", NUMBER)) == 1


@pytest.mark.parametrize("arguments", [["opne"], ["open"], ["open", COMMUNE, "--level=middle", "--year=2024"], []])
def test_wrong_use_ends_with_2(terminal: Terminal, arguments: list[str]) -> None:
    terminal.run(*arguments, code=2)
    assert not (terminal.folder / "log.sqlite").exists()


def test_a_person_is_needed(terminal: Terminal) -> None:
    del terminal.environment["DOSSIER_PERSON"]
    assert "--person" in terminal.run(*OPEN, code=2).err


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b" \n", "EMPTY_FILE"),
        (b"PK\x03\x04xl/workbook.xml", "WRONG_FILE_TYPE"),
        (b"%PDF-1.7", "WRONG_FILE_TYPE"),
        (b"\xff\xfe{\0}\0", "WRONG_FILE_TYPE"),
        (b'\xef\xbb\xbf{"I.7": {}}', "BYTE_ORDER_MARK"),
        (b'{"I.7": {"figure": {"answer": tru}}}', "NOT_JSON"),
        (b'{"I.7": {}, "I.7": {}}', "DUPLICATE_KEY"),
        (b'{"I.1": {"figure": {"a": NaN, "b": 1}}}', "NOT_A_NUMBER"),
        (b'{"I.1": {"figure": {"a": 1.5, "b": 1}}}', "NOT_AN_INTEGER"),
        (b'{"I.1": {"figure": {"a": 1e400, "b": 1}}}', "NOT_A_NUMBER"),
        (b'{"I.1": {"figure": {"a": 9007199254740993, "b": 1}}}', "NUMBER_TOO_LARGE"),
        (b'{"I.1": {"figure": {"a": ' + b"9" * 5000 + b"}}}", "NOT_JSON"),
        (b"[" * 100_000, "NOT_JSON"),
        ('{"I.7": {"figure": {"answer": true}, "evidence": ["một"]}}'.encode(), "BAD_DOCUMENT"),
        ("{'I.7': 1}".encode("utf-16"), "WRONG_FILE_TYPE"),
        ('{"I.7": "Tú Lệ"}'.encode("cp1258", "replace"), "NOT_UTF8"),
        (b"[]", "INVALID_COMMAND"),
        (b"7", "INVALID_COMMAND"),
        (b"{}", "INVALID_COMMAND"),
    ],
)
def test_a_file_of_parts_that_cannot_be_used(terminal: Terminal, contents: bytes, code: str) -> None:
    terminal.run(*OPEN)
    path = terminal.file("claims.json", contents)
    assert f"error {code}: " in terminal.run("self-assess", NUMBER, "--claims", path, code=2).err
    assert len(terminal.rows("audit", NUMBER)) == 1


def test_what_does_not_exist_is_unknown(terminal: Terminal) -> None:
    terminal.run(*OPEN)
    for asked in ("status", "audit", "replay"):
        for name in ("04633-CB-2024-1", "04630:advanced:2024", "650f51a8-0000-8000-8000-000000000000"):
            assert "UNKNOWN_DOSSIER" in terminal.run(asked, name, code=3).err
    said = terminal.run("status", "04633-CB-2024-1", "--json", code=3)
    assert said.json["error"]["code"] == "UNKNOWN_DOSSIER"


def test_a_log_that_is_missing_or_broken_ends_with_4(terminal: Terminal) -> None:
    assert "LOG_MISSING" in terminal.run("status", code=4).err
    assert "LOG_MISSING" in terminal.run("receive", NUMBER, code=4).err
    assert not (terminal.folder / "log.sqlite").exists(), "a question makes no log"
    terminal.file("log.sqlite", "this is no database, whatever its name says")
    for asked in (["status"], [*OPEN]):
        said = terminal.run(*asked, code=4)
        assert "LOG_UNUSABLE" in said.err
    assert "--command-id" in said.err, "giving it again is safe with the same id"


def test_views_of_another_log_end_with_4(terminal: Terminal) -> None:
    terminal.run(*OPEN)
    with sqlite3.connect(terminal.folder / "log-views.sqlite") as views:
        views.execute("UPDATE views_log SET log_id = 'another'")
    views.close()
    assert "VIEWS_OF_ANOTHER_LOG" in terminal.run("status", "--lang=vi", code=4).err


def test_options_stand_before_or_after_the_subcommand(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    log = terminal.environment.pop("DOSSIER_LOG")
    terminal.run("--log", log, *OPEN)
    before, after = terminal.run("--log", log, "--json", "status"), terminal.run("status", "--log", log, "--json")
    assert before.json == after.json
    assert "Trạng thái" in terminal.run("--lang=vi", "--log", log, "status").out
    terminal.environment["DOSSIER_LANG"] = "vi"
    assert "Trạng thái" in terminal.run("status", "--log", log).out
    assert "State" in terminal.run("status", "--log", log, "--lang=en").out


def test_a_fault_shows_its_traceback(tmp_path: Path) -> None:
    """What is no DossierError is a fault of the program: nothing hides it."""
    program = (
        "import infra.cli.queries.catalogue as c\n"
        "def broken(): raise RuntimeError('a fault')\n"
        "c.all_agencies = broken\n"
        "from infra.cli.main import main; import sys; sys.argv = ['dossier', 'agencies']; main()\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 1
    assert "Traceback" in run.stderr
    assert "RuntimeError: a fault" in run.stderr


def test_a_document_may_be_named_by_its_hash(terminal: Terminal) -> None:
    digest = "AB" * 32
    decision = f"2103/QĐ-UBND|2023-11-20|UBND tỉnh|{digest}|Quyết định công nhận"
    terminal.run("record-earlier", COMMUNE, "--level=basic", "--year=2023", "--decision", decision)
    (document,) = terminal.rows("audit", "04630-CB-2023-1")[0]["documents"]
    assert document["sha256"] == digest.lower()
    assert document["title"] == "Quyết định công nhận"
    assert json.dumps(document)
