"""What follows from the figures and findings of a whole dossier: whether they are complete, and the rule (I.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeAlias

from domain.catalogue import AnswerKind, CommunesTarget, UnitKind
from domain.catalogue.answers import met
from domain.commands import Command, CorrectFact
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier
from domain.i18n import pair
from domain.policy.recognition import Counts, communes_needed
from domain.refusals import CriteriaMissing, MissingPart, RuleNotMet
from domain.values import (
    CommuneFigures,
    Correction,
    Figure,
    Finding,
)


def claimed_results(dossier: Dossier, communes: CommuneFigures | None) -> dict[str, bool | None]:
    """What follows from the claimed figures; one declared not applicable counts as if confirmed (reading 6)."""
    results: dict[str, bool | None] = {}
    for code, criterion in dossier.criteria.items():
        if criterion.answer is AnswerKind.COMMUNES:
            results[code] = communes is not None and criterion.target.met(Figure(communes=communes))
        else:
            figure = dossier.claimed_figure(code)
            results[code] = met(criterion, figure) if figure else False
    return results


def without_evidence(dossier: Dossier) -> list[str]:
    """The criteria that are claimed as met or not applicable and lack evidence (II.1.2); I.1 is the system's own."""
    bare = []
    for code, criterion in dossier.criteria.items():
        claim = dossier.claims.get(code, {})
        figure = claim.get("figure")
        if criterion.answer is AnswerKind.COMMUNES or claim.get("evidence"):
            continue
        if figure is None or met(criterion, figure) is not False:
            bare.append(code)
    return bare


def complete_over(dossier: Dossier, given: Collection[str], what: str, clause: str) -> None:
    """Raises CriteriaMissing unless every criterion of the level is among those given."""
    missing = [code for code in dossier.criteria if code not in given]
    if missing:
        raise CriteriaMissing(
            clause=clause,
            what=pair(what),
            count=len(missing),
            criteria=missing,
            criteria_text=", ".join(missing),
        )


def member_results(dossier: Dossier) -> dict[str, bool | None]:
    """What the lead agencies found: code → met, None for not applicable."""
    return {code: dossier.results[code][1]["met"] for code in dossier.criteria if code in dossier.results}


def rule_holds(dossier: Dossier, results: Mapping[str, bool | None], communes: CommuneFigures | None = None) -> Counts:
    """The counts of a gate. Raises RuleNotMet with all that was counted (I.1)."""
    counts = dossier.count(results)
    if not counts["holds"]:
        raise rule_not_met(dossier, counts, results, communes)
    return counts


def rule_not_met(
    dossier: Dossier,
    counts: Counts,
    results: Mapping[str, bool | None],
    communes: CommuneFigures | None = None,
) -> RuleNotMet:
    """The refusal of a gate, with the counts, what is not met, and the communes' figures of a district."""
    not_met = [code for code in dossier.criteria if results.get(code, False) is False]
    details: dict[str, object] = {**counts, "not_met": not_met, "not_met_text": ", ".join(not_met)}
    if communes is not None and isinstance(target := dossier.criteria["I.1"].target, CommunesTarget):
        recognised, advanced = communes_needed(target, communes["communes"])
        details["communes"] = {**communes, "recognised_needed": recognised, "advanced_needed": advanced}
    clause = "I.1.a" if dossier.unit_kind is UnitKind.DEPARTMENT else "I.1.b"
    return RuleNotMet(clause=clause, **details)


def communes_of(dossier: Dossier, command: Command, context: DecisionContext) -> CommuneFigures | None:
    """The communes' figures for a district's dossier, as decided up to the day of the command; None otherwise."""
    if dossier.unit_kind is not UnitKind.DISTRICT:
        return None
    return context.cross_dossier.commune_figures(dossier.unit_id, context.units, command.on)


class Rechecked(NamedTuple):
    """What follows from the corrected fields of a fact: findings of the district council, or inspected criteria."""

    findings: dict[str, Finding] | None = None
    inspected: list[str] | None = None


Recheck: TypeAlias = Callable[[Dossier, CorrectFact, Correction], Rechecked]
"""From a dossier, the command CorrectFact and the corrected fields. Raises a Refused."""


def not_a_finding(code: str, form: str) -> MissingPart:
    """An inspection finds in words, a district council in figures; the form of a correction allows both."""
    name = pair("{part} of {code}", part=pair(form), code=code)
    return MissingPart(clause="reading 5", part=f"correction.findings.{code}", **name.details("part"))
