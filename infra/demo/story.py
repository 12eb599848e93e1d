"""One dossier as it comes to be: the commands given on it, their days, and what is planned for its criteria."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.authorization import Role
from domain.catalogue import AnswerKind, Level, Requirement, UnitKind, catalogue
from domain.catalogue.targets import percent_of
from domain.identity import COUNCIL_UNIT, DossierKey
from domain.policy.recognition import EXTENDED_PERCENT
from domain.units import Unit, Units
from infra.demo.days import later
from infra.demo.mistakes import mistake
from infra.demo.people import person, random_for

_MISTAKES = 0.075
_MISTAKES_IN_RESULTS = 0.012
"""How often somebody first gives the command in a way that a rule refuses. Verifications are many, and routine."""


@dataclass(frozen=True, slots=True)
class PlannedCommand:
    """One command, the day on which it is given, and the code with which it is meant to be refused, if it is."""

    day: date
    envelope: dict[str, Any]
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """What all dossiers share."""

    seed: int
    units: Units

    def actor(self, body: str, role: Role) -> dict[str, Any]:
        """Who acts for a body in a role."""
        return {"person": person(self.seed, body, role), "agency": body, "role": role.value}


class Story:
    """One attempt of one unit at one level, told step by step. All attempts of a unit at a level share `steps`.

    Of its criteria some extended ones are claimed as not met (`weak`); `declared` are claimed as not applicable, with
    what the lead agency will say; `district_misses` and `misses` are those that the district council and the lead
    agencies will find not met. The rest is met.
    """

    def __init__(
        self,
        world: World,
        unit: Unit,
        level: Level,
        start: date,
        *,
        year: int | None = None,
        before: Story | None = None,
    ) -> None:
        self.world, self.unit, self.level = world, unit, level
        first = DossierKey(unit.id, level, year or start.year, 1)
        self.name: DossierKey = before.name.next_attempt() if before else first
        self.rng = random_for(world.seed, "story", self.name.number)
        self.steps: list[PlannedCommand] = before.steps if before else []
        self.attempts: list[Story] = [*before.attempts, self] if before else [self]
        self.day = later(start, 0)
        self.version = 0
        self.facts: dict[str, int] = {}
        self.results: dict[str, int] = {}
        self.claims: dict[str, dict[str, Any]] = {}
        self.criteria = catalogue().criteria_for(unit.kind, level)
        self.weak = self._draw_weak()
        self.declared: dict[str, bool] = {}
        self.district_misses: set[str] = set()
        self.misses: set[str] = set()
        self.inspected: set[str] = set()
        self.heard: set[str] = set()
        self.recognised_on: date | None = None
        self.revoked_on: date | None = None
        self._reference = self.rng.choice((self.name.number, str(self.name.id), self._by_unit()))

    def again(self, days: int) -> Story:
        """The next attempt, some days after this one ended."""
        return Story(self.world, self.unit, self.level, later(self.day, days), before=self)

    def pass_days(self, fewest: int, most: int) -> None:
        """Some days go by."""
        self.day = later(self.day, self.rng.randint(fewest, most))

    def wait_until(self, day: date) -> None:
        """Nothing happens before a day."""
        self.day = max(self.day, later(day, 0))

    def codes(self, *answers: AnswerKind, requirement: Requirement | None = None) -> list[str]:
        """The codes of criteria of these kinds of answer that are planned as met."""
        return [
            code
            for code, criterion in self.criteria.items()
            if code not in self.weak
            and code not in self.declared
            and (not answers or criterion.answer in answers)
            and (requirement is None or criterion.requirement is requirement)
        ]

    def some_code(self, *answers: AnswerKind, requirement: Requirement | None = None) -> str:
        """One of `codes`; never the district's I.1, which nobody states."""
        return self.rng.choice(
            [
                code
                for code in self.codes(*answers, requirement=requirement)
                if self.criteria[code].answer is not AnswerKind.COMMUNES
            ]
        )

    def agencies(self) -> list[str]:
        """The lead agencies of its criteria."""
        return list(dict.fromkeys(criterion.lead_agency for criterion in self.criteria.values()))

    def applicant(self) -> dict[str, Any]:
        """The unit acts."""
        return self.world.actor(self.unit.id, Role.APPLICANT)

    def of_district(self, role: Role) -> dict[str, Any]:
        """The district council or committee acts, on the district itself or on its commune."""
        return self.world.actor(self.unit.parent_id or self.unit.id, role)

    def by(self, role: Role, body: str | None = None) -> dict[str, Any]:
        """A body of the province acts; `body` is a council member's agency."""
        offices = {
            Role.STANDING_AGENCY: "so-tttt",
            Role.PROVINCIAL_COUNCIL: COUNCIL_UNIT,
            Role.CHAIRMAN: "ubnd-tinh",
        }
        return self.world.actor(body or offices[role], role)

    def submit(self, command: str, actor: dict[str, Any], data: dict[str, Any], *, on: date | None = None) -> int:
        """A command that is meant to be accepted; now and then a mistake comes before. Returns the fact's version."""
        envelope = self._envelope(command, actor, data, on or self.day)
        rate = _MISTAKES_IN_RESULTS if command == "VerifyCriterion" else _MISTAKES
        if self.rng.random() < rate:
            found = mistake(self.rng, envelope, self.criteria, self.inspected)
            if found is not None:
                self.steps.append(PlannedCommand(self.day, found[1], found[0]))
        self.steps.append(PlannedCommand(self.day, envelope))
        self.version += 1
        self.facts[command] = self.version
        return self.version

    def refused(
        self, code: str, command: str, actor: dict[str, Any], data: dict[str, Any], *, on: date | None = None
    ) -> None:
        """A command that is meant to be refused with a code."""
        self.steps.append(PlannedCommand(self.day, self._envelope(command, actor, data, on or self.day), code))

    def _envelope(self, command: str, actor: dict[str, Any], data: dict[str, Any], on: date) -> dict[str, Any]:
        begins = command in ("OpenDossier", "RecordEarlierRecognition")
        return {
            "command": command,
            "command_id": "",
            "dossier": self._by_unit() if begins else self._reference,
            "on": on.isoformat(),
            "actor": actor,
            "data": data,
        }

    def _by_unit(self) -> dict[str, Any]:
        return {"unit": self.unit.id, "level": self.level.value, "year": self.name.year}

    def _draw_weak(self) -> set[str]:
        """At most half of the extended criteria that the rule can spare."""
        extended = [code for code, found in self.criteria.items() if found.requirement is Requirement.EXTENDED]
        if self.unit.kind is UnitKind.DEPARTMENT:
            return set()
        spare = len(extended) - percent_of(EXTENDED_PERCENT, len(extended))
        return set(self.rng.sample(extended, self.rng.randint(0, spare // 2)))


def in_order(tracks: Iterable[list[PlannedCommand]]) -> list[PlannedCommand]:
    """All steps by day; those of one track keep their order."""
    return sorted((step for track in tracks for step in track), key=lambda step: step.day)
