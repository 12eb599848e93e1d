"""What a decision may know beyond its dossier: the moment, the readings in force, and facts of other dossiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from domain.catalogue import Level
from domain.catalogue.answer_types import CommuneFigures
from domain.units import Units
from domain.values import ReadAt

VIETNAM = timedelta(hours=7)
"""Vietnam keeps UTC+7 all year, without daylight saving."""


@dataclass(frozen=True, slots=True)
class InterpretationSettings:
    """The readings that are settings; each is recorded with the decision that depended on it.

    one_column_level             reading 1: the level of the criteria that print one column
    mandatory_not_applicable     reading 6: a mandatory criterion that is not applicable "leaves_count" or is "not_met"
    deadline_rolls_over_weekend  reading 11: a fifteenth day on a weekend rolls on to Monday
    """

    one_column_level: Literal["basic", "advanced"] = "advanced"
    mandatory_not_applicable: Literal["leaves_count", "not_met"] = "leaves_count"
    deadline_rolls_over_weekend: bool = False


@dataclass(frozen=True, slots=True)
class CouncilInForce:
    """A composition of the provincial council: since when, by which decision, and whose agencies sit on it."""

    version: int
    decided_on: date
    decision: str
    agencies: frozenset[str]


@dataclass(frozen=True, slots=True)
class RecognitionInForce:
    """A decision of recognition that has not been revoked."""

    unit_id: str
    level: Level
    decision: str
    decided_on: date


class OtherDossiers(Protocol):
    """What a decision may ask about other dossiers."""

    def council_on(self, day: date) -> CouncilInForce | None:
        """The composition in force on a day: the latest decided on or before it."""

    def recognitions_of(self, unit_id: str) -> list[RecognitionInForce]:
        """The recognitions of a unit that are in force, in no order."""

    def commune_figures(self, district_id: str, units: Units, day: date) -> CommuneFigures:
        """The figures of the district criterion I.1: decisions up to a day, communes of this district only."""

    def read_at(self) -> list[ReadAt]:
        """The position of each partition up to which it was read."""


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """Passed to every decision.

    recorded_at  the moment at which its fact is recorded (UTC)
    today        the day in Vietnam at that moment
    """

    recorded_at: datetime
    today: date
    units: Units
    cross_dossier: OtherDossiers
    readings: InterpretationSettings = field(default_factory=InterpretationSettings)
