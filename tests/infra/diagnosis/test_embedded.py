"""The doctor on an embedded log: exit code 4 for whatever needs a person, and what to do about it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.bootstrap import Application
from infra.diagnosis.halts import HaltFile
from tests.infra.cli.conftest import stage, stages, terminal
from tests.support.terminal import NUMBER, Terminal

__all__ = ["stage", "stages", "terminal"]

announced = pytest.mark.parametrize("stage", ["announced"], indirect=True)


def edit(stage: Terminal, statement: str, file: str = "log.sqlite") -> None:
    with closing(sqlite3.connect(stage.folder / file)) as log, log:
        assert log.execute(statement).rowcount > 0


def wrong(stage: Terminal, *options: str) -> list[dict[str, Any]]:
    """What the doctor finds, and nothing else of what must be mended."""
    found: list[dict[str, Any]] = stage.run("doctor", "--json", *options, code=4).json["wrong"]
    return found


@announced
def test_a_log_in_order_has_nothing_to_be_mended(stage: Terminal) -> None:
    stage.run("status")
    found = stage.json("doctor", "--whole")
    assert (found["wrong"], found["partitions"], found["halted"]) == ([], [{"partition": 0, "position": 55}], [])
    assert set(found["behind"]["status"].values()) == {0}
    assert "Free disk" in stage.run("doctor").out
    assert "Đĩa còn trống" in stage.run("doctor", "--lang=vi").out


def test_a_log_that_does_not_exist_is_missing(terminal: Terminal) -> None:
    assert "LOG_MISSING" in terminal.run("doctor", code=4).err


@announced
def test_an_event_that_was_taken_out_is_named_by_its_position(stage: Terminal) -> None:
    edit(stage, "DELETE FROM stored_events WHERE rowid = 25")
    (missing,) = [each for each in wrong(stage) if each["code"] == "POSITIONS_MISSING"]
    assert (missing["position"], missing["first"], missing["last"]) == (25, 25, 25)
    said = stage.run("doctor", code=4).err
    assert "position 25" in said
    assert "hint" in said


@announced
def test_a_fact_that_was_taken_out_is_named_where_the_positions_were_closed_up(stage: Terminal) -> None:
    edit(stage, "DELETE FROM stored_events WHERE rowid = 25")
    edit(stage, "UPDATE stored_events SET rowid = rowid - 1 WHERE rowid > 25")
    (missing,) = [each for each in wrong(stage, "--whole") if each["code"] == "FACT_MISSING"]
    assert (missing["position"], missing["found"] - missing["version"]) == (25, 1)


@announced
def test_an_event_that_cannot_be_read_is_named_by_its_position(stage: Terminal) -> None:
    edit(stage, "UPDATE stored_events SET state = substr(state, 1, 12) WHERE rowid = 7")
    found = {each["code"]: each.get("position") for each in wrong(stage, "--whole")}
    assert (found["UNREADABLE_EVENT"], found["OWN_INDEX_DIFFERS"]) == (7, 7)


@announced
def test_an_event_that_was_altered_is_named_by_what_was_folded_before(stage: Terminal) -> None:
    stage.run("status")
    edit(stage, "UPDATE stored_events SET state = CAST(state || x'00' AS BLOB) WHERE rowid = 7")
    assert "OTHER_EVENTS_FOLDED" in {each["code"] for each in wrong(stage, "--whole")}


@announced
def test_rows_of_a_read_model_that_were_edited_are_named(stage: Terminal) -> None:
    stage.run("status")
    edit(stage, "UPDATE status_dossiers_g1 SET mandatory_met = 0", "log-views.sqlite")
    assert stage.json("doctor")["wrong"] == []
    (found,) = wrong(stage, "--whole")
    assert (found["code"], found["table"]) == ("ROWS_DIFFER", "status_dossiers")
    assert "dossier rebuild status" in found["hint"]


@announced
def test_parked_dossiers_need_a_person(stage: Terminal) -> None:
    (stage.folder / "log-views.sqlite").unlink()
    edit(stage, "UPDATE stored_events SET state = substr(state, 1, 12) WHERE topic = 'ResultsSummedUp'")
    stage.run("status", NUMBER)
    assert {each["projection"] for each in wrong(stage) if each["code"] == "DOSSIERS_PARKED"} == {
        "status",
        "audit",
        "decisions",
    }


@announced
def test_read_models_of_another_log_are_named(stage: Terminal) -> None:
    stage.run("status")
    edit(stage, "UPDATE views_log SET log_id = 'x'", "log-views.sqlite")
    (found,) = wrong(stage)
    assert found["code"] == "VIEWS_OF_ANOTHER_LOG"


@announced
def test_a_process_that_halted_here_is_named_with_its_last_error(stage: Terminal) -> None:
    state = stage.folder / "log-state"
    HaltFile(state, "webhooks").halted(OSError("no route to host"))
    (found,) = wrong(stage)
    assert (found["code"], found["process"], found["error"]) == ("PROCESS_HALTED", "webhooks", "OSError")
    assert "no route to host" in found["message"]
    HaltFile(state, "webhooks").went_on()
    assert stage.json("doctor")["wrong"] == []


@announced
def test_a_disk_with_little_room_is_named(stage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stage.environment, "DOSSIER_FREE_DISK", "999999999")
    assert {each["code"] for each in wrong(stage)} == {"DISK_LOW"}
    monkeypatch.setitem(stage.environment, "DOSSIER_FREE_DISK", "much")
    assert "BAD_SETTING" in stage.run("doctor", code=2).err


@announced
def test_a_last_moment_in_the_future_is_named_before_anybody_records_behind_it(
    stage: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the clock of this computer says; whichever of the two is wrong."""
    made = Application.__init__

    def earlier(self: Application, *given: Any, **named: Any) -> None:
        made(self, *given, **named, clock=lambda: datetime(2020, 1, 1, tzinfo=UTC))

    monkeypatch.setattr(Application, "__init__", earlier)
    (found,) = wrong(stage)
    assert (found["code"], found["position"]) == ("MOMENT_WRONG", 55)


@announced
def test_a_damaged_file_is_named(stage: Terminal) -> None:
    stage.run("status")
    file = stage.folder / "log.sqlite"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 4096] = bytes(4096)
    file.write_bytes(raw)
    said = stage.run("doctor", "--whole", code=4)
    assert "LOG_UNUSABLE" in said.out + said.err


@announced
def test_a_row_that_is_no_event_is_named(stage: Terminal) -> None:
    edit(stage, "INSERT INTO stored_events VALUES (NULL, 1, 'x', x'00')")
    assert any("position 56" in each["message"] for each in wrong(stage, "--whole"))


def test_positions_of_voided_records_are_empty_and_not_missing(terminal: Terminal) -> None:
    """Whether other facts stand behind them or not; a missing one behind them is still named."""
    for unit in ("04630", "04633"):
        terminal.run("open", unit, "--level=basic", "--year=2024", "--on=2024-06-12")
    (record,) = terminal.json("log", "void", "--number=3")["records"]
    terminal.run("log", "void", "--number=3", f"--hash={record['hash']}", "--reason=a test", "--losing=2")
    # They had applied what is void.
    (terminal.folder / "log-views.sqlite").unlink()
    assert terminal.json("doctor", "--whole")["wrong"] == []
    for unit in ("04633", "04636"):
        terminal.run("open", unit, "--level=basic", "--year=2024", "--on=2024-06-12")
    assert terminal.json("doctor", "--whole")["wrong"] == []
    edit(terminal, "DELETE FROM stored_events WHERE rowid = 3")
    (missing,) = [each for each in wrong(terminal) if each["code"] == "POSITIONS_MISSING"]
    assert (missing["first"], missing["last"]) == (3, 3)
