"""What follows from figures and findings: met or not met, the completeness over all criteria, and the rule (I.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeAlias

from domain.catalogue import AnswerKind, CommunesTarget, Criterion, UnitKind
from domain.catalogue import answers as figures
from domain.commands import Command, CorrectFact
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier
from domain.i18n import pair
from domain.policy.recognition import Counts, communes_needed
from domain.refusals import (
    ComputedBySystem,
    CriteriaMissing,
    DeclaredNotApplicable,
    MetContradictsFigure,
    MissingPart,
    NotDeclaredNotApplicable,
    RuleNotMet,
    UnknownCriterion,
)
from domain.values import (
    CommuneFigures,
    Correction,
    Figure,
    Finding,
)


def criterion_of(dossier: Dossier, code: str) -> Criterion:
    """The criterion of a code. Raises UnknownCriterion."""
    criterion = dossier.criteria.get(code)
    if criterion is None:
        raise UnknownCriterion(
            criterion=code,
            kind=dossier.unit_kind.value,
            kind_vi=dossier.unit_kind.text.vi,
            level=dossier.level.value,
            level_vi=dossier.level.text.vi,
        )
    return criterion


def claimed_results(dossier: Dossier, communes: CommuneFigures | None) -> dict[str, bool | None]:
    """What follows from the claimed figures; one declared not applicable counts as if confirmed (reading 6)."""
    results: dict[str, bool | None] = {}
    for code, criterion in dossier.criteria.items():
        if criterion.answer is AnswerKind.COMMUNES:
            results[code] = communes is not None and criterion.target.met(Figure(communes=communes))
        else:
            figure = dossier.claims[code].get("figure") if code in dossier.claims else None
            results[code] = follows(criterion, figure) if figure else False
    return results


def follows(criterion: Criterion, figure: Figure) -> bool | None:
    """Met, not met, or None for not applicable."""
    if figure.get("not_applicable") is not None:
        return None
    return criterion.target.met(figure)


def without_evidence(dossier: Dossier) -> list[str]:
    """The criteria that are claimed as met or not applicable and lack evidence (II.1.2); I.1 is the system's own."""
    bare = []
    for code, criterion in dossier.criteria.items():
        claim = dossier.claims.get(code, {})
        figure = claim.get("figure")
        if criterion.answer is AnswerKind.COMMUNES or claim.get("evidence"):
            continue
        if figure is None or follows(criterion, figure) is not False:
            bare.append(code)
    return bare


def judged(dossier: Dossier, code: str, finding: Finding, communes: CommuneFigures | None = None) -> Finding:
    """A finding with the `met` that follows from it.

    Raises UnknownCriterion, what `figures.check` raises, MetContradictsFigure, ComputedBySystem for a stated figure of
    the district's I.1, DeclaredNotApplicable and NotDeclaredNotApplicable (reading 6).
    """
    criterion = criterion_of(dossier, code)
    claim = dossier.claims.get(code, {})
    declared = (claim.get("figure") or {}).get("not_applicable") is not None
    confirmed = finding.get("not_applicable_confirmed")
    given: dict[str, object] = {
        key: value
        for key, value in finding.items()
        if value is not None and key not in ("met", "not_applicable_confirmed")
    }
    result = finding.copy()
    if confirmed is not None:
        if not declared:
            raise NotDeclaredNotApplicable(clause="reading 6", criterion=code)
        if given:
            raise DeclaredNotApplicable(clause="reading 6", criterion=code)
        met = None if confirmed else False
    elif declared:
        raise DeclaredNotApplicable(clause="reading 6", criterion=code)
    elif criterion.answer is AnswerKind.COMMUNES:
        if given or communes is None:
            raise ComputedBySystem(criterion=code)
        result["communes"] = communes
        met = follows(criterion, result)
    else:
        figures.check(criterion, given)
        met = follows(criterion, result)
    stated = finding.get("met")
    if stated is not None and stated != met:
        raise MetContradictsFigure(criterion=code, stated=_said(stated), follows=_said(met))
    result["not_applicable_confirmed"], result["met"] = confirmed, met
    return result


def _said(met: bool | None) -> str:
    return {True: "met", False: "not met", None: "not applicable"}[met]


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
