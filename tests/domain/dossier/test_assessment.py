"""What follows from figures and findings, and the gate that counts them."""

from __future__ import annotations

import pytest

from domain.catalogue import AnswerKind
from domain.dossier.aggregate import Dossier
from domain.dossier.as_of import state_of
from domain.dossier.assessment import claimed_results, judged, member_results, rule_holds, without_evidence
from domain.refusals import (
    ComputedBySystem,
    DeclaredNotApplicable,
    MetContradictsFigure,
    NotDeclaredNotApplicable,
    RuleNotMet,
    UnknownCriterion,
)
from domain.values import CommuneFigures, Finding
from tests.domain.scenario import COMMUNE, DISTRICT
from tests.support.command_builders import Drafts
from tests.support.histories import events_of, history

RATIO = next(code for code, criterion in COMMUNE.criteria.items() if criterion.answer is AnswerKind.RATIO)
FIGURES = CommuneFigures(communes=24, recognised=24, advanced=8)


def dossier_of(drafts: Drafts, up_to: str = "self_assessed") -> Dossier:
    """A unit's dossier in a state, everything exactly at target."""
    found = state_of(history(drafts, up_to))
    assert found is not None
    return found


def declaring(code: str) -> Dossier:
    """A dossier on which one criterion is declared not applicable."""
    claims = {**COMMUNE.claims(), code: {"figure": {"not_applicable": "Không phát sinh"}, "evidence": []}}
    found = state_of(events_of([COMMUNE.open(), COMMUNE.assess(claims=claims)]))
    assert found is not None
    return found


def test_a_finding_says_what_follows_from_its_figure() -> None:
    """Nobody may state otherwise."""
    dossier = dossier_of(COMMUNE)
    assert judged(dossier, RATIO, Finding(a=1, b=1))["met"] is True
    assert judged(dossier, RATIO, Finding(a=0, b=1))["met"] is False
    with pytest.raises(MetContradictsFigure):
        judged(dossier, RATIO, Finding(a=0, b=1, met=True))
    with pytest.raises(UnknownCriterion):
        judged(dossier, "IX.9", Finding(a=0, b=1))


def test_only_what_was_declared_not_applicable_is_confirmed_or_refused_as_that() -> None:
    """Confirmed it counts as neither, refused as not met (reading 6)."""
    with pytest.raises(NotDeclaredNotApplicable):
        judged(dossier_of(COMMUNE), RATIO, Finding(not_applicable_confirmed=True))
    declared = declaring(RATIO)
    assert judged(declared, RATIO, Finding(not_applicable_confirmed=True))["met"] is None
    assert judged(declared, RATIO, Finding(not_applicable_confirmed=False))["met"] is False
    for finding in (Finding(a=1, b=1), Finding(a=1, b=1, not_applicable_confirmed=True)):
        with pytest.raises(DeclaredNotApplicable):
            judged(declared, RATIO, finding)


def test_the_communes_of_a_district_are_counted_and_never_stated() -> None:
    dossier = dossier_of(DISTRICT)
    found = judged(dossier, "I.1", Finding(), FIGURES)
    assert (found["met"], found["communes"]) == (True, FIGURES)
    for finding, communes in ((Finding(count=24), FIGURES), (Finding(), None)):
        with pytest.raises(ComputedBySystem):
            judged(dossier, "I.1", finding, communes)


def test_claims_lead_to_results_and_what_is_declared_counts_as_confirmed() -> None:
    """I.1 of a district follows from its communes alone."""
    assert set(claimed_results(dossier_of(COMMUNE), None).values()) == {True}
    assert claimed_results(declaring(RATIO), None)[RATIO] is None
    district = dossier_of(DISTRICT)
    assert claimed_results(district, FIGURES)["I.1"] is True
    assert claimed_results(district, CommuneFigures(communes=24, recognised=0, advanced=0))["I.1"] is False


def test_what_is_claimed_or_declared_needs_evidence() -> None:
    """II.1.2; the communes of a district need none."""
    assert without_evidence(declaring(RATIO)) == [RATIO]
    assert without_evidence(dossier_of(DISTRICT)) == []


def test_a_gate_gives_the_counts_or_names_all_that_is_not_met() -> None:
    dossier = dossier_of(COMMUNE, "verified")
    results = member_results(dossier)
    assert rule_holds(dossier, results)["holds"]
    with pytest.raises(RuleNotMet) as raised:
        rule_holds(dossier, dict.fromkeys(results, False))
    assert raised.value.details["not_met"] == list(dossier.criteria)
