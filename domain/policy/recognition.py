"""The recognition rule of I.1, in exact integer arithmetic.

Department (I.1.a): every mandatory criterion of the level. District and commune (I.1.b): every mandatory one
and at least 30 % of the extended ones. 30 % of 20 is 6, and 6 is enough; of 18, 5 is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, TypedDict

from domain.catalogue import CommunesTarget, Criterion, Requirement, UnitKind
from domain.catalogue.answers import CommuneFigures
from domain.catalogue.targets import percent_of

EXTENDED_PERCENT = 30


class Counts(TypedDict):
    """The two counts of the rule. `extended_needed` is how many extended ones the rule asks for."""

    mandatory_met: int
    mandatory_of: int
    extended_met: int
    extended_of: int
    extended_needed: int
    holds: bool


def count(
    criteria: Mapping[str, Criterion],
    kind: UnitKind,
    results: Mapping[str, bool | None],
    *,
    mandatory_not_applicable: Literal["leaves_count", "not_met"] = "leaves_count",
) -> Counts:
    """Counts `results` (code to met; None: not applicable) over the criteria of `Catalogue.criteria_for`.

    A criterion without a result counts as not met. One that is not applicable leaves both counts (reading 6);
    for a mandatory one `mandatory_not_applicable` may say that it counts as not met instead. Results of codes
    that are not in `criteria` play no part.
    """
    met = dict.fromkeys(Requirement, 0)
    of = dict.fromkeys(Requirement, 0)
    for code, criterion in criteria.items():
        requirement = criterion.requirement
        result = results.get(code, False)
        if result is None:
            if requirement is Requirement.EXTENDED or mandatory_not_applicable == "leaves_count":
                continue
            result = False
        of[requirement] += 1
        met[requirement] += result
    needed = 0 if kind is UnitKind.DEPARTMENT else percent_of(EXTENDED_PERCENT, of[Requirement.EXTENDED])
    return Counts(
        mandatory_met=met[Requirement.MANDATORY],
        mandatory_of=of[Requirement.MANDATORY],
        extended_met=met[Requirement.EXTENDED],
        extended_of=of[Requirement.EXTENDED],
        extended_needed=needed,
        holds=met[Requirement.MANDATORY] == of[Requirement.MANDATORY] and met[Requirement.EXTENDED] >= needed,
    )


def extended_share(counts: Counts) -> Fraction | None:
    """Extended criteria met of all, exactly; None where there are none to meet (a department)."""
    return Fraction(counts["extended_met"], counts["extended_of"]) if counts["extended_of"] else None


def communes_met(target: CommunesTarget, figures: CommuneFigures) -> bool:
    """Whether the communes of a district meet its criterion I.1 (Biểu 04 huyện I.1)."""
    return target.met_by(figures)


def communes_needed(target: CommunesTarget, communes: int) -> tuple[int, int | None]:
    """How many of a district's `communes` must be recognised, and how many as advanced (None: not asked)."""
    return target.needed(communes)
