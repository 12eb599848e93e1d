from __future__ import annotations

import json

import pytest

from consumers.commands.errors import NotHandled
from consumers.commands.outcome import first_answer, refused
from domain.refusals import UnknownDossier


def test_a_refusal_says_why_with_its_details() -> None:
    answer = refused("an id", 3, 7, UnknownDossier(reference="04630-CB-2024-1"))
    assert answer.outcome == "refused"
    assert json.loads(answer.line) == {
        "command_id": "an id",
        "ok": False,
        "partition": 3,
        "position": 7,
        "error": {
            "code": "UNKNOWN_DOSSIER",
            "message": "there is no dossier 04630-CB-2024-1",
            "clause": None,
            "details": {"reference": "04630-CB-2024-1"},
        },
    }


@pytest.mark.parametrize("length", [1_000, 50_000, 100_000, 3_000_000])
def test_an_answer_fits_into_the_log(length: int) -> None:
    """Whatever a command made a reason of; it still names the command and says what is wrong with it."""
    answer = refused("an id", 3, 7, NotHandled(reason="x" * length))
    assert len(answer.line) < 200_000
    found = json.loads(answer.line)
    assert (answer.outcome, found["command_id"], found["error"]["code"]) == ("malformed", "an id", "NOT_HANDLED")
    assert "xxx" in found["error"]["message"]


def test_an_answer_that_was_kept_is_accepted_or_refused() -> None:
    assert first_answer(refused(None, 0, 0, UnknownDossier(reference="x")).line).outcome == "refused"
    assert first_answer('{"command_id":"x","ok":true,"dossier":"y"}').outcome == "accepted"
