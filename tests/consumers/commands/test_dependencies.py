"""Which commands may overtake each other: none whose answer would then be another one."""

from __future__ import annotations

import json
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from consumers.commands.dependencies import CommandDependencies, InFlight, dependencies_of
from domain.catalogue.answer_types import CommuneFigures
from domain.commands import Command
from domain.cross_dossier import EVENTS, CouncilInForce, CrossDossierFacts, RecognitionInForce
from domain.dossier.aggregate import Dossier
from domain.procedure import COUNCIL, STEPS
from domain.step import Shared
from domain.units import Unit, Units
from schemas import commands as command_schemas
from schemas.command_parser import command_from
from tests.acceptance.command_builders import Draft, Drafts
from tests.acceptance.system import UNITS
from tests.domain.scenario import COMMUNE, DEPARTMENT, DISTRICT, EACH_KIND, circumstances, decided, reference, way
from tests.support.cases import for_each

EXAMPLES = Path(command_schemas.__path__[0]) / "examples"
PARTITIONS = range(2)


def example(name: str) -> Command:
    """The example of a command."""
    return command_from(json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8")))


class Asked(CrossDossierFacts):
    """Facts of other dossiers that keep what they were asked for."""

    def __init__(self) -> None:
        known = reference()
        super().__init__(known.councils, known.recognitions, known.positions, known._by_unit)
        self.read: set[str] = set()

    def council_on(self, day: date) -> CouncilInForce | None:
        self.read.add("council")
        return super().council_on(day)

    def recognitions_of(self, unit_id: str) -> list[RecognitionInForce]:
        self.read.add(unit_id)
        return super().recognitions_of(unit_id)

    def commune_figures(self, district_id: str, units: Units, day: date) -> CommuneFigures:
        figures = super().commune_figures(district_id, units, day)
        # What it asked of each commune is what the district's name stands for.
        self.read -= {commune.id for commune in units.communes_of(district_id)}
        self.read.add(district_id)
        return figures


def whole_way(drafts: Drafts) -> list[Draft]:
    """From the first step to the last, with a correction and a revocation behind."""
    return [
        *way(drafts, "announced"),
        drafts.correct_decision("2024-08-20", corrected={**drafts.approve()["data"]["decision"], "date": "2024-08-16"}),
        drafts.revoke("2024-09-01"),
    ]


@pytest.mark.parametrize("drafts", EACH_KIND, ids=["department", "district", "commune"])
def test_a_command_asks_for_nothing_that_it_is_not_said_to_read(drafts: Drafts) -> None:
    """Of other dossiers; a unit's own share its partition, which keeps their order."""
    dossier: Dossier | None = None
    read: set[str] = set()
    for draft in whole_way(drafts):
        facts = Asked()
        dossier = decided(dossier, draft, circumstances(cross_dossier=facts))
        command = example(draft["command"])
        declared = dependencies_of(command, drafts.unit).reads
        own = {drafts.unit.id}
        assert facts.read <= {*declared, *own}, draft["command"]
        assert "council" not in facts.read or Shared.COUNCIL in STEPS[command.name].reads
        assert not facts.read - {"council"} or Shared.RECOGNITIONS in STEPS[command.name].reads
        read |= facts.read
    assert read >= ({"council", drafts.unit.id} if drafts is DISTRICT else {"council"})


def test_what_changes_facts_of_others_is_what_their_fold_reads() -> None:
    """Every step is in the table, and no step beside these records an event that the fold takes in."""
    changing = {step.event.__name__ for step in STEPS.values() if step.changes}
    assert changing == EVENTS


@for_each({f"{name}-{each.unit.kind}": (name, each.unit) for name in STEPS for each in EACH_KIND})
def test_every_command_says_what_it_changes(name: str, unit: Unit) -> None:
    """The council's change the council, a commune's recognition its district; nothing else changes anything."""
    found = dependencies_of(example(name), None if name in COUNCIL else unit)
    if name in COUNCIL:
        assert found == CommandDependencies(changes=("council",))
    elif Shared.RECOGNITIONS in STEPS[name].changes and unit.parent_id is not None:
        assert found == CommandDependencies(reads=("council",), changes=(unit.parent_id,))
    else:
        assert found.changes == ()


def _on(unit: Unit | None, name: str) -> CommandDependencies:
    return dependencies_of(example(name), unit)


NEIGHBOUR = next(unit for unit in UNITS if unit.parent_id not in (None, COMMUNE.unit.parent_id))
OWN_DISTRICT = UNITS.get(COMMUNE.unit.parent_id or "")
EACH = {
    "the council's": _on(None, "ChangeCouncil"),
    "a commune's recognition": _on(COMMUNE.unit, "ApproveRecognition"),
    "a commune's result": _on(COMMUNE.unit, "VerifyCriterion"),
    "another district's commune's recognition": _on(NEIGHBOUR, "ApproveRecognition"),
    "its district's": _on(OWN_DISTRICT, "SubmitDossier"),
    "a department's": _on(DEPARTMENT.unit, "ApproveRecognition"),
}
ALONE = {
    ("the council's", other) for other in EACH
} | {("a commune's recognition", "its district's"), ("a commune's recognition", "a commune's recognition")} | {
    ("another district's commune's recognition", "another district's commune's recognition")
}  # fmt: skip
"""The pairs, in either order, that must not be under way in two partitions at once."""


@for_each({f"{first}, then {second}": (first, second) for first, second in product(EACH, EACH)})
def test_two_commands_wait_for_each_other_where_one_changes_what_the_other_reads(first: str, second: str) -> None:
    """In two partitions, until the first is answered; in one partition never."""
    waits = bool({(first, second), (second, first)} & ALONE)
    under_way = InFlight()
    under_way.add(EACH[first], 0)
    assert under_way.must_wait(EACH[second], 1, PARTITIONS) is waits
    assert not under_way.must_wait(EACH[second], 0, PARTITIONS)
    under_way.remove(EACH[first], 0)
    assert not under_way.must_wait(EACH[second], 1, PARTITIONS)
