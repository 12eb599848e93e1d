"""The nine districts: their I.1 rests on their communes, so each applies when these are recognised, or too early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from domain.catalogue import Level, UnitKind
from domain.catalogue.targets import percent_of
from domain.units import Unit
from infra.demo import application, in_progress, scenarios
from infra.demo.days import LAST_DAY, later
from infra.demo.scenarios import Scenario
from infra.demo.story import Story, World

_HALF, _THIRTY, _ALL = 50, 30, 100
_TOO_EARLY = timedelta(days=75)
_LAST_WAVE = date(2025, 8, 18)


@dataclass(slots=True)
class Readiness:
    """When the communes of a district are recognised: at either level, of these for good, and as advanced."""

    communes: int
    _ever: dict[str, date] = field(default_factory=dict)
    _lasting: dict[str, date] = field(default_factory=dict)
    _advanced: dict[str, date] = field(default_factory=dict)

    def add(self, story: Story, on: date) -> None:
        """Note a recognition; one that is revoked later does not last."""
        noted = [self._ever]
        if story.revoked_on is None:
            noted.append(self._lasting)
            if story.level is Level.ADVANCED:
                noted.append(self._advanced)
        for days in noted:
            days[story.unit.id] = min(days.get(story.unit.id, date.max), on)

    @property
    def possible_on(self) -> date:
        """Before this day the communes are not enough for basic."""
        return _day_of(self._ever, percent_of(_HALF, self.communes))

    @property
    def enough_on(self) -> date:
        """From this day on they are enough for basic."""
        return _day_of(self._lasting, percent_of(_HALF, self.communes))

    @property
    def enough_for_advanced_on(self) -> date:
        """From this day on they are enough for advanced."""
        return max(
            _day_of(self._lasting, percent_of(_ALL, self.communes)),
            _day_of(self._advanced, percent_of(_THIRTY, self.communes)),
        )


def _day_of(days: dict[str, date], count: int) -> date:
    found = sorted(days.values())
    return found[count - 1] if len(found) >= count else date.max


def district_stories(world: World, complete: Unit, readiness: dict[str, Readiness]) -> list[Story]:
    """One district becomes advanced after basic; of the others those whose communes are first go furthest."""
    ready = readiness[complete.id]
    basic = scenarios.announced(Story(world, complete, Level.BASIC, later(ready.enough_on, 5)))
    opens = later(max(basic.day, ready.enough_for_advanced_on), 10)
    stories = [basic, scenarios.announced(Story(world, complete, Level.ADVANCED, opens))]
    others = [unit for unit in world.units.of_kind(UnitKind.DISTRICT) if unit.id != complete.id]
    others.sort(key=lambda unit: (readiness[unit.id].enough_on, unit.id))
    for unit, telling in zip(others, _TELLINGS, strict=True):
        stories.append(telling(world, unit, readiness[unit.id]))
    return stories


def _when_enough(scenario: Scenario) -> Callable[[World, Unit, Readiness], Story]:
    """A scenario that begins when the communes are enough."""
    return lambda world, unit, ready: scenario(Story(world, unit, Level.BASIC, later(ready.enough_on, 5)))


def _at_last(scenario: Scenario) -> Callable[[World, Unit, Readiness], Story]:
    """A scenario that begins late in the simulation."""
    return lambda world, unit, ready: scenario(
        Story(world, unit, Level.BASIC, later(max(ready.enough_on, _LAST_WAVE), 5))
    )


def _too_early(world: World, unit: Unit, ready: Readiness) -> Story:
    """Submitted before half of the communes are recognised, refused because of I.1."""
    story = Story(world, unit, Level.BASIC, min(ready.possible_on, LAST_DAY) - _TOO_EARLY)
    application.open_dossier(story)
    application.assess(story)
    application.own_meeting(story)
    application.submit(story, refused="RULE_NOT_MET")
    return story


def _too_early_then_announced(world: World, unit: Unit, ready: Readiness) -> Story:
    """Refused because of I.1, submitted again when enough communes are recognised, then recognised."""
    story = _too_early(world, unit, ready)
    story.wait_until(ready.enough_on + timedelta(days=2))
    application.submit(story)
    scenarios.to_members(story)
    return scenarios.to_announcement(story)


_TELLINGS: tuple[Callable[[World, Unit, Readiness], Story], ...] = (
    _when_enough(scenarios.then(scenarios.rejected, scenarios.announced)),
    _too_early_then_announced,
    _too_early_then_announced,
    _when_enough(scenarios.announced),
    _when_enough(scenarios.approved),
    _when_enough(scenarios.withdrawn_by_applicant),
    _at_last(in_progress.left_after(7)),
    _too_early,
)
"""What the eight other districts do, in the order in which their communes are ready."""
