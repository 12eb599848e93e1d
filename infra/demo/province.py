"""The province's years: which unit takes which scenario and when, and all commands by day.

Criteria and units are real; persons, documents and figures are simulated. Everything is drawn from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from domain.authorization import Role
from domain.catalogue import Level, UnitKind
from domain.identity import COUNCIL_UNIT, DossierKey
from domain.units import Unit, Units
from infra.demo import decisions, in_progress, scenarios
from infra.demo.days import COUNCIL_CHANGED, COUNCIL_ESTABLISHED, FIRST_DAY, LAST_DAY, later
from infra.demo.districts import Readiness, district_stories
from infra.demo.people import random_for
from infra.demo.scenarios import Scenario
from infra.demo.story import PlannedCommand, Story, World, in_order

DEFAULT_SEED = 2024
_COMMAND_IDS = UUID("9b0f7a52-6d0e-5c1f-9d0e-2a60d05513e2")

_EARLIER_TWICE = 3
"""One commune of each district was recognised before the system, in so many districts two."""

_WAVE_DAYS, _BETWEEN_WAVES = 100, 16
"""The communes of a district apply within so many days; each district's wave begins so many after the one before."""

_COMMUNE_SCENARIOS: tuple[tuple[Scenario, int], ...] = (
    (scenarios.approved, 5),
    (scenarios.late, 6),
    (scenarios.short_at_first, 6),
    (scenarios.returned_by_district, 6),
    (scenarios.returned_by_agency, 6),
    (scenarios.showcase, 1),
    (scenarios.rejected_early_reopening, 2),
    (scenarios.then(scenarios.rejected, scenarios.announced), 2),
    (scenarios.rejected, 1),
    (scenarios.withdrawn_by_applicant, 2),
    (scenarios.then(scenarios.withdrawn_by_applicant, scenarios.announced), 2),
    (scenarios.withdrawn_by_district, 2),
    (scenarios.refused_by_district, 2),
    (scenarios.then(scenarios.refused_by_district, scenarios.announced, 40), 2),
    (scenarios.unfavourable, 3),
    (scenarios.then(scenarios.unfavourable, scenarios.announced, 45), 2),
    (scenarios.not_recommended, 2),
    (scenarios.not_applicable_confirmed, 6),
    (scenarios.not_applicable_refused, 2),
    (scenarios.corrected_before_decision, 6),
    (scenarios.corrected_after_decision, 4),
    (scenarios.decision_corrected, 4),
    (scenarios.fact_corrected, 5),
    (scenarios.revoked, 2),
    (scenarios.then(scenarios.revoked, scenarios.announced, 40), 1),
)
"""Scenario → how many communes take it. Those that are not counted here are recognised and announced without ado."""

_COMMUNES_LEFT: tuple[Scenario, ...] = (
    *(in_progress.left_after(stages) for stages in range(1, in_progress.stages_of(UnitKind.COMMUNE) + 1)),
    in_progress.overdue,
    in_progress.overdue,
    in_progress.returned,
    in_progress.returned_by_district,
)
"""One commune waits at each place when the simulation ends."""

_ADVANCED_SCENARIOS: tuple[Scenario, ...] = (
    scenarios.unfavourable,
    scenarios.then(scenarios.rejected, scenarios.announced),
    scenarios.approved,
    scenarios.returned_by_agency,
    scenarios.corrected_before_decision,
    scenarios.not_applicable_confirmed,
    scenarios.late,
    in_progress.left_after(8),
)
"""The first communes that apply for advanced take these scenarios; the others are recognised and announced."""

_ADVANCED_COMMUNES = 36
_ADVANCED_AFTER = 35
_LAST_OPENING = LAST_DAY - timedelta(days=185)

_DEPARTMENTS: tuple[tuple[Level, Scenario], ...] = (
    (Level.ADVANCED, scenarios.announced),
    (Level.BASIC, scenarios.then(scenarios.rejected, scenarios.announced)),
    (Level.BASIC, scenarios.returned_by_agency),
    (Level.BASIC, scenarios.withdrawn_by_applicant),
    (Level.BASIC, scenarios.unfavourable),
    (Level.BASIC, scenarios.not_applicable_confirmed),
    (Level.BASIC, in_progress.left_after(3)),
    (Level.BASIC, in_progress.left_after(4)),
    (Level.ADVANCED, in_progress.left_after(7)),
)
"""What departments do that verify nothing of their own; the others are recognised and announced at basic."""

_VERIFY_THEMSELVES = ("so-tttt", "so-nv", "vp-ubnd", "cong-an")


@dataclass(frozen=True, slots=True)
class Simulation:
    """All commands in order, each with what is meant to become of it, and the dossier whose replay is worth seeing."""

    steps: Sequence[PlannedCommand]
    showcase: DossierKey


def commands(seed: int) -> Iterator[dict[str, Any]]:
    """The envelopes of all commands, by day across the province; those of a dossier in order."""
    return (step.envelope for step in simulation(seed).steps)


def simulation(seed: int) -> Simulation:
    """The whole province from a seed."""
    world = World(seed, Units.load())
    communes = _Communes(world)
    stories = communes.stories + _departments(world)
    stories += district_stories(world, communes.complete_district, communes.readiness())
    steps = _numbered(seed, in_order([_council(world), *(story.steps for story in stories)]))
    return Simulation(steps, communes.showcase.name)


def _numbered(seed: int, steps: list[PlannedCommand]) -> list[PlannedCommand]:
    """The same steps with command ids from seed and counter."""
    for counter, step in enumerate(steps, start=1):
        step.envelope["command_id"] = str(uuid5(_COMMAND_IDS, f"{seed}/{counter}"))
    return steps


def _council(world: World) -> list[PlannedCommand]:
    """The council is established once and changed once; what else is tried is refused."""

    def step(command: str, day: date, *, changed: bool, refusal: str | None = None) -> PlannedCommand:
        envelope = {
            "command": command,
            "command_id": "",
            "dossier": COUNCIL_UNIT,
            "on": day.isoformat(),
            "actor": world.actor("ubnd-tinh", Role.CHAIRMAN),
            "data": decisions.council_of(world, day, changed=changed),
        }
        return PlannedCommand(day, envelope, refusal)

    return [
        step("ChangeCouncil", COUNCIL_ESTABLISHED, changed=True, refusal="NO_COUNCIL"),
        step("EstablishCouncil", COUNCIL_ESTABLISHED, changed=False),
        step("EstablishCouncil", COUNCIL_CHANGED, changed=False, refusal="COUNCIL_EXISTS"),
        step("ChangeCouncil", COUNCIL_CHANGED, changed=True),
    ]


class _Communes:
    """The 173 communes: each applies for basic or was recognised before the system; some go on to advanced.

    All communes of one district are recognised early, and enough of them as advanced too, so that the district can
    become advanced itself.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = random_for(world.seed, "communes")
        self.stories: list[Story] = []
        self._basic: dict[str, Story] = {}
        self._told: list[Story] = []
        districts = list(world.units.of_kind(UnitKind.DISTRICT))
        self._rng.shuffle(districts)
        self.complete_district, *others = districts
        self._waves = {district.id: wave for wave, district in enumerate(others)}
        self._complete()
        self._others()
        self._advanced()

    @property
    def showcase(self) -> Story:
        """The dossier whose replay the summary shows."""
        return self._told[0]

    def readiness(self) -> dict[str, Readiness]:
        """District → when its communes are recognised."""
        units = self._world.units
        districts = units.of_kind(UnitKind.DISTRICT)
        found = {district.id: Readiness(len(units.communes_of(district.id))) for district in districts}
        for story in (attempt for last in self.stories for attempt in last.attempts):
            if story.recognised_on is not None:
                found[story.unit.parent_id or ""].add(story, story.recognised_on)
        return found

    def _tell(self, unit: Unit, level: Level, start: date, scenario: Scenario) -> Story:
        first = Story(self._world, unit, level, start)
        last = scenario(first)
        self.stories.append(last)
        if level is Level.BASIC:
            self._basic[unit.id] = last
        return last

    def _complete(self) -> None:
        """All communes of one district, recognised early."""
        communes = list(self._world.units.communes_of(self.complete_district.id))
        self._rng.shuffle(communes)
        for commune in communes:
            self._tell(commune, Level.BASIC, self._day(FIRST_DAY, 45), scenarios.announced)

    def _others(self) -> None:
        """The communes of the other districts, in waves."""
        communes = [unit for unit in self._world.units.of_kind(UnitKind.COMMUNE) if unit.id not in self._basic]
        self._rng.shuffle(communes)
        districts = list(self._waves)
        for number, district in enumerate(districts + districts[:_EARLIER_TWICE]):
            commune = next(unit for unit in communes if unit.parent_id == district)
            communes.remove(commune)
            self._recognised_earlier(commune, too_early=number == 0)
        for scenario in _COMMUNES_LEFT:
            self._tell(communes.pop(), Level.BASIC, self._day(date(2025, 8, 4), 15), scenario)
        for scenario, count in _COMMUNE_SCENARIOS:
            for _ in range(count):
                story = self._tell(communes[-1], Level.BASIC, self._start(communes.pop()), scenario)
                if scenario is scenarios.showcase:
                    self._told.append(story)
        for commune in communes:
            self._tell(commune, Level.BASIC, self._start(commune), scenarios.announced)

    def _recognised_earlier(self, commune: Unit, *, too_early: bool) -> None:
        """Entered when the system began; one decision is older than the period of the support, and entered twice."""
        decided_on = date(2022, 12, 20) if too_early else later(date(2023, 3, 1), self._rng.randrange(400))
        story = Story(self._world, commune, Level.BASIC, later(COUNCIL_ESTABLISHED, 3), year=decided_on.year)
        decisions.earlier(story, decided_on, twice=too_early)
        self.stories.append(story)
        self._basic[commune.id] = story

    def _advanced(self) -> None:
        """Communes go on to advanced: two in five of the complete district first, then others that were early."""
        ready = [story for story in self._basic.values() if self._opens_advanced(story) <= _LAST_OPENING]
        ready = [story for story in ready if story.recognised_on is not None and story.revoked_on is None]
        own = [story for story in ready if story.unit.parent_id == self.complete_district.id]
        others = [story for story in ready if story.unit.parent_id != self.complete_district.id]
        own.sort(key=lambda story: (story.recognised_on or LAST_DAY, story.unit.id))
        self._rng.shuffle(others)
        first = own[: len(own) * 2 // 5 + 1]
        for story in first:
            self._tell(story.unit, Level.ADVANCED, self._opens_advanced(story), scenarios.announced)
        remaining = _ADVANCED_COMMUNES - len(first)
        for number, story in enumerate(others[:remaining]):
            scenario = _ADVANCED_SCENARIOS[number] if number < len(_ADVANCED_SCENARIOS) else scenarios.announced
            self._tell(story.unit, Level.ADVANCED, self._opens_advanced(story), scenario)

    def _opens_advanced(self, story: Story) -> date:
        return later(max(story.day, FIRST_DAY), _ADVANCED_AFTER)

    def _start(self, commune: Unit) -> date:
        wave = self._waves[commune.parent_id or ""]
        return self._day(FIRST_DAY + timedelta(days=wave * _BETWEEN_WAVES), _WAVE_DAYS)

    def _day(self, first: date, within: int) -> date:
        return later(first, self._rng.randrange(within))


def _departments(world: World) -> list[Story]:
    """The 13 departments; those that verify criteria of their own are flagged for each (reading 7)."""
    rng = random_for(world.seed, "departments")
    departments = list(world.units.of_kind(UnitKind.DEPARTMENT))
    own = [unit for unit in departments if unit.id in _VERIFY_THEMSELVES]
    others = [unit for unit in departments if unit.id not in _VERIFY_THEMSELVES]
    rng.shuffle(others)
    stories = [
        scenarios.announced(Story(world, unit, Level.BASIC, later(FIRST_DAY, rng.randrange(60)))) for unit in own
    ]
    standing = stories[0]
    stories.append(scenarios.announced(Story(world, standing.unit, Level.ADVANCED, later(standing.day, 40))))
    for unit, (level, scenario) in zip(others, _DEPARTMENTS, strict=True):
        start = later(FIRST_DAY, rng.randrange(200))
        stories.append(scenario(Story(world, unit, level, start)))
    return stories
