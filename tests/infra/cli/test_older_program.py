"""An older release on a log to which a newer one has written: it stops and says so, and shows nothing that is stale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from schemas.avro.codec import decode_event
from tests.projections.engine.test_older_program import decode_of_yesterday
from tests.support import terminal as way
from tests.support.newer_release import newer_release, next_version
from tests.support.terminal import NUMBER, Terminal

EVENT = "DossierForwardedToCouncil"
received = pytest.mark.parametrize("stage", ["received"], indirect=True)


@contextmanager
def read_models_left(stage: Terminal) -> Iterator[None]:
    """What is done in the block is done without these read models, which the older program keeps in step."""
    views = stage.folder / "log-views.sqlite"
    kept = views.rename(stage.folder / "kept.sqlite")
    yield
    views.unlink(missing_ok=True)
    kept.rename(views)


def positions(stage: Terminal) -> dict[str, int]:
    """Read model → its position."""
    return {row["projection"]: row["position"] for row in stage.json("views", "show")}


@received
def test_questions_and_the_doctor_name_it_and_nothing_is_parked(stage: Terminal) -> None:
    stage.run("status")
    before = positions(stage)
    with newer_release(EVENT), read_models_left(stage):
        way.forwarded(stage)
    for question in (["status", NUMBER], ["audit", NUMBER], ["replay", NUMBER], ["rebuild", "status"]):
        said = stage.run(*question, code=4)
        assert f"UNKNOWN_SCHEMA: the event {EVENT}" in said.err, question
        assert "install that one" in said.err
    after = positions(stage)
    assert after["status"] == after["audit"] == before["status"]
    assert stage.rows("parked", "list") == []
    found = stage.run("doctor", "--json", code=4).json["wrong"]
    assert {each["code"] for each in found} == {"UNKNOWN_SCHEMA"}
    named = {each["projection"]: each for each in found if "projection" in each}
    assert named.keys() == {"status", "audit"}
    for each in named.values():
        assert (each["partition"], each["position"]) == (0, before["status"] + 1)
        assert each["header"] == next_version(EVENT).header.hex()
    assert f"0/{before['status'] + 1}" in stage.run("doctor", "--lang=vi", code=4).err
    assert stage.run("views", "verify").code == 0, "what was folded is what the log holds up to there"
    with newer_release(EVENT):
        assert stage.json("status", NUMBER)["state"] == "forwarded_to_members"
        assert stage.json("doctor")["wrong"] == []


@received
def test_what_the_release_of_yesterday_parked_is_shown_as_it_stands_by_the_next(
    stage: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to try it again; until then each answer says that it is stale."""
    with newer_release(EVENT):
        way.forwarded(stage)
    stage.folder.joinpath("log-views.sqlite").unlink(missing_ok=True)
    monkeypatch.setattr("infra.bootstrap.decode_event", decode_of_yesterday)
    assert stage.json("status", NUMBER)["state"] == "received"
    monkeypatch.setattr("infra.bootstrap.decode_event", decode_event)
    assert len(stage.json("status", NUMBER)["freshness"]["stale"]) == 1
    with newer_release(EVENT):
        shown = stage.json("status", NUMBER)
        assert (shown["state"], shown["freshness"]["stale"]) == ("forwarded_to_members", [])
        assert stage.rows("parked", "list") == []
        assert stage.run("views", "verify").code == 0


@pytest.mark.parametrize("stage", ["proposed"], indirect=True)
def test_decisions_are_given_out_up_to_it_and_not_beyond(stage: Terminal) -> None:
    """Neither to who tails them nor into files; the newer release goes on behind what was given out."""
    feed = str(stage.folder / "feed")
    stage.run("decisions", "files", feed)
    with newer_release("RecognitionApproved"), read_models_left(stage):
        way.announced(stage)
    tail = ["decisions", "tail", "--from=beginning", "--no-follow"]
    for question in (tail, ["decisions", "files", feed]):
        assert "UNKNOWN_SCHEMA" in stage.run(*question, code=4).err
    assert not list(stage.folder.glob("feed/decisions-*"))
    with newer_release("RecognitionApproved"):
        told = stage.run(*tail).out
        stage.run("decisions", "files", feed)
    assert told.count("\n") == 3
    assert sum(path.read_text().count("\n") for path in stage.folder.glob("feed/decisions-*.jsonl")) == 3
