"""The Chairman's decisions, what corrects or revokes them, and recognitions from before the system (I.2, reading 4)."""

from __future__ import annotations

from datetime import date

import pytest

from domain.catalogue import Level
from domain.dossier.states import State
from tests.domain.scenario import COMMUNE, DEPARTMENT, given
from tests.support.command_builders import Drafts, document
from tests.support.histories import commands_up_to, events_of, history, reference
from tests.support.units import UNITS


def test_a_decision_names_unit_level_and_what_was_counted() -> None:
    """One command per unit, also where one decision names several."""
    approved = given(history(DEPARTMENT, "proposed")).when(DEPARTMENT.approve())
    dossier = approved.then("RecognitionApproved", unit_id="so-tp", level="basic", signer="Trần Huy Tuấn")
    assert approved.new[0].counts["mandatory_met"] == 23  # type: ignore[attr-defined]
    assert dossier.decision is not None
    assert dossier.decision[0] == dossier.version


def test_a_deputy_may_sign_for_the_chairman() -> None:
    """KT. CHỦ TỊCH."""
    given(history(DEPARTMENT, "proposed")).when(DEPARTMENT.approve(capacity="deputy")).then(
        "RecognitionApproved", capacity="deputy"
    )


def test_a_later_decision_corrects_an_earlier_one() -> None:
    """What was decided stands; the announcement follows the corrected day."""
    events = events_of(
        [
            *commands_up_to(DEPARTMENT, "approved"),
            DEPARTMENT.correct_decision("2024-09-01", corrected=document("2024-08-20")),
        ]
    )
    given(events).when(DEPARTMENT.announce("2024-08-19")).refused("DATE_BEFORE_DECISION")
    announced = given(events).when(DEPARTMENT.announce("2024-08-20")).then("RecognitionAnnounced")
    assert announced.decision is not None
    assert announced.decision[1]["date"] == date(2024, 8, 20)


def test_a_rejection_can_be_corrected_and_not_revoked() -> None:
    """There is no recognition to take back."""
    rejected = given(events_of([*commands_up_to(DEPARTMENT, "proposed"), DEPARTMENT.reject()]))
    rejected.when(DEPARTMENT.correct_decision("2024-09-01")).then("DecisionCorrected")
    rejected.when(DEPARTMENT.revoke("2024-09-01")).refused("WRONG_ORDER")


def test_a_revocation_is_dated_after_what_it_revokes() -> None:
    """And after the announcement, where there was one."""
    announced = given(history(DEPARTMENT, "announced"))
    announced.when(DEPARTMENT.revoke("2024-08-21")).refused("DATE_BEFORE_STEP")
    assert announced.when(DEPARTMENT.revoke("2024-08-22")).then("DecisionRevoked").state is State.REVOKED


def test_a_revoked_recognition_is_not_revoked_again() -> None:
    """Nor corrected."""
    revoked = given(events_of([*commands_up_to(DEPARTMENT, "approved"), DEPARTMENT.revoke("2024-09-01")]))
    revoked.when(DEPARTMENT.revoke("2024-09-02")).refused("WRONG_ORDER")
    revoked.when(DEPARTMENT.correct_decision("2024-09-02")).refused("WRONG_ORDER")


def test_a_recognition_from_before_the_system_is_entered_with_its_decision() -> None:
    """It takes no further step but its correction and revocation."""
    entered = given().when(COMMUNE.recognised_earlier("2023-12-01"))
    dossier = entered.then("EarlierRecognitionRecorded", unit_id="04630", level="basic", attempt=1)
    assert dossier.state is State.RECOGNISED_EARLIER
    held = given(entered.new)
    held.when(COMMUNE.announce("2024-01-01")).refused("WRONG_ORDER")
    held.when(COMMUNE.withdraw("2024-01-01")).refused("ALREADY_DECIDED")
    held.when(COMMUNE.revoke("2024-01-01")).then("DecisionRevoked", revokes=1)
    held.when(COMMUNE.open("2024-01-01")).then("DossierOpened", attempt=2)


@pytest.mark.parametrize("level", Level)
def test_the_same_recognition_is_entered_once(level: Level) -> None:
    """Another level is another recognition."""
    commune = next(each for each in reference().recognitions.values() if each.level is Level.BASIC)
    drafts = Drafts(DEPARTMENT.unit, level)
    held = reference()
    unit = Drafts(UNITS.get(commune.unit_id), level)
    then = given(cross_dossier=held).when(unit.recognised_earlier("2024-01-10"))
    if level is Level.BASIC:
        then.refused("ALREADY_RECOGNISED")
    else:
        then.then("EarlierRecognitionRecorded")
    given(cross_dossier=held).when(drafts.recognised_earlier("2024-01-10")).then("EarlierRecognitionRecorded")
