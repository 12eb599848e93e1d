"""Commands had back from facts: of the whole procedure as it is simulated, in every form that a command may have."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from typing import NamedTuple
from uuid import UUID

import pytest

from domain.commands import COMMAND_TYPES, Command
from domain.dossier.corrections import FactCorrected
from domain.identity import COUNCIL_ID, routing_id
from domain.recorded_event import RecordedEvent
from domain.units import Units
from infra.demo.province import DEFAULT_SEED, commands
from infra.recovery.rebuilding import beginning_of, rebuilt
from schemas.avro.codec import decode_event
from schemas.command_parser import _canonical, line_of, read_command
from tests.support.workload import application

_OF_EACH = 12


class Fact(NamedTuple):
    """A fact, the first one of its dossier, and the command that led to it."""

    event: RecordedEvent
    first: RecordedEvent
    command: Command


def _of_some_units() -> list[Command]:
    """All commands of as many units of the simulation as it takes to have every kind of command, and the council's."""
    every = [read_command(line_of(each)) for each in commands(DEFAULT_SEED)]
    units = Units.load()
    places = [routing_id(each.dossier, units).bytes[:6] for each in every]
    wanted = {COUNCIL_ID.bytes[:6]}
    for name in COMMAND_TYPES:
        wanted |= {*islice((place for each, place in zip(every, places, strict=True) if each.name == name), 3)}
    return [each for each, place in zip(every, places, strict=True) if place in wanted]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Fact]]:
    """By the name of the command."""
    given = {each.command_id: each for each in _of_some_units()}
    found: dict[str, list[Fact]] = {}
    with application(tmp_path_factory.mktemp("rebuilding")) as made:
        made.handler.handle([*given.values()])
        first: dict[UUID | str, RecordedEvent] = {}
        for stored in made.log.read(0, 0, 10**6):
            event = decode_event(stored)
            command = given[event.command_id]
            fact = Fact(event, first.setdefault(stored.originator_id, event), command)
            found.setdefault(command.name, []).append(fact)
    return found


def test_every_kind_of_command_is_rebuilt_to_its_digest(facts: dict[str, list[Fact]]) -> None:
    """Dossiers named in any way, decimal commas, parts that were left out."""
    assert facts.keys() == COMMAND_TYPES.keys()
    for found in facts.values():
        for fact in found[:: max(1, len(found) // _OF_EACH)]:
            line = rebuilt(fact.event, beginning_of(fact.first), fact.command.digest)
            assert line is not None, fact.command
            assert read_command(line) == fact.command


def test_a_number_that_was_stated_as_none_is_rebuilt_too(facts: dict[str, list[Fact]]) -> None:
    """A correction may say that a part of the minutes has no value, beside one that has a decimal comma."""
    fact = facts["CorrectFact"][0]
    assert isinstance(fact.event, FactCorrected)
    said = json.loads(rebuilt(fact.event, beginning_of(fact.first), fact.command.digest) or "")
    said["data"]["correction"] = {"minutes_approved_percent": None, "votes": {"percent": "81,82"}}
    recorded = json.dumps({"minutes_approved_percent": None, "votes": {"percent": "81.82"}})
    event = replace(fact.event, correction=recorded)  # type: ignore[call-arg]  # the library hides its fields
    content = {key: value for key, value in said.items() if key != "command_id"}
    line = rebuilt(event, beginning_of(fact.first), sha256(_canonical(content).encode()).digest())
    assert line is not None
    assert json.loads(line)["data"] == said["data"]


def test_a_fact_that_says_something_else_than_the_command_rebuilds_nothing(facts: dict[str, list[Fact]]) -> None:
    """Whatever it looks like: the digest alone counts."""
    one, other = facts["ReceiveDossier"][:2]
    assert rebuilt(one.event, beginning_of(one.first), other.command.digest) is None
    assert rebuilt(one.event, None, bytes(32)) is None
