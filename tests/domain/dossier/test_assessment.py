"""What follows from figures and findings, and the gate that counts them."""

from __future__ import annotations

import pytest

from domain.catalogue import AnswerKind
from domain.dossier.aggregate import Dossier
from domain.dossier.as_of import state_of
from domain.dossier.assessment import claimed_results, member_results, rule_holds, without_evidence
from domain.refusals import RuleNotMet
from domain.values import CommuneFigures
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
