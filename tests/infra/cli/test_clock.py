"""A clock that contradicts the log: nothing is recorded until a person has looked, and a person is told how."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from infra.bootstrap import Application
from tests.support.terminal import Terminal

OPENING: Final = ("open", "--level=basic", "--year=2024", "--on=2024-06-12")


@pytest.fixture
def wrong(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal on a log whose only fact was recorded in 2099."""
    made = Application.__init__
    with monkeypatch.context() as patched:
        patched.setattr(
            Application,
            "__init__",
            lambda self, *given, **named: made(self, *given, **named, clock=lambda: datetime(2099, 1, 1, tzinfo=UTC)),
        )
        terminal.run(*OPENING, "04630")
    return terminal


def test_a_clock_that_was_wrong_once_stamps_nothing_that_follows(wrong: Terminal) -> None:
    said = wrong.run(*OPENING, "04633", code=4).err
    assert "CLOCK_WRONG" in said
    assert "dossier clock confirm TIME" in said
    assert "đồng hồ máy này" in wrong.run(*OPENING, "04633", "--lang=vi", code=4).err
    wrong.run("clock", "confirm", datetime.now(UTC).isoformat())
    for unit in ("04633", "04636"):
        wrong.run(*OPENING, unit)
        (fact,) = wrong.json("replay", f"{unit}-CB-2024-1")["timeline"]
        assert datetime.now(UTC) - datetime.fromisoformat(fact["recorded_at"]) < timedelta(hours=1)


def test_a_moment_that_a_wrong_clock_recorded_is_flagged(wrong: Terminal) -> None:
    """By whoever shows it, for good: it stays in the log as it is."""
    number = "04630-CB-2024-1"
    wrong.run("clock", "confirm", datetime.now(UTC).isoformat())
    assert wrong.run("doctor", "--json", code=4).json["wrong"][0]["code"] == "MOMENT_WRONG"
    wrong.run(*OPENING, "04633")
    assert wrong.json("replay", number)["timeline"][0]["recorded_at_doubtful"] is True
    assert wrong.rows("audit", number)[0]["recorded_at_doubtful"] is True
    assert "recorded_at_doubtful" not in wrong.json("replay", "04633-CB-2024-1")["timeline"][0]
    assert "2099-01-01 00:00:00 ?" in wrong.run("replay", number).out
    assert "cannot be right" in wrong.run("audit", number).out
    assert "thời điểm ghi không thể đúng" in wrong.run("audit", number, "--lang=vi").out
    (doubted,) = wrong.json("doctor", "--whole")["doubtful_moments"]
    assert doubted["position"] == 1
    assert "position 0/1" in wrong.run("doctor", "--whole").out


def test_the_clock_is_shown_and_confirmed(terminal: Terminal) -> None:
    assert terminal.json("clock", "show")["confirmed"] is False
    assert "This computer's clock" in terminal.run("clock", "show").out
    in_vietnam = (datetime.now(UTC) + timedelta(hours=7)).strftime("%Y-%m-%dT%H:%M")
    assert terminal.json("clock", "confirm", in_vietnam)["confirmed"] is True
    assert "OTHER_TIME" in terminal.run("clock", "confirm", "2099-01-01T00:00", code=2).err


@pytest.mark.parametrize("arguments", [("confirm",), ("show", "2026-03-02T08:15"), ("confirm", "soon")])
def test_a_confirmation_names_the_time_of_another_clock(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    assert "BAD_OPTION" in terminal.run("clock", *arguments, code=2).err
