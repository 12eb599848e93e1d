"""`dossier decisions`: tail, replay, files and webhooks, as a person and as a program use them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.receivers import Request, receiver
from tests.support.terminal import Terminal
from tests.support.waiting import GUARD, wait_until
from tests.support.workload import lines

UNIT = "04249"
"""The first commune of the workload."""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A log on which three communes were recognised and announced: two decisions each."""
    made = Terminal(tmp_path)
    made.run("apply", made.file("commands.jsonl", "\n".join(lines(3)) + "\n"))
    return made


def tail(terminal: Terminal, *arguments: str) -> list[dict[str, Any]]:
    said = terminal.run("decisions", "tail", "--no-follow", "--json", *arguments)
    return [json.loads(line) for line in said.out.splitlines()]


def program(terminal: Terminal, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("dossier")), "--log", terminal.log, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )


def test_tail_shows_each_decision_as_a_cloud_event_or_for_people(terminal: Terminal) -> None:
    found = tail(terminal, "--from", "beginning")
    assert [event["type"] for event in found] == ["dossier.decision.approved", "dossier.decision.announced"] * 3
    assert found[1]["previousid"] == found[0]["id"]
    said = terminal.run("decisions", "tail", "--no-follow", "--from", "beginning").out.splitlines()
    assert len(said) == 6
    assert "100/QĐ-UBND" in said[0]
    assert found[0]["id"] in said[0]


def test_tail_begins_at_the_end_unless_told_where(terminal: Terminal) -> None:
    found = tail(terminal, "--from", "beginning")
    assert tail(terminal) == []
    assert tail(terminal, "--from", found[3]["id"]) == found[4:]
    terminal.run("decisions", "tail", "--no-follow", "--from", "yesterday", code=2)


def test_tail_follows_until_it_is_stopped(terminal: Terminal) -> None:
    with program(terminal, "decisions", "tail", "--json", "--from", "beginning") as process:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline())["sequence"] for _ in range(6)] == ["1", "2"] * 3
        terminal.run("apply", terminal.file("more.jsonl", "\n".join(lines(4)) + "\n"))
        assert json.loads(process.stdout.readline())["subject"] == "04258"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GUARD) == 0


def test_a_replay_is_bounded_and_marked(terminal: Terminal) -> None:
    said = terminal.run("decisions", "replay", "--unit", UNIT, "--from", "1", "--json")
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event["sequence"] for event in events] == ["1", "2"]
    assert len({event["replay"] for event in events}) == 1
    assert events[0]["replay"].startswith("replay-")
    only = terminal.run("decisions", "replay", "--unit", UNIT, "--from", "1", "--to", "1", "--json").out
    assert len(only.splitlines()) == 1
    terminal.run("decisions", "replay", "--unit", "nobody", "--from", "1", code=2)
    terminal.run("decisions", "replay", "--unit", UNIT, "--from", "1", "--topic", "a", "--webhook", "b", code=2)


def test_files_are_written_once(terminal: Terminal) -> None:
    folder = str(terminal.folder / "feed")
    assert terminal.json("decisions", "files", folder) == {"folder": folder, "written": 6}
    assert terminal.json("decisions", "files", folder)["written"] == 0
    assert "đã ghi 0" in terminal.run("decisions", "files", folder, "--lang", "vi").out


def test_files_follow_until_stopped(terminal: Terminal) -> None:
    folder = terminal.folder / "feed"
    with program(terminal, "decisions", "files", str(folder), "--follow", "--json") as process:
        wait_until(lambda: any(folder.glob("*.jsonl")))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=GUARD)
        assert json.loads(out)["written"] == 6


def test_a_receiver_of_the_operators_own_network_must_be_allowed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = terminal.run("decisions", "webhooks", "add", "inside", "https://10.0.0.7/hook", code=2)
    assert "FORBIDDEN_ADDRESS" in said.err
    assert "DOSSIER_WEBHOOK_ALLOW" in said.err
    monkeypatch.setenv("DOSSIER_WEBHOOK_ALLOW", "10.0.0.0/8")
    terminal.run("decisions", "webhooks", "add", "inside", "https://10.0.0.7/hook")
    monkeypatch.setenv("DOSSIER_WEBHOOK_ALLOW", "ten")
    assert "BAD_SETTING" in terminal.run("decisions", "webhooks", "list", code=2).err


def test_webhooks_are_delivered_logged_paused_and_removed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOSSIER_WEBHOOK_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("DOSSIER_WEBHOOK_PORTS", "1-65535")
    bad: set[str] = {UNIT}
    with receiver(lambda request: 500 if request.unit in bad else 204) as to:
        added = terminal.json("decisions", "webhooks", "add", "portal", to.url, "--from", "beginning")
        terminal.run("decisions", "webhooks", "add", "portal", to.url, code=2)
        terminal.run("decisions", "webhooks", "add", "other", to.url, "--kind", "nonsense", code=2)
        running = {"DOSSIER_WEBHOOK_ALLOW": "127.0.0.0/8", "DOSSIER_WEBHOOK_RETRIES": "0.05,0.05"}
        with program(terminal, "decisions", "webhooks", "run", **running) as process:
            to.wait_for(4)
            wait_until(lambda: terminal.json("decisions", "webhooks", "parked", "portal"))
            (parked,) = terminal.json("decisions", "webhooks", "parked", "portal")
            assert (parked["unit_id"], parked["attempts"], parked["behind"]) == (UNIT, 3, 1)
            log = terminal.json("decisions", "webhooks", "log", "portal")
            assert [row["outcome"] for row in log].count("delivered") == 4
            bad.clear()
            terminal.run("decisions", "webhooks", "resume", "portal")
            to.wait_for(6)
            terminal.run("decisions", "replay", "--unit", UNIT, "--from", "1", "--webhook", "portal")
            wait_until(lambda: sum("replay" in event for event in to.accepted) == 2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=GUARD) == 0
        for request in to.requests:
            Webhook(added["secret"]).verify(request.body, request.headers)
    rotated = terminal.json("decisions", "webhooks", "rotate", "portal")
    assert rotated["secret"] != added["secret"]
    assert terminal.json("decisions", "webhooks", "pause", "portal")["outcome"] == "paused"
    (standing,) = terminal.json("decisions", "webhooks", "list")
    assert (standing["state"], standing["waiting"], standing["parked"]) == ("paused", 0, 0)
    assert "portal" in terminal.run("decisions", "webhooks", "list", "--lang", "vi").out
    assert "204" in terminal.run("decisions", "webhooks", "log", "portal").out
    terminal.run("decisions", "webhooks", "remove", "portal")
    assert terminal.json("decisions", "webhooks", "list") == []


def test_a_courier_that_is_killed_anywhere_delivers_all_in_order(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.run("apply", terminal.file("many.jsonl", "\n".join(lines(30)) + "\n"))
    monkeypatch.setenv("DOSSIER_WEBHOOK_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("DOSSIER_WEBHOOK_PORTS", "1-65535")

    def slowly(_: Request) -> int:
        time.sleep(0.05)
        return 200

    with receiver(slowly) as to:
        terminal.run("decisions", "webhooks", "add", "portal", to.url, "--from", "beginning")
        kills = 0
        while len(to.ids()) < 60:
            seen = len(to.ids())
            with program(terminal, "decisions", "webhooks", "run", DOSSIER_WEBHOOK_ALLOW="127.0.0.0/8") as process:
                to.wait_for(min(60, seen + 9))
                process.kill()
                kills += 1
        assert kills >= 5
        expected = tail(terminal, "--from", "beginning")
        assert sorted(to.ids()) == sorted(event["id"] for event in expected)
        last: dict[str, int] = {}
        for event in {event["id"]: event for event in reversed(to.accepted)}.values():
            last.setdefault(event["subject"], 0)
        for event_id in to.ids():
            event = next(event for event in to.accepted if event["id"] == event_id)
            assert int(event["sequence"]) == last[event["subject"]] + 1
            last[event["subject"]] += 1


def test_the_publisher_must_know_its_cluster(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOSSIER_DECISIONS", raising=False)
    assert "DOSSIER_DECISIONS" in terminal.run("publisher", "--once", code=2).err
    terminal.run("publisher", "--once", "--stream", "http://broker", code=2)


def edit_views(terminal: Terminal, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(terminal.folder / "log-views.sqlite")) as views, views:
        assert views.execute(statement, values).rowcount > 0


def test_tail_stops_at_a_decision_that_does_not_follow_the_one_before(terminal: Terminal) -> None:
    first, *_ = tail(terminal, "--from", "beginning")
    edit_views(
        terminal,
        "UPDATE decisions_made_g1 SET record = json_set(record, '$.previous_id', 'x') "
        "WHERE unit_id = ? AND sequence = 2",
        first["subject"],
    )
    said = terminal.run("decisions", "tail", "--no-follow", "--from", "beginning", code=4)
    assert "FEED_DIVERGED" in said.err
    assert first["id"] in said.out


def test_tail_stops_when_what_it_has_shown_is_no_longer_so(terminal: Terminal) -> None:
    """As after a rebuild from a log that somebody has changed."""
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("dossier")), "decisions", "tail", "--from", "beginning"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **terminal.environment},
    ) as running:
        assert running.stdout is not None
        for _ in range(6):
            running.stdout.readline()
        edit_views(terminal, "UPDATE decisions_made_g1 SET record = json_set(record, '$.kind', 'rejected')")
        _, said = running.communicate(timeout=GUARD)
    assert running.returncode == 4
    assert b"FEED_DIVERGED" in said


def test_files_stop_where_what_was_written_differs_from_the_log(terminal: Terminal) -> None:
    folder = terminal.folder / "feed"
    terminal.run("decisions", "files", str(folder))
    (file,) = folder.glob("*.jsonl")
    file.write_text(file.read_text(encoding="utf-8").replace("100/QĐ-UBND", "101/QĐ-UBND"), encoding="utf-8")
    said = terminal.run("decisions", "files", str(folder), code=4).err
    assert "FEED_DIVERGED" in said
    assert f"{file}:1" in said
