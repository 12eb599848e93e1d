"""What a decision may know beyond its dossier: the moment, the readings in force, and facts of other dossiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from domain.units import Units

if TYPE_CHECKING:
    from domain.cross_dossier import OtherDossiers

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
