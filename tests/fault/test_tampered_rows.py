"""An embedded log whose rows somebody has edited: the doctor names the first bad position, then no dossier is shown.

Tamperings down, commands across, with read models kept and deleted. What nobody can know without a checkpoint that is
kept elsewhere is left out: a tail that was cut from tape and index alike where no read model is left, and a history
that was written anew with stolen keys.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final

import pytest

from tests.infra.cli.conftest import stage, stages
from tests.support.terminal import NUMBER, Terminal

__all__ = ["stage", "stages"]

_LAST: Final = 55
_SWAP: Final = """
UPDATE stored_events SET rowid = -1 WHERE rowid = 20;
UPDATE stored_events SET rowid = 20 WHERE rowid = 21;
UPDATE stored_events SET rowid = 21 WHERE rowid = -1;
"""
_CLOSE_UP: Final = """
DELETE FROM stored_events WHERE rowid = 25;
UPDATE stored_events SET rowid = rowid - 1 WHERE rowid > 25;
"""
_FORGE: Final = """
INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state)
SELECT rowid + 1, originator_id, originator_version + 1, topic, state FROM stored_events ORDER BY rowid DESC LIMIT 1;
"""
_DELETE_DOSSIER: Final = """
DELETE FROM stored_events
WHERE originator_id = (SELECT originator_id FROM stored_events ORDER BY rowid DESC LIMIT 1);
"""


def edited(change: Callable[[bytes], bytes], where: str) -> Callable[[sqlite3.Connection], object]:
    """The bytes of some events, changed."""

    def edit(log: sqlite3.Connection) -> None:
        rows = log.execute(f"SELECT rowid, state FROM stored_events WHERE {where}").fetchall()  # noqa: S608
        for position, state in rows:
            log.execute("UPDATE stored_events SET state = ? WHERE rowid = ?", (change(state), position))

    return edit


def script(statements: str) -> Callable[[sqlite3.Connection], object]:
    """Statements, one after the other."""
    return lambda log: log.executescript(statements)


TAMPERINGS: Final[dict[str, tuple[Callable[[sqlite3.Connection], object], int]]] = {
    "a finding": (edited(lambda state: state[:-1] + b"\x02", "rowid = 25"), 25),
    "a person": (edited(lambda state: state.replace("Lò".encode(), "Lờ".encode()[:3]), "rowid = 30"), 30),
    "all moments": (edited(lambda state: state[:12] + bytes([state[12] ^ 2]) + state[13:], "rowid > 0"), 1),
    "an event deleted": (script("DELETE FROM stored_events WHERE rowid = 25"), 25),
    "the same closed up": (script(_CLOSE_UP), 25),
    "a dossier gone": (script(_DELETE_DOSSIER), 2),
    "the tail cut": (script("DELETE FROM stored_events WHERE rowid > 50"), 51),
    "two events swapped": (script(_SWAP), 20),
    "an answer changed": (script("UPDATE answers SET answer = '{}'"), _LAST),
    "an answer deleted": (script("DELETE FROM answers"), _LAST),
    "a forged event": (script(_FORGE), _LAST + 1),
}
"""What is done to the rows, and the first position that is wrong then."""
QUESTIONS: Final = (
    ("replay", NUMBER),
    ("audit", NUMBER),
    ("status",),
    ("views", "verify"),
    ("rebuild", "--all", "--check"),
)


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
@pytest.mark.parametrize("views_kept", [True, False])
@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_doctor_names_the_first_bad_position_and_nobody_serves_the_log_after_that(
    stage: Terminal, name: str, views_kept: bool
) -> None:
    """Until the index is made anew from the log; then every dossier is as it was."""
    whole = stage.json("replay", NUMBER)["timeline"]
    stage.run("status")
    tamper, position = TAMPERINGS[name]
    with closing(sqlite3.connect(stage.folder / "log.sqlite")) as log, log:
        tamper(log)
    if not views_kept:
        (stage.folder / "log-views.sqlite").unlink()
    wrong = stage.run("doctor", "--whole", "--json", code=4).json["wrong"]
    assert position in [each["position"] for each in wrong if each["code"] == "OWN_INDEX_DIFFERS"]
    for question in (*QUESTIONS, ("decisions", "files", str(stage.folder / "feed"))):
        assert "INDEX_ALTERED" in stage.run(*question, code=4).err
    stage.run("log", "reindex")
    stage.run("rebuild", "--all")
    assert stage.json("doctor", "--whole")["wrong"] == []
    assert stage.json("replay", NUMBER)["timeline"] == whole


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_rows_of_a_read_model_that_the_doctor_named_are_not_served(stage: Terminal) -> None:
    """Until they are rebuilt."""
    stage.run("status")
    with closing(sqlite3.connect(stage.folder / "log-views.sqlite")) as views, views:
        views.execute("UPDATE status_dossiers_g1 SET state = 'closed'")
    stage.run("doctor", "--whole", code=4)
    for question in (("status",), ("audit", NUMBER), ("decisions", "tail", "--no-follow")):
        assert "ROWS_DIFFER" in stage.run(*question, code=4).err
    stage.run("rebuild", "--all", "--check", code=4)
    stage.run("rebuild", "status")
    assert stage.json("status", NUMBER)["state"] == "announced"
    assert stage.json("doctor", "--whole")["wrong"] == []


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
@pytest.mark.parametrize("views_kept", [True, False])
@pytest.mark.parametrize(("record", "code"), [(10, "LOG_BROKEN"), (None, "LOG_CHANGED")])
def test_a_record_of_the_tape_that_was_altered_is_named(
    stage: Terminal,
    record: int | None,
    code: str,
    views_kept: bool,
) -> None:
    """One in the middle by those that were built on it, the last one by the index."""
    stage.run("status")
    with closing(sqlite3.connect(stage.folder / "log.sqlite")) as log, log:
        last = record or log.execute("SELECT MAX(record_offset) FROM records").fetchone()[0]
        (value,) = log.execute("SELECT value FROM records WHERE record_offset = ?", (last,)).fetchone()
        forged = value[:-9] + bytes([value[-9] ^ 1]) + value[-8:]
        log.execute("UPDATE records SET value = ? WHERE record_offset = ?", (forged, last))
    if not views_kept:
        (stage.folder / "log-views.sqlite").unlink()
    wrong = stage.run("doctor", "--whole", "--json", code=4).json["wrong"]
    assert code in [each["code"] for each in wrong]
    assert any(f"offset {last}" in each["message"] or f"offset {last + 1}" in each["message"] for each in wrong)
