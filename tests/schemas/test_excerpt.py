"""What is said about a malformed command costs no more, and is no longer, the more is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from consumers.commands.outcome import refused
from domain.commands import Command
from schemas.command_errors import InvalidCommand
from schemas.command_parser import LARGEST_COMMAND, MalformedMessage, parse_message
from schemas.command_schemas import command_schemas, example
from schemas.excerpt import count_values, excerpt, pointer

MANY = 1_000


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(command_schemas()[name], validate_formats=True)


def with_data(name: str, **data: Any) -> dict[str, Any]:
    envelope = example(name)
    envelope["data"] |= data
    return envelope


def described(name: str, value: Any) -> int:
    """How many faults the validator describes, those by each of several forms included."""

    def count(error: Any) -> int:
        branches = error.kind.as_dict().get("context", ()) if error.kind.name == "anyOf" else ()
        return 1 + sum(count(inner) for branch in branches for inner in branch)

    return sum(map(count, validator(name).iter_errors(value)))


def paths_of(envelope: dict[str, Any]) -> list[str]:
    """Where the problems are that its sender is told of."""
    found = parse_message(json.dumps(envelope).encode())
    assert isinstance(found, MalformedMessage)
    problems: Any = found.error.details["problems"]
    return [problem["path"] for problem in problems]


def claims(number: int, claim: Any) -> dict[str, Any]:
    return {f"I.{place}": claim for place in range(number)}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("RecordCouncilMeeting", {"present": [{}] * MANY}),
        ("RecordCouncilMeeting", {"present": [1] * MANY}),
        ("RecordSelfAssessment", {"claims": claims(MANY, 1)}),
        ("RecordSelfAssessment", {"claims": claims(1, {"evidence": [{}] * MANY})}),
        ("RecordSelfAssessment", {"claims": claims(30, {"evidence": [{}] * 30})}),
        ("RecordSelfAssessment", {"claims": claims(300, {f"x{place}": 1 for place in range(3)})}),
        ("ForwardToCouncil", {"letters": {f"k{place}": {} for place in range(MANY)}}),
    ],
)
def test_only_the_first_faults_are_described(name: str, data: dict[str, Any]) -> None:
    envelope = with_data(name, **data)
    part, places = excerpt(validator(name), envelope, 10)
    assert not validator(name).is_valid(part)
    assert len(places) <= 10
    assert described(name, part) < 200 < described(name, envelope)


def test_the_faults_keep_their_paths() -> None:
    """A single bad one at the end of many good ones is the one that is told of."""
    good = example("RecordCouncilMeeting")["data"]["present"][0]
    envelope = with_data("RecordCouncilMeeting", present=[*[good] * 500, {**good, "name": 1}])
    assert paths_of(envelope) == ["$.data.present[500].name"]


def test_nothing_seems_to_be_missing_that_was_left_out() -> None:
    envelope = with_data("RecordCouncilMeeting", present=[{}] * MANY)
    envelope["data"]["chair"] = {}
    paths = paths_of(envelope)
    assert all(path.startswith(("$.data.present[", "$.data.chair.")) for path in paths), paths


@pytest.mark.parametrize("size", [100_000, 900_000])
@pytest.mark.parametrize(
    "form",
    [
        lambda size: with_data("RecordCouncilMeeting", present=[{}] * (size // 4)),
        lambda size: with_data("RecordSelfAssessment", claims=claims(size // 12, 1)),
        lambda size: with_data("RecordSelfAssessment", claims={"x" * size: 1}),
        lambda size: {**example("OpenDossier"), **{f"x{place}": 1 for place in range(size // 12)}},
        lambda size: {**example("OpenDossier"), "x" * size: 1},
        lambda size: {**example("OpenDossier"), "on": "x" * size},
        lambda size: {**example("OpenDossier"), "command": "x" * size},
        lambda size: {**example("OpenDossier"), "dossier": {"x" * size: {}}},
    ],
)
def test_an_answer_is_short_however_large_and_wrong_the_command(form: Any, size: int) -> None:
    """So it fits into the log, and into a reply."""
    found = parse_message(json.dumps(form(size)).encode())
    assert isinstance(found, MalformedMessage)
    assert len(refused(None, 0, 0, found.error).line) < 10_000


def test_a_command_that_is_right_may_be_large() -> None:
    claim = example("RecordSelfAssessment")["data"]["claims"].popitem()[1]
    claim["evidence"] *= 20
    envelope = with_data("RecordSelfAssessment", claims=claims(100, claim))
    line = json.dumps(envelope).encode()
    assert count_values(envelope, 10_000) > 10_000
    assert len(line) < LARGEST_COMMAND
    assert isinstance(parse_message(line), Command)
    wrong = parse_message(line.replace(b'"on": "2024-06-17"', b'"on": 7'))
    assert isinstance(wrong, MalformedMessage)
    assert isinstance(wrong.error, InvalidCommand)
    assert "too many" in wrong.error.message()


def test_values_are_counted_no_further_than_needed() -> None:
    assert count_values({"a": [1, 2, {}]}, 100) == 5
    assert count_values([0] * 1_000, 10) == 11


def test_a_pointer_escapes_what_stands_between_its_steps() -> None:
    assert pointer(["a/b", 0, "~"]) == "/a~1b/0/~0"
