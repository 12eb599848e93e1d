"""The JSON Schemas of the commands are those of their types, in both languages."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from domain.commands import COMMAND_TYPES, Command
from domain.i18n import text
from domain.procedure import STEPS
from domain.shapes import AtLeastOne, CriterionCode, Purpose, Shape
from schemas.command_derivation import Derivation
from schemas.command_schemas import FOLDER, TYPES, command_texts, derived, main


class Sample(Command, frozen=True, kw_only=True):
    """Take a sample.

    It has a field of each kind
    that matters here.
    """

    needed: bool
    count: Annotated[int, Shape(minimum=1), Purpose("How many.")]
    some: Annotated[dict[CriterionCode, int], AtLeastOne()]
    left_out: list[int] | None = None


class Unknown(Command, frozen=True, kw_only=True):
    """Hold what JSON has no form for."""

    value: float


@pytest.fixture
def data() -> dict[str, Any]:
    """What the schema of a sample says of its data."""
    found: dict[str, Any] = Derivation().command(Sample, {})["properties"]["data"]
    return found


def test_every_step_of_the_procedure_has_a_type_a_schema_and_an_example() -> None:
    assert STEPS.keys() == COMMAND_TYPES.keys()
    assert {path.stem for path in (FOLDER / "examples").glob("*.json")} == COMMAND_TYPES.keys()
    assert derived().keys() == {TYPES, *(f"{name}.json" for name in COMMAND_TYPES)}


def test_the_files_are_what_the_types_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_every_text_of_a_schema_is_in_the_catalogue() -> None:
    assert [english for english in command_texts() if text(english, "vi") == english] == []


def test_the_docstring_gives_title_and_description() -> None:
    schema = Derivation().command(Sample, {})
    assert (schema["title"], schema["description"]) == (
        "Take a sample",
        "It has a field of each kind that matters here.",
    )


def test_what_has_no_default_is_required(data: dict[str, Any]) -> None:
    assert data["required"] == ["needed", "count", "some"]
    assert data["properties"]["left_out"] == {
        "anyOf": [{"type": "array", "items": {"type": "integer"}, "maxItems": 1000}, {"type": "null"}]
    }


def test_marks_become_keywords(data: dict[str, Any]) -> None:
    count = data["properties"]["count"]
    assert (count["description"], count["type"], count["minimum"]) == ("How many.", "integer", 1)
    assert data["properties"]["some"]["minProperties"] == 1


def test_a_hint_without_a_json_schema_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        Derivation().command(Unknown, {})
