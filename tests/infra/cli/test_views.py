"""The operator's and auditor's commands over the read models."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from projections.read_models import PROJECTIONS
from tests.support.terminal import COMMUNE, NUMBER, Terminal
from tests.support.unreadable import unreadable

NAMES = [projection.name for projection in PROJECTIONS]
announced = pytest.mark.parametrize("stage", ["announced"], indirect=True)


def tamper(stage: Terminal, sql: str) -> None:
    with closing(sqlite3.connect(stage.folder / "log-views.sqlite")) as views, views:
        assert views.execute(sql).rowcount > 0


def damage(stage: Terminal, event: str) -> None:
    """Cut an event of the log short."""
    with closing(sqlite3.connect(stage.folder / "log.sqlite")) as log, log:
        log.execute("UPDATE stored_events SET state = substr(state, 1, 12) WHERE topic = ?", (event,))


@announced
def test_every_answer_says_how_fresh_it_is(stage: Terminal) -> None:
    for question, model in (
        (["status"], "status"),
        (["status", NUMBER], "status"),
        (["audit", NUMBER], "audit"),
        (["audit", "--flag=SELF_VERIFICATION"], "audit"),
        (["eligibility"], "eligibility"),
        (["eligibility", COMMUNE], "eligibility"),
        (["replay", NUMBER], "log"),
    ):
        freshness = stage.json(*question)["freshness"]
        assert freshness["projection"] == model
        assert freshness["positions"] == freshness["log"] == {"0": 55}
        assert freshness["behind"] == {"events": 0, "seconds": 0.0}
        assert freshness["stale"] == []
        assert "as of position 0/55, nothing newer in the log" in stage.run(*question).out
        assert "đến vị trí 0/55, nhật ký không có gì mới hơn" in stage.run(*question, "--lang=vi").out


@announced
def test_an_answer_waits_for_the_position_of_a_command(stage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.bootstrap.WAIT", 0.2)
    assert stage.json("status", NUMBER, "--wait=0/55")["number"] == NUMBER
    assert "NOT_YET_REFLECTED" in stage.run("status", NUMBER, "--wait=0/56", code=4).err
    assert "BAD_OPTION" in stage.run("status", NUMBER, "--wait=56", code=2).err


@announced
def test_views_show_and_verify(stage: Terminal) -> None:
    stage.run("status")
    shown = stage.json("views", "show")
    assert [row["projection"] for row in shown] == NAMES
    assert all(row["applied"] + row["parked"] + row["ignored"] == row["log"] == 55 for row in shown)
    assert "eligibility" in stage.run("views", "show").out
    assert "complete: no event skipped, none folded twice" in stage.run("views", "verify").out
    assert all(each["complete"] for each in stage.json("views", "verify"))
    tamper(stage, "UPDATE views_positions SET position = position - 3 WHERE projection = 'audit'")
    said = stage.run("views", "verify", code=4)
    assert "OTHER_EVENTS_FOLDED" in said.out
    said = stage.run("views", "verify", "--lang=vi", code=4)
    assert "không khớp với nhật ký" in said.out


@announced
def test_a_check_lists_what_differs_and_a_rebuild_mends_it(stage: Terminal) -> None:
    stage.run("status")
    assert "equal, row by row" in stage.run("rebuild", "--all", "--check").out
    tamper(stage, "UPDATE status_dossiers_g1 SET mandatory_met = 0")
    said = stage.run("rebuild", "status", "--check", code=4).out
    assert "DIFFERENT: 1" in said
    assert "mandatory_met: 0 ≠ 24" in said
    (outcome,) = stage.json("rebuild", "status")
    assert (outcome["swapped"], outcome["comparison"]["different"]) == (True, 1)
    assert stage.json("status", NUMBER)["mandatory_met"] == 24
    assert stage.json("rebuild", "undo", "status") == [{"projection": "status", "generation": 1}]
    # What is served again is whole, with all that is kept of how it was folded.
    stage.run("views", "verify")
    assert stage.json("status", NUMBER)["mandatory_met"] == 0
    stage.run("rebuild", "undo", "status")
    assert stage.json("rebuild", "drop", "--all") == [{"projection": "status", "generations": [1]}]
    assert "nothing to drop" in stage.run("rebuild", "drop", "--all").out
    assert "NO_OLD_GENERATION" in stage.run("rebuild", "undo", "status", code=4).err


@pytest.mark.parametrize(
    "arguments",
    [["rebuild"], ["rebuild", "status", "audit"], ["rebuild", "undo"], ["rebuild", "drop", "status", "--check"]],
)
def test_a_rebuild_of_nothing_in_particular_is_refused(terminal: Terminal, arguments: list[str]) -> None:
    assert "BAD_OPTION" in terminal.run(*arguments, code=2).err


@announced
def test_a_parked_dossier_is_named_in_every_answer_until_it_is_retried(stage: Terminal) -> None:
    Path(stage.folder / "log-views.sqlite").unlink()
    with unreadable("ResultsSummedUp"):
        row = stage.json("status", NUMBER)
        assert row["state"] == "verified"
        (stale,) = row["freshness"]["stale"]
        assert (stale["event"], stale["dossier"]) == ("ResultsSummedUp", row["dossier_id"])
        assert stale["waiting"] == 4
        assert "STALE: dossier" in stage.run("audit", NUMBER).out
        assert (
            "CHƯA CẬP NHẬT: hồ sơ"
            in stage.run("eligibility", COMMUNE, "--lang=vi").out + stage.run("status", "--lang=vi").out
        )
        assert "complete" in stage.run("views", "verify").out
        listed = stage.rows("parked", "list")
        assert {each["projection"] for each in listed} == {"status", "audit", "decisions"}
        assert "parked: 3" in stage.run("parked", "list").out
        assert len(stage.rows("parked", "show", NUMBER)) == 13
        assert "UnreadableEvent" in stage.run("parked", "show", NUMBER).out
    said = stage.run("parked", "retry", NUMBER).out
    assert "status: 5 would be applied, 0 stay" in said
    assert "state: 'verified' → 'announced'" in said
    assert stage.json("status", NUMBER)["state"] == "verified"
    assert all(each["stored"] for each in stage.rows("parked", "retry", NUMBER, "--yes"))
    row = stage.json("status", NUMBER)
    assert (row["state"], row["freshness"]["stale"]) == ("announced", [])
    assert "NOTHING_PARKED" in stage.run("parked", "retry", NUMBER, code=4).err
    assert "BAD_OPTION" in stage.run("parked", "list", NUMBER, code=2).err


@announced
def test_commands_are_decided_while_the_read_models_are_parked(stage: Terminal) -> None:
    """A command reads the log alone."""
    Path(stage.folder / "log-views.sqlite").unlink()
    damage(stage, "CouncilEstablished")
    assert "04633" in stage.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12").out


@announced
def test_a_fact_is_told_to_be_recorded_where_no_read_model_can_show_it(stage: Terminal, tmp_path: Path) -> None:
    """Who stated it would state it again."""
    other = tmp_path / "other"
    other.mkdir()
    opening = ("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")
    Terminal(other).run(*opening)
    (other / "log-views.sqlite").replace(stage.folder / "log-views.sqlite")
    said = stage.run(*opening)
    assert "DossierOpened" in said.out
    assert "VIEWS_OF_ANOTHER_LOG" in said.err
    assert "recorded all the same" in said.err
    assert "DOSSIER_ALREADY_OPEN" in stage.run(*opening, code=3).err


@announced
def test_a_dossier_whose_opening_is_parked_is_not_called_unknown(stage: Terminal) -> None:
    Path(stage.folder / "log-views.sqlite").unlink()
    damage(stage, "DossierOpened")
    for question in (["status", NUMBER], ["audit", NUMBER]):
        assert "DOSSIER_PARKED" in stage.run(*question, code=4).err
    assert stage.json("eligibility", COMMUNE)["freshness"]["stale"][0]["event"] == "DossierOpened"
