"""The applicant's part: self-assessment and submission."""

from __future__ import annotations

from domain.dossier.as_of import state_of
from domain.dossier.states import State
from tests.domain.scenario import COMMUNE, DISTRICT, given
from tests.support.histories import events_of, history


def test_a_dossier_in_two_sittings_is_assessed_when_every_criterion_has_a_claim() -> None:
    """A later claim of a criterion replaces the earlier one."""
    half = dict(list(COMMUNE.claims().items())[:20])
    rest = dict(list(COMMUNE.claims().items())[20:])
    begun = events_of([COMMUNE.open(), COMMUNE.assess(claims=half)])
    assert state_of(begun).state is State.OPENED  # type: ignore[union-attr]
    given(begun).when(COMMUNE.submit_to_district()).refused("WRONG_ORDER")
    dossier = given(begun).when(COMMUNE.assess("2024-06-18", claims=rest)).then("SelfAssessmentRecorded", complete=True)
    assert dossier.state is State.SELF_ASSESSED
    anew = given(events_of([COMMUNE.open(), COMMUNE.assess()]))
    changed = anew.when(COMMUNE.assess(claims={"I.1": {"figure": {"a": 7, "b": 8}}})).then("SelfAssessmentRecorded")
    assert changed.claims["I.1"]["figure"] == {"a": 7, "b": 8}


def test_the_submission_records_the_conclusion_on_every_criterion() -> None:
    """Form 03 concludes on each; the district's communes and where they were read are recorded with it."""
    submitted = history(DISTRICT, "submitted")[-1]
    assert submitted.conclusions == dict.fromkeys(DISTRICT.criteria, True)  # type: ignore[attr-defined]
    assert submitted.communes == {"communes": 24, "recognised": 24, "advanced": 8}  # type: ignore[attr-defined]
    assert submitted.read_at == [{"partition": 0, "position": 7}]  # type: ignore[attr-defined]


def test_a_criterion_claimed_as_not_met_needs_no_evidence() -> None:
    """There is nothing to show (II.1.2 asks for evidence of what was done)."""
    claims = COMMUNE.claims()
    claims["I.7"] = {"figure": {"answer": False}}
    events = events_of([COMMUNE.open(), COMMUNE.assess(claims=claims)])
    given(events).when(COMMUNE.submit_to_district()).then("DossierSubmittedToDistrictCouncil")
