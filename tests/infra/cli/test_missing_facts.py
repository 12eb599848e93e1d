"""A log or a read model that somebody has changed: whoever shows it says so, and ends with exit code 4."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.support.terminal import NUMBER, Terminal

announced = pytest.mark.parametrize("stage", ["announced"], indirect=True)


DELETE = "DELETE FROM stored_events WHERE rowid = ?"


def edit(stage: Terminal, statement: str, *values: str | int, file: str = "log.sqlite") -> None:
    with closing(sqlite3.connect(stage.folder / file)) as log, log:
        assert log.execute(statement, values).rowcount > 0


def fact(stage: Terminal, event: str) -> tuple[int, int]:
    """Position and version of the first fact of a type."""
    with closing(sqlite3.connect(stage.folder / "log.sqlite")) as log:
        found: tuple[int, int] = log.execute(
            "SELECT rowid, originator_version FROM stored_events WHERE topic = ?", (event,)
        ).fetchone()
        return found


@announced
@pytest.mark.parametrize("views_kept", [True, False])
@pytest.mark.parametrize("closed_up", [True, False])
def test_a_dossier_without_one_of_its_facts_is_not_shown(stage: Terminal, views_kept: bool, closed_up: bool) -> None:
    """The first version that is missing is named."""
    stage.run("status")
    position, version = fact(stage, "CriterionVerified")
    edit(stage, DELETE, position)
    if closed_up:
        edit(stage, "UPDATE stored_events SET rowid = rowid - 1 WHERE rowid > ?", position)
    if not views_kept:
        (stage.folder / "log-views.sqlite").unlink()
    said = stage.run("replay", NUMBER, "--json", code=4).json["error"]
    assert (said["code"], said["details"]["version"]) == ("FACT_MISSING", version)
    assert f"fact {version}" in stage.run("replay", NUMBER, code=4).err
    assert f"thiếu sự kiện {version}" in stage.run("replay", NUMBER, "--lang=vi", code=4).err
    stage.run("audit", NUMBER, code=4)
    stage.run("doctor", "--whole", code=4)


@announced
def test_nothing_is_decided_about_a_dossier_without_one_of_its_facts(stage: Terminal) -> None:
    position, version = fact(stage, "CriterionVerified")
    edit(stage, DELETE, position)
    said = stage.run("announce", NUMBER, "--place=x", "--form=y", "--on=2024-09-01", "--as=chairman:", code=4).err
    assert "FACT_MISSING" in said
    assert f"fact {version}" in said


@announced
def test_a_dossier_without_its_last_fact_is_not_audited(stage: Terminal) -> None:
    """Its read model knows that there was one."""
    stage.run("status")
    position, version = fact(stage, "RecognitionAnnounced")
    edit(stage, "UPDATE stored_events SET originator_id = ? WHERE rowid = ?", "0" * 32, position)
    with closing(sqlite3.connect(stage.folder / "log-views.sqlite")) as views, views:
        # Nobody looks further back than the last mark.
        views.execute("DELETE FROM views_marks")
    said = stage.run("audit", NUMBER, code=4).err
    assert "EVENTS_FOLDED" in said or f"fact {version}" in said


@announced
def test_a_fact_that_reads_otherwise_in_the_read_model_is_not_audited(stage: Terminal) -> None:
    stage.run("status")
    edit(stage, "UPDATE audit_events_g1 SET person = 'x' WHERE version = 7", file="log-views.sqlite")
    said = stage.run("audit", NUMBER, "--json", code=4).json["error"]
    assert (said["code"], said["details"]["version"]) == ("FACT_DIFFERS", 7)
    edit(stage, "DELETE FROM audit_events_g1 WHERE version = 6", file="log-views.sqlite")
    said = stage.run("audit", NUMBER, "--json", code=4).json["error"]
    assert (said["code"], said["details"]["version"]) == ("FACT_MISSING", 6)


@announced
@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE stored_events SET state = CAST(state || x'00' AS BLOB) WHERE rowid = 54", "OTHER_EVENTS_FOLDED"),
        ("DELETE FROM stored_events WHERE rowid = 54", "BROKEN_CHAIN"),
        ("DELETE FROM stored_events WHERE rowid = 55", "VIEWS_AHEAD_OF_LOG"),
    ],
)
def test_read_models_that_differ_from_the_log_are_not_served(stage: Terminal, statement: str, code: str) -> None:
    """Seen at the start, in what was folded behind the last mark."""
    stage.run("status")
    edit(stage, statement)
    for question in (["status"], ["status", NUMBER], ["audit", NUMBER], ["eligibility"], ["decisions", "tail"]):
        assert code in stage.run(*question, code=4).err


@announced
def test_read_models_that_were_never_built_are_not_verified(stage: Terminal) -> None:
    (stage.folder / "log-views.sqlite").unlink()
    assert "VIEWS_NOT_BUILT" in stage.run("views", "verify", code=4).err
    assert not any(each["complete"] for each in stage.run("views", "verify", "--json", code=4).json)
    stage.run("status")
    edit(stage, "DELETE FROM views_generations WHERE projection = 'audit'", file="log-views.sqlite")
    found = stage.run("views", "verify", "--json", code=4).json
    assert [each["projection"] for each in found if not each["complete"]] == ["audit"]
