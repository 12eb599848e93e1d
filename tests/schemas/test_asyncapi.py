"""The AsyncAPI document says what the schemas say, and is one.

`tests/data/asyncapi-3.0.0.json` is the specification's own JSON Schema, from the npm package @asyncapi/specs 6.11.1
(Apache License 2.0), its white space left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator

from consumers.cloudevents import SOURCE, TYPE_PREFIX, DecisionSerializer
from domain.procedure import EVENT_TYPES
from infra.delivery.kafka.encoding import CONTENT_TYPE, FingerprintEncoding, record_of
from infra.delivery.kafka.topics import DECISIONS
from infra.kafka.schemas_topic import SCHEMAS
from projections.public_decisions.read_model import FeedPosition
from schemas.asyncapi import FILE, HEADERS, document, main, text
from schemas.command_schemas import command_schemas
from schemas.public_decision import example
from tests.support.units import UNITS

SPECIFICATION = Path(__file__).parents[1] / "data" / "asyncapi-3.0.0.json"


def _follow(whole: Any, reference: str) -> Any:
    found = whole
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [reference for inner in value.values() for reference in _references(inner)]
    return [reference for inner in value for reference in _references(inner)] if isinstance(value, list) else []


def test_it_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run `python -m schemas.asyncapi`"
    assert main(["--check"]) == 0
    assert "current" in capsys.readouterr().out


def test_it_is_valid() -> None:
    validator = Draft7Validator(json.loads(SPECIFICATION.read_text(encoding="utf-8")))
    assert [f"{error.instance_path}: {error.message[:200]}" for error in validator.iter_errors(document())] == []


def test_a_broken_document_would_be_noticed() -> None:
    validator = Draft7Validator(json.loads(SPECIFICATION.read_text(encoding="utf-8")))
    for broken in (
        {"channels": {"decisions": {"address": 7}}},
        {"operations": {"publish": {"action": "shout", "channel": {"$ref": "#/channels/decisions"}}}},
        {"asyncapi": "2.0.0"},
    ):
        assert not validator.is_valid(document() | broken)


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    references = _references(whole)
    assert len(references) > 100
    for reference in references:
        _follow(whole, reference)


def test_it_has_every_topic_command_and_event() -> None:
    whole = document()
    addresses = {channel["address"] for channel in whole["channels"].values()}
    topics = ("decisions", "schemas", "events", "commands", "replies", "dead-letters")
    assert addresses == {f"{{app}}.{topic}" for topic in topics}
    assert whole["channels"]["commands"]["messages"].keys() == command_schemas().keys()
    assert {name.split(".")[1] for name in whole["components"]["schemas"] if "." in name} == EVENT_TYPES.keys()


def test_the_headers_are_those_of_a_record() -> None:
    decision = example("announced")
    record = record_of(
        DecisionSerializer("log-1", UNITS), FingerprintEncoding(), FeedPosition(1, 0), decision, replay="r-1"
    )
    found = {name: value.decode() for name, value in record.headers}
    assert found.keys() == HEADERS.keys()
    assert (found["content-type"], found["ce_source"]) == (CONTENT_TYPE, SOURCE)
    assert HEADERS["ce_source"] == SOURCE
    assert HEADERS["content-type"] == CONTENT_TYPE
    assert found["ce_type"].startswith(TYPE_PREFIX)
    assert TYPE_PREFIX in HEADERS["ce_type"]


def test_the_topics_are_configured_as_it_says() -> None:
    channels = document()["channels"]
    for channel, configs in (("decisions", DECISIONS), ("schemas", SCHEMAS)):
        said = channels[channel]["bindings"]["kafka"]["topicConfiguration"]
        assert {key: str(value[0] if isinstance(value, list) else value) for key, value in said.items()}.items() <= (
            configs.items()
        )
