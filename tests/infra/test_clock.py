from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.clock import ClockConfirmation, OtherTime, is_synchronised, uptime
from infra.state_files import StateUnusable

NOW = datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
UP = timedelta(days=3)


class Computer:
    """A computer whose clock may be set, and which may be started anew."""

    def __init__(self, folder: Path) -> None:
        self.now, self.up = NOW, UP
        self.confirmation = ClockConfirmation(folder, lambda: self.now, lambda: self.up)

    def wait(self, passed: timedelta) -> None:
        self.now, self.up = self.now + passed, self.up + passed


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path / "state")


def test_nothing_is_confirmed_at_first(computer: Computer) -> None:
    assert not computer.confirmation.holds()


def test_a_confirmation_holds_until_the_clock_is_set(computer: Computer) -> None:
    computer.confirmation.confirm(NOW + timedelta(minutes=4))
    computer.wait(timedelta(days=200))
    assert computer.confirmation.holds()
    computer.now += timedelta(minutes=6)
    assert not computer.confirmation.holds()


def test_a_confirmation_ends_with_a_restart_of_the_system(computer: Computer) -> None:
    """The clock of a computer without a battery begins anywhere."""
    computer.confirmation.confirm(NOW)
    computer.wait(timedelta(hours=1))
    computer.up = timedelta(minutes=1)
    assert not computer.confirmation.holds()


@pytest.mark.parametrize("other", [NOW + timedelta(minutes=6), NOW - timedelta(minutes=6)])
def test_a_clock_that_another_one_contradicts_is_not_confirmed(computer: Computer, other: datetime) -> None:
    with pytest.raises(OtherTime):
        computer.confirmation.confirm(other)
    assert not computer.confirmation.holds()


def test_a_file_that_was_written_by_somebody_else_confirms_nothing(computer: Computer, tmp_path: Path) -> None:
    computer.confirmation.confirm(NOW)
    (file,) = (tmp_path / "state").iterdir()
    for contents in ("", "[]", "{}", '{"started": 7}', '{"started": "soon"}'):
        file.write_text(contents, encoding="utf-8")
        assert not computer.confirmation.holds()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    with pytest.raises(StateUnusable, match="state"):
        ClockConfirmation(tmp_path / "state").confirm(datetime.now(UTC))


def test_the_file_is_for_its_owner_alone(computer: Computer, tmp_path: Path) -> None:
    computer.confirmation.confirm(NOW)
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_the_system_is_asked_whether_it_keeps_the_clock() -> None:
    """Either answer is right, and asking changes nothing."""
    assert is_synchronised() is is_synchronised()


def test_the_system_has_run_for_a_while() -> None:
    assert timedelta() < uptime() <= uptime()
