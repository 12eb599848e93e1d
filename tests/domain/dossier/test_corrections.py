"""A mistake in a recorded fact is corrected by a later fact that names it and says why (reading 5)."""

from __future__ import annotations

import json
from datetime import date

import pytest

from domain.council.aggregate import CouncilEvent
from domain.dossier.aggregate import Dossier
from domain.dossier.as_of import state_of
from domain.dossier.states import State
from domain.procedure import EVENT_TYPES, ON_DOSSIER
from tests.domain.scenario import COMMUNE, DEPARTMENT, given
from tests.support.command_builders import STANDING, Draft, document
from tests.support.histories import commands_up_to, events_of, history

NOT_MET = {"a": 1, "b": 100, "met": False}
OF_THEIR_OWN = {"CriterionVerified", "VerificationCorrected", "RecognitionApproved", "RecognitionRejected"}
NEVER = {"DossierOpened", "EarlierRecognitionRecorded", "FactCorrected", "DecisionCorrected", "DecisionRevoked"}


def version_of(done: str, code: str) -> int:
    """The result on a criterion of a department."""
    dossier = state_of(history(DEPARTMENT, done))
    assert isinstance(dossier, Dossier)
    return dossier.results[code][0]


def corrected(done: str, code: str = "II.6", on: str = "2024-09-01", **data: object) -> Draft:
    """A correction of a department's result."""
    return DEPARTMENT.correct(code, version_of(done, code), on, **data)


def test_every_type_of_fact_is_correctable_or_has_a_command_of_its_own() -> None:
    """Those that name the dossier are corrected by none."""
    dossiers = {name for name, kind in EVENT_TYPES.items() if not issubclass(kind, CouncilEvent)}
    correctable = {step.event.__name__ for step in ON_DOSSIER.values() if step.correctable is not None}
    assert correctable | OF_THEIR_OWN | NEVER == dossiers


@pytest.mark.parametrize("done", ["verified", "summed_up", "council_met", "proposed"])
def test_before_the_decision_a_corrected_result_asks_for_a_new_sum(done: str) -> None:
    """Whatever was built on the old one has to be done again."""
    then = given(history(DEPARTMENT, done)).when(corrected(done, finding=NOT_MET))
    dossier = then.then("VerificationCorrected", corrects=version_of(done, "II.6"), after_decision=False)
    assert dossier.state is State.VERIFIED
    events = [*history(DEPARTMENT, done), *then.new]
    given(events).when(DEPARTMENT.approve("2024-09-02")).refused("WRONG_ORDER")
    summed = given(events).when(DEPARTMENT.sum_up("2024-09-02"))
    summed.then("ResultsSummedUp")
    assert summed.new[0].counts["mandatory_met"] == 22  # type: ignore[attr-defined]


@pytest.mark.parametrize("done", ["approved", "announced"])
def test_after_the_decision_a_correction_is_recorded_and_the_decision_stands(done: str) -> None:
    """Until a later decision changes it."""
    then = given(history(DEPARTMENT, done)).when(corrected(done, finding=NOT_MET))
    assert then.then("VerificationCorrected", after_decision=True).state.value == done


def test_a_correction_itself_can_be_corrected_by_naming_it() -> None:
    """The one that it replaced can not."""
    first = events_of([*commands_up_to(DEPARTMENT, "verified"), corrected("verified")])
    given(first).when(corrected("verified")).refused("UNKNOWN_FACT")
    again = DEPARTMENT.correct("II.6", first[-1].originator_version, "2024-09-02")
    given(first).when(again).then("VerificationCorrected", corrects=first[-1].originator_version)


def test_while_members_verify_a_correction_completes_nothing() -> None:
    """The other criteria still lack their results."""
    events = events_of([*commands_up_to(DEPARTMENT, "forwarded_to_members"), DEPARTMENT.verify("II.6")])
    then = given(events).when(DEPARTMENT.correct("II.6", events[-1].originator_version, "2024-07-24"))
    assert then.then("VerificationCorrected", complete=False).state is State.VERIFYING


def test_a_fact_is_corrected_by_the_agency_that_recorded_it() -> None:
    """The fact stays; the correction says what it should have said."""
    submitted = given(history(DEPARTMENT, "submitted"))
    then = submitted.when(
        DEPARTMENT.correct_fact(
            4, "2024-06-28", took_place_on="2024-06-25", correction={"report": document("2024-06-25", "9")}
        )
    )
    dossier = then.then("FactCorrected", fact="DossierSubmitted", corrects=4, took_place_on=date(2024, 6, 25))
    said = json.loads(then.new[0].correction)  # type: ignore[attr-defined]
    assert said == {"report": document("2024-06-25", "9")}
    assert dossier.state is State.SUBMITTED
    submitted.when(DEPARTMENT.correct_fact(4, "2024-06-28", actor=STANDING)).refused("WRONG_ACTOR")
    submitted.when(DEPARTMENT.correct_fact(4, "2024-06-28")).refused("MISSING_PART")


def test_the_districts_corrected_findings_are_those_that_its_letter_rests_on() -> None:
    """Corrected downwards, the dossier is not sent on."""
    not_met = {"I.12": {"answer": False}}
    council = ("district_council", "140")
    correction = COMMUNE.correct_fact(4, "2024-06-25", actor=council, correction={"findings": not_met})
    events = events_of([*commands_up_to(COMMUNE, "district_met"), correction])
    given(events).when(COMMUNE.send_on()).refused("RULE_NOT_MET", not_met=["I.12"])


def test_a_corrected_inspection_covers_what_the_correction_says() -> None:
    """And took place when it says."""
    seen = [*commands_up_to(COMMUNE, "forwarded_to_members"), COMMUNE.inspect("III.7")]
    by = ("council_member", "so-yt")
    given(events_of(seen)).when(COMMUNE.verify("III.12", system=None)).refused("FIELD_INSPECTION_MISSING")
    covers = COMMUNE.correct_fact(8, "2024-07-19", actor=by, correction={"findings": {"III.12": "Đạt"}})
    given(events_of([*seen, covers])).when(COMMUNE.verify("III.12", system=None)).then(
        "CriterionVerified", inspection=8
    )
    later = COMMUNE.correct_fact(8, "2024-07-30", actor=by, took_place_on="2024-07-30")
    given(events_of([*seen, later])).when(COMMUNE.verify("III.7", system=None)).refused("FIELD_INSPECTION_MISSING")
    foreign = COMMUNE.correct_fact(8, "2024-07-19", actor=by, correction={"findings": {"III.8": "Đạt"}})
    given(events_of(seen)).when(foreign).refused("WRONG_AGENCY")


def test_a_corrected_word_of_the_council_is_the_one_that_counts() -> None:
    """Nothing is proposed on a council that did not recommend."""
    met = [*commands_up_to(DEPARTMENT, "council_met")]
    version = len(met)
    correction = DEPARTMENT.correct_fact(
        version, "2024-08-06", actor=("provincial_council", "council"), correction={"recommends": False}
    )
    given(events_of([*met, correction])).when(DEPARTMENT.propose()).refused("COUNCIL_DID_NOT_RECOMMEND")
    given(events_of([*met, correction])).when(DEPARTMENT.close("2024-08-07")).then("DossierClosedAsUnfavourable")


@pytest.mark.parametrize("day", ["2024-06-25", "2024-07-11"])
def test_a_corrected_day_stays_between_the_steps_before_and_after(day: str) -> None:
    """The receipt lies between the submission (26 June) and the letters to the members (10 July)."""
    events = history(DEPARTMENT, "forwarded_to_members")
    receipt = next(event.originator_version for event in events if type(event).__name__ == "DossierReceived")
    correction = DEPARTMENT.correct_fact(receipt, "2024-07-20", actor=STANDING, took_place_on=day)
    given(events).when(correction).refused("DATE_BEFORE_STEP")


def test_a_day_may_be_corrected_twice_and_the_steps_around_it_then_count_as_corrected() -> None:
    """The second correction is judged by the first."""
    events = history(DEPARTMENT, "received")
    first = given(events).when(DEPARTMENT.correct_fact(4, "2024-07-02", took_place_on="2024-06-22"))
    first.then("FactCorrected", took_place_on=date(2024, 6, 22))
    second = given([*events, *first.new]).when(
        DEPARTMENT.correct_fact(5, "2024-07-02", actor=STANDING, took_place_on="2024-06-23")
    )
    second.then("FactCorrected", took_place_on=date(2024, 6, 23))
