"""Which commands may overtake each other: those whose answers are the same in either order."""

from __future__ import annotations

import shutil
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest

from consumers.commands.dependencies import InFlight, dependencies_of
from domain.catalogue import Level, UnitKind
from domain.catalogue.answer_types import CommuneFigures
from domain.commands import Command
from domain.context import CouncilInForce, RecognitionInForce
from domain.procedure import STEPS
from domain.step import Shared
from domain.units import Unit, Units
from domain.values import ReadAt
from schemas.command_parser import command_from, read_command
from tests.acceptance.system import EmbeddedSystem
from tests.domain.scenario import COMMUNE, DEPARTMENT, DISTRICT
from tests.support.command_builders import Draft, Drafts, council
from tests.support.histories import commands_up_to, context, decided, reference
from tests.support.units import UNITS

EXAMPLES = Path(__file__).parents[3] / "schemas" / "commands" / "examples"
RECOGNISED = [Drafts(commune, Level.BASIC, 2023) for commune in UNITS.communes_of("135")[:12]]
NEXT = Drafts(UNITS.communes_of("135")[12], Level.BASIC, 2023)
ELSEWHERE = Drafts(UNITS.communes_of("140")[0], Level.BASIC, 2023)


class Spy:
    """Answers as the test's facts do, and notes what it was asked."""

    def __init__(self) -> None:
        self._facts = reference()
        self.asked: set[Shared] = set()

    def council_on(self, day: date) -> CouncilInForce | None:
        """See `OtherDossiers`."""
        self.asked.add(Shared.COUNCIL)
        return self._facts.council_on(day)

    def recognitions_of(self, unit_id: str) -> list[RecognitionInForce]:
        """See `OtherDossiers`."""
        self.asked.add(Shared.RECOGNITIONS)
        return self._facts.recognitions_of(unit_id)

    def commune_figures(self, district_id: str, units: Units, day: date) -> CommuneFigures:
        """See `OtherDossiers`."""
        self.asked.add(Shared.RECOGNITIONS)
        return self._facts.commune_figures(district_id, units, day)

    def read_at(self) -> list[ReadAt]:
        """See `OtherDossiers`."""
        return self._facts.read_at()


@pytest.mark.parametrize("drafts", [COMMUNE, DISTRICT, DEPARTMENT], ids=lambda drafts: drafts.unit.kind)
def test_what_a_command_asks_of_other_dossiers_stands_in_its_row(drafts: Drafts) -> None:
    """On the whole way of a dossier, its corrections included."""
    dossier = None
    steps = [*commands_up_to(drafts, "announced"), drafts.correct_decision("2024-08-25"), drafts.revoke("2024-09-01")]
    for draft in steps:
        spy = Spy()
        dossier = decided(dossier, draft, context(cross_dossier=spy))
        assert spy.asked <= STEPS[draft["command"]].reads, draft["command"]


@pytest.mark.parametrize("kind", UnitKind)
@pytest.mark.parametrize("name", sorted(STEPS))
def test_every_command_on_every_kind_of_unit_has_its_dependencies(name: str, kind: UnitKind) -> None:
    """What its row says that it reads and changes, under the names of the council and of the unit's district."""
    command = read_command((EXAMPLES / f"{name}.json").read_bytes())
    unit = UNITS.of_kind(kind)[0]
    step, found = STEPS[name], dependencies_of(command, unit)
    assert ("council" in found.changes) is (Shared.COUNCIL in step.changes)
    if Shared.COUNCIL not in step.changes:
        assert ("council" in found.reads) is (Shared.COUNCIL in step.reads)
        assert (unit.id in found.reads) is (kind is UnitKind.DISTRICT and Shared.RECOGNITIONS in step.reads)
        changes = kind is UnitKind.COMMUNE and Shared.RECOGNITIONS in step.changes
        assert (unit.parent_id in found.changes) is changes


def candidates() -> dict[str, Draft]:
    """Commands of different units, each of which some other one may decide about."""
    few = council("2024-07-01", "ChangeCouncil")
    few["data"]["members"] = [each for each in few["data"]["members"] if each["agency"] != "so-nv"]
    return {
        "the district submits": DISTRICT.submit(),
        "a commune is revoked": RECOGNISED[0].revoke("2024-03-01"),
        "a commune's decision is corrected": RECOGNISED[1].correct_decision("2024-03-01"),
        "one more commune is recognised": NEXT.recognised_earlier("2023-12-01"),
        "a commune elsewhere is recognised": ELSEWHERE.recognised_earlier("2023-12-01"),
        "the council changes": few,
        "a department is forwarded": DEPARTMENT.forward(),
        "a commune opens": COMMUNE_ELSEWHERE.open(),
    }


COMMUNE_ELSEWHERE = Drafts(UNITS.communes_of("140")[1], Level.BASIC)


def test_commands_answered_alike_only_in_one_order_wait_for_each_other(tmp_path: Path) -> None:
    """Any two of these: either order gives the same answers, or the one that comes second waits."""
    with EmbeddedSystem(tmp_path / "given") as world:
        world.must([council("2020-01-02"), *(each.recognised_earlier("2023-12-01") for each in RECOGNISED)])
        world.must([*commands_up_to(DISTRICT, "own_meeting"), *commands_up_to(DEPARTMENT, "received")])
        given = world.given
    ordered = []
    for number, (first, second) in enumerate(combinations(candidates().items(), 2)):
        pair = dict([first, second])
        answers = []
        for names in (list(pair), list(pair)[::-1]):
            folder = tmp_path / f"{number}-{names[0]}"
            shutil.copytree(tmp_path / "given", folder)
            with EmbeddedSystem(folder, given=given) as world:
                told = dict(zip(names, world.submit([pair[name] for name in names]), strict=True))
            answers.append({name: answer.get("error", {}).get("code") for name, answer in told.items()})
        if answers[0] != answers[1]:
            ordered.append(set(pair))
            assert waits(*pair.values()), pair.keys()
            assert waits(*reversed(pair.values())), pair.keys()
    assert {"the district submits", "a commune is revoked"} in ordered
    assert {"the council changes", "a department is forwarded"} in ordered


def test_commands_without_a_common_fact_do_not_wait() -> None:
    """Of other districts, of other units, and those that only read the same."""
    by_name = candidates()
    for name in ("a commune elsewhere is recognised", "a commune opens", "a department is forwarded"):
        assert not waits(by_name["the district submits"], by_name[name])
    assert not waits(by_name["the council changes"], by_name["a commune opens"])


def waits(first: Draft, second: Draft) -> bool:
    """Whether the second one waits while the first one is under way in another partition."""
    in_flight = InFlight()
    in_flight.add(dependencies_of(*on_unit(first)), 0)
    return in_flight.must_wait(dependencies_of(*on_unit(second)), 1, range(2))


def on_unit(draft: Draft) -> tuple[Command, Unit | None]:
    """A command and its unit; None is the council's."""
    command = command_from({"command_id": "018f2b6e-0000-7000-8000-000000000001", **draft})
    return command, None if draft["dossier"] == "council" else UNITS.get(draft["dossier"]["unit"])
