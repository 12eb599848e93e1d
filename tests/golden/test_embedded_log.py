"""The embedded log of version 0.1 is taken over once, and then read, served and appended to."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.procedure import EVENT_TYPES
from infra.bootstrap import Application
from infra.settings import load
from tests.golden.version_0_1 import check_answers, events, lines, timeless, unpacked
from tests.support.terminal import Terminal

_EVENT_TYPES = 28
"""So many types of events had version 0.1."""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A person's terminal on a copy of the log, which was taken over."""
    (tmp_path / "log.sqlite").write_bytes(unpacked("embedded/log.sqlite"))
    terminal = Terminal(tmp_path)
    terminal.run("log", "upgrade")
    return terminal


@pytest.fixture
def served(terminal: Terminal) -> Terminal:
    """The same with the read models that version 0.1 left beside it."""
    (terminal.folder / "log-views.sqlite").write_bytes(unpacked("embedded/log-views.sqlite"))
    return terminal


def _generations(terminal: Terminal) -> list[Any]:
    with closing(sqlite3.connect(terminal.folder / "log-views.sqlite")) as connection:
        return connection.execute(
            "SELECT projection, generation, version, revision, state, tables FROM views_generations ORDER BY 1, 2"
        ).fetchall()


def test_every_event_is_decoded_as_before(terminal: Terminal) -> None:
    expected = lines("embedded/events.jsonl")
    topics = {event["topic"] for event in expected}
    assert topics <= set(EVENT_TYPES)
    assert len(topics) == _EVENT_TYPES
    with Application(load({}, log=terminal.log)) as application:
        assert events(application) == expected


@pytest.mark.timeout(300)
def test_its_read_models_are_served_without_a_rebuild(served: Terminal) -> None:
    generations = _generations(served)
    check_answers("embedded/questions.json", lambda arguments: served.run(*arguments).out)
    assert _generations(served) == generations


def test_read_models_made_anew_say_the_same(served: Terminal) -> None:
    assert all(each["comparison"]["equal"] for each in served.json("rebuild", "--all", "--check"))
    served.run("views", "verify")


def test_commands_that_were_answered_get_the_same_answers_and_act_no_more(served: Terminal) -> None:
    again = served.run("apply", "-", given=unpacked("commands.jsonl"), code=2)
    assert [json.loads(line) for line in again.out.splitlines()] == lines("embedded/answers.jsonl")
    with Application(load({}, log=served.log)) as application:
        assert events(application) == lines("embedded/events.jsonl")


def test_it_goes_on(served: Terminal) -> None:
    """Its last fact is of long ago: somebody must vouch for the clock first."""
    head = len(lines("embedded/events.jsonl"))
    served.run("clock", "confirm", datetime.now(UTC).isoformat())
    served.run("open", "04630", "--level=basic", "--year=2024", "--on=2024-06-12")
    row = served.json("status", "04630-CB-2024-1", "--wait", f"0/{head + 1}")
    assert (row["state"], row["freshness"]["positions"]) == ("opened", {"0": head + 1})
    # A commune's dossier of then goes on too: it is opened again in another year.
    served.run("open", "04783", "--level=basic", "--year=2026", "--on=2026-01-12")
    assert all(each["comparison"]["equal"] for each in served.json("rebuild", "--all", "--check"))
    served.run("views", "verify")
    assert timeless(served.json("audit", "04267-CB-2024-1")["rows"]) == _answer("audit", "04267-CB-2024-1")["rows"]


def _answer(*arguments: str) -> Any:
    questions = json.loads(unpacked("embedded/questions.json"))
    (found,) = [question["answer"] for question in questions if question["arguments"] == [*arguments]]
    return found
