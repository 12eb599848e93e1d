"""The way of a dossier, step by step: each in its order, none left out."""

from __future__ import annotations

import pytest

from domain.catalogue import Level
from domain.dossier.as_of import at_version, state_of
from tests.domain.scenario import COMMUNE, DEPARTMENT, DISTRICT, EACH_KIND, given
from tests.support.command_builders import Draft, Drafts
from tests.support.histories import commands_up_to, events_of, history

FACTS = {
    "OpenDossier": ("DossierOpened", "opened"),
    "RecordSelfAssessment": ("SelfAssessmentRecorded", "self_assessed"),
    "RecordOwnMeeting": ("OwnMeetingRecorded", "own_meeting"),
    "SubmitDossier": ("DossierSubmitted", "submitted"),
    "SubmitToDistrictCouncil": ("DossierSubmittedToDistrictCouncil", "at_district_council"),
    "AppraiseDossier": ("DossierAppraised", "district_met"),
    "SendToProvince": ("DossierSentToProvince", "forwarded_to_province"),
    "ReceiveDossier": ("DossierReceived", "received"),
    "ForwardToCouncil": ("DossierForwardedToCouncil", "forwarded_to_members"),
    "VerifyCriterion": ("CriterionVerified", "verifying"),
    "SumUpResults": ("ResultsSummedUp", "summed_up"),
    "RecordCouncilMeeting": ("CouncilMeetingRecorded", "council_met"),
    "ProposeRecognition": ("RecognitionProposed", "proposed"),
    "ApproveRecognition": ("RecognitionApproved", "approved"),
    "AnnounceRecognition": ("RecognitionAnnounced", "announced"),
}
EACH_DOSSIER = [Drafts(drafts.unit, level) for drafts in EACH_KIND for level in Level]


def name_of(drafts: Drafts) -> str:
    """For the ids of tests."""
    return f"{drafts.unit.kind}-{drafts.level}"


@pytest.mark.parametrize("drafts", EACH_DOSSIER, ids=name_of)
def test_each_step_records_its_fact_and_leads_to_its_state(drafts: Drafts) -> None:
    """Every prefix of the facts gives the state of its last step."""
    commands = commands_up_to(drafts, "announced")
    events = history(drafts, "announced")
    assert [type(event).__name__ for event in events] == [FACTS[each["command"]][0] for each in commands]
    for event, draft in zip(events, commands, strict=True):
        dossier = state_of(at_version(events, event.originator_version))
        assert dossier is not None
        expected = FACTS[draft["command"]][1]
        if dossier.results.keys() == dossier.criteria.keys() and expected == "verifying":
            expected = "verified"
        assert dossier.state.value == expected
        assert dossier.version == event.originator_version


def steps_to_leave_out(drafts: Drafts) -> list[int]:
    """The places of the steps between the first and the last; of the results the first, the second and the last."""
    names = [draft["command"] for draft in commands_up_to(drafts, "announced")]
    results = [place for place, name in enumerate(names) if name == "VerifyCriterion"]
    return [place for place in range(1, len(names) - 1) if place not in results[2:-1]]


@pytest.mark.parametrize(
    ("drafts", "left_out"),
    [(drafts, place) for drafts in EACH_KIND for place in steps_to_leave_out(drafts)],
    ids=lambda value: name_of(value) if isinstance(value, Drafts) else str(value),
)
def test_no_step_can_be_left_out(drafts: Drafts, left_out: int) -> None:
    """Each is refused at the next step that needs it."""
    commands = commands_up_to(drafts, "announced")
    events = events_of(commands[:left_out])
    following = next(each for each in commands[left_out + 1 :] if each["command"] != "VerifyCriterion")
    if commands[left_out]["command"] == "VerifyCriterion":
        missing = commands[left_out]["data"]["criterion"]
        rest = [each for each in commands[left_out + 1 :] if each["command"] == "VerifyCriterion"]
        events = events_of([*commands[:left_out], *rest])
        error = given(events).when(following).refused("CRITERIA_MISSING" if len(rest) + left_out > 1 else "WRONG_ORDER")
        assert error.details["criteria"] == [missing]
    else:
        skipped = commands[left_out + 1]
        given(events).when(skipped).refused("WRONG_ORDER")


def again(drafts: Drafts, done: str) -> list[Draft]:
    """The commands that led to a state, to be tried once more."""
    commands = commands_up_to(drafts, done)
    return [draft for draft in commands[1:] if draft["command"] not in ("RecordSelfAssessment", "VerifyCriterion")]


@pytest.mark.parametrize("drafts", EACH_KIND, ids=name_of)
def test_no_step_is_taken_twice(drafts: Drafts) -> None:
    """An announced dossier takes none of its steps again."""
    events = history(drafts, "announced")
    for draft in again(drafts, "announced"):
        given(events).when(draft).refused("WRONG_ORDER")


@pytest.mark.parametrize(
    "ends",
    [
        [*commands_up_to(DEPARTMENT, "submitted"), DEPARTMENT.withdraw("2024-06-27")],
        [*commands_up_to(DISTRICT, "proposed"), DISTRICT.reject()],
        [*commands_up_to(DEPARTMENT, "announced"), DEPARTMENT.revoke("2024-09-01")],
        [*commands_up_to(COMMUNE, "submitted_to_district"), COMMUNE.refuse()],
    ],
    ids=["withdrawn", "rejected", "revoked", "refused"],
)
def test_after_an_end_no_step_follows_and_a_new_attempt_opens(ends: list[Draft]) -> None:
    """A unit may apply again at any time (II.2)."""
    events = events_of(ends)
    dossier = state_of(events)
    assert dossier is not None
    assert dossier.closed
    drafts = next(each for each in EACH_KIND if each.unit.id == dossier.unit_id)
    for draft in commands_up_to(drafts, "announced")[1:]:
        given(events).when(draft).refused("DOSSIER_CLOSED", number=dossier.number)
    new = given(events).when(drafts.open("2024-10-01")).then("DossierOpened", attempt=2)
    assert new.id != dossier.id
    assert new.number.endswith("-2")
