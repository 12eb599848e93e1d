"""What comes from outside is text for people and for programs, in a real process and on a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from consumers.webhook_dispatcher import Delivery, Subscription
from infra.delivery.webhooks.signing import new_secret
from infra.delivery.webhooks.store import WebhookStore
from tests.infra.delivery.webhooks.test_http_client import saying, sent
from tests.support.terminal import COMMUNE, NUMBER, Terminal
from tests.support.waiting import GUARD

ROOT = Path(__file__).parents[3]

HOSTILE = "Lò\x1b]0;owned\x07\x1b[2J\x9b31m\u202eVăn\u200b\u2066\xad\U000e0041\u2028\r\nThắng\x7f"


def ran(terminal: Terminal, *arguments: str, given: bytes | None = None) -> tuple[str, str]:
    """What the program itself, in a process of its own, says on stdout and stderr."""
    program = Path(sys.executable).with_name("dossier")
    environment = {**os.environ, **terminal.environment, "COLUMNS": "300"}
    done = subprocess.run(
        [program, *arguments], capture_output=True, input=given, env=environment, check=False, timeout=GUARD
    )
    return done.stdout.decode(), done.stderr.decode()


def clean(text: str) -> bool:
    """Whether a terminal, or a reader of lines, shows all of it as it stands."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return not [each for each in text if unicodedata.category(each) in hidden and each != "\n"]


@pytest.fixture
def forged(terminal: Terminal) -> Terminal:
    """A dossier whose facts stand under a hostile name in a read model, which is not what the log says."""
    terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12")
    terminal.run("audit", NUMBER)
    with sqlite3.connect(terminal.folder / "log-views.sqlite") as views:
        (table,) = views.execute("SELECT name FROM sqlite_master WHERE name LIKE 'audit_events%'").fetchone()
        views.execute(f"UPDATE {table} SET person = ?, flags = '[]'", (HOSTILE,))  # noqa: S608  # the table's own name
    views.close()
    return terminal


def test_a_name_in_a_command_stays_text(terminal: Terminal) -> None:
    """A command may hold what turns the direction of a text, or is not seen; people see it, and JSON keeps it."""
    name = "Lò\u202eVăn\u200b Thắng"
    terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12", f"--person={name}")
    out, _ = ran(terminal, "audit", NUMBER)
    assert clean(out)
    assert r"Lò\u202eVăn\u200b Thắng" in out
    out, _ = ran(terminal, "audit", NUMBER, "--json")
    assert clean(out)
    assert json.loads(out)["rows"][0]["person"] == name


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_forged_name_is_not_shown_at_all(forged: Terminal, more: tuple[str, ...]) -> None:
    out, err = ran(forged, "audit", NUMBER, *more)
    assert clean(out + err)
    assert "FACT_DIFFERS" in err
    assert "owned" not in out + err


def test_the_answers_of_apply_stay_json_of_the_same_text(terminal: Terminal) -> None:
    """The malformed line's answer repeats what it was told."""
    command = {"command": "Open\u202eDossier\u2028", "command_id": "a", "dossier": "x\x85"}
    line = json.dumps(command, ensure_ascii=False).encode()
    out, err = ran(terminal, "apply", "-", given=line + b"\n" + b'"\xc2\x9b\xe2\x80\xae"\n')
    assert clean(out + err)
    assert [json.loads(each)["ok"] for each in out.splitlines()] == [False, False]


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", HOSTILE),
        ("status", "--unit", HOSTILE),
        ("audit", NUMBER, HOSTILE),
        (HOSTILE,),
        ("status", f"--{HOSTILE}=x"),
        ("status", "--limit", HOSTILE),
        ("status", "--lang", HOSTILE),
        ("apply", HOSTILE),
        ("--log", f"sqlite:///{HOSTILE}", "status"),
        ("--log", HOSTILE, "status", "--json"),
        ("decisions", "webhooks", "add", "one", f"https://{HOSTILE}/"),
        ("open", HOSTILE, "--level=basic", "--year=2024", f"--person={HOSTILE}", f"--on={HOSTILE}"),
    ],
)
def test_what_was_typed_or_is_wrong_stays_text(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    out, err = ran(terminal, *arguments)
    assert "error" in err
    assert clean(out + err)
    assert "Traceback" not in err


def test_what_a_receiver_says_stays_text(terminal: Terminal) -> None:
    """Its status line reaches the list of tries, in a table and in JSON."""
    answer = f"HTTP/1.1 {HOSTILE}".replace("\n", "").encode()
    item = Delivery("live", COMMUNE, 1, "650f51a8-3675-8b3e-8b74-cb4086f3018e", "{}")
    with saying(answer + b"\r\n\r\n", then_close=True) as url:
        outcome = sent(url)
    assert "\x1b]0;owned\x07" in outcome.detail
    with WebhookStore(terminal.folder / "log-webhooks.sqlite") as store:
        subscription = Subscription("one", "https://portal.example.vn/", (new_secret(),))
        store.add(subscription, {})
        store.enqueue("one", {}, [item])
        store.failed("one", item, outcome, None)
    out, err = ran(terminal, "decisions", "webhooks", "log", "one")
    assert clean(out + err)
    assert r"\u001b]0;owned\u0007" in out
    out, _ = ran(terminal, "decisions", "webhooks", "log", "one", "--json")
    assert clean(out)
    assert json.loads(out)[0]["detail"] == outcome.detail


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a terminal gets from the program."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("dossier"), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **environment},
    )
    os.close(theirs)
    found = b""
    while True:
        try:
            read = os.read(ours, 1 << 16)
        except OSError:
            # That is how the end of a terminal is told.
            break
        if not read:
            break
        found += read
    os.close(ours)
    assert process.wait(GUARD) is not None
    return found.decode().replace("\r\n", "\n")


def test_a_terminal_gets_our_colours_and_nothing_of_others(terminal: Terminal) -> None:
    """Help, errors and headings have colours; what others wrote has none."""
    name = "--person=Lò\u202eVăn\u200b Thắng"
    terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12", name)
    for arguments, coloured in (
        (("--help",), "\x1b["),
        (("status", HOSTILE), "\x1b[1;31merror MALFORMED_DOSSIER_REFERENCE\x1b[0m: "),
        (("audit", NUMBER), "\x1b[1m"),
    ):
        shown = on_a_terminal(*arguments, **terminal.environment)
        assert coloured in shown
        assert clean(re.sub(r"\x1b\[[0-9;]*m", "", shown))
        assert "\x1b[2J" not in shown


def test_a_fault_of_ours_prints_no_more_than_text() -> None:
    """A traceback goes past every function that prints, but not past the stream."""
    program = (
        "from infra.processes import begin_process\n"
        "import sys, warnings\n"
        "begin_process()\n"
        f"warnings.warn({HOSTILE!r})\n"
        f"print({HOSTILE!r})\n"
        f"raise ValueError({HOSTILE!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, cwd=ROOT)
    assert (done.returncode, b"Traceback" in done.stderr) == (1, True)
    assert clean((done.stdout + done.stderr).decode())
