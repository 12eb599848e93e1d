"""Who may do what: one table, total over the commands, and the bodies for which a role acts."""

from __future__ import annotations

import pytest

from domain.authorization import Role
from domain.errors import InvalidInput
from domain.procedure import STEPS
from schemas.command_parser import command_schemas
from tests.domain.scenario import COMMUNE, DISTRICT, EACH_KIND, given
from tests.support.command_builders import Drafts
from tests.support.histories import commands_up_to, history

ACTORS = [
    ("applicant", "so-nv"),
    ("applicant", "04633"),
    ("steering_committee", "so-nv"),
    ("district_council", "139"),
    ("district_committee", "139"),
    ("standing_agency", "so-tttt"),
    ("standing_agency", "so-nv"),
    ("council_member", "so-xd"),
    ("provincial_council", "council"),
    ("chairman", "ubnd-tinh"),
    ("chairman", "so-tttt"),
]
PREDECESSORS = {
    "RecordSelfAssessment": "opened",
    "RecordOwnMeeting": "self_assessed",
    "SubmitDossier": "own_meeting",
    "SubmitToDistrictCouncil": "self_assessed",
    "AppraiseDossier": "submitted_to_district",
    "SendToProvince": "district_met",
    "ReceiveDossier": None,
    "ForwardToCouncil": "received",
    "SumUpResults": "verified",
    "RecordCouncilMeeting": "summed_up",
    "ProposeRecognition": "council_met",
    "ApproveRecognition": "proposed",
    "AnnounceRecognition": "approved",
}


def test_every_command_has_its_roles_its_decision_and_its_schema() -> None:
    """No command is forgotten in the table of the procedure."""
    assert STEPS.keys() == command_schemas().keys()
    assert all(step.roles for step in STEPS.values())


def test_every_role_may_do_something_and_has_a_vietnamese_name() -> None:
    """The roles of the procedure."""
    assert {role for name, step in STEPS.items() if name != "CorrectFact" for role in step.roles} == set(Role)
    assert len({role.text.vi for role in Role}) == len(Role)


@pytest.mark.parametrize("drafts", EACH_KIND, ids=lambda drafts: drafts.unit.kind.value)
@pytest.mark.parametrize("actor", ACTORS, ids="-".join)
def test_no_step_is_taken_by_whom_it_is_not_for(drafts: Drafts, actor: tuple[str, str]) -> None:
    """Each step of the way, tried by everybody else."""
    steps = [each for each in commands_up_to(drafts, "announced") if each["command"] in PREDECESSORS]
    for draft in steps:
        before = PREDECESSORS[draft["command"]] or ("forwarded_to_province" if drafts is COMMUNE else "submitted")
        role, agency = draft["actor"]["role"], draft["actor"]["agency"]
        meets_too = draft["command"] == "RecordCouncilMeeting" and actor == ("standing_agency", "so-tttt")
        if actor == (role, agency) or meets_too:
            continue
        other = {**draft, "actor": {"person": "Người khác", "role": actor[0], "agency": actor[1]}}
        given(history(drafts, before)).when(other).refused("WRONG_ACTOR")


def test_the_standing_agency_may_record_the_council_meeting() -> None:
    """It is the council's secretariat."""
    met = given(history(COMMUNE, "summed_up")).when(COMMUNE.council_meets(actor=("standing_agency", "so-tttt")))
    met.then("CouncilMeetingRecorded")


def test_a_districts_council_meets_on_the_district_itself_and_on_its_communes_only() -> None:
    """Each of them by its own district."""
    given(history(DISTRICT, "self_assessed")).when(DISTRICT.meet(actor=("district_council", "140"))).refused(
        "WRONG_ACTOR"
    )
    given(history(DISTRICT, "self_assessed")).when(DISTRICT.meet(actor=("steering_committee", "135"))).refused(
        "WRONG_ACTOR", expected="district_council of 135"
    )


@pytest.mark.parametrize("actor", [("applicant", "nobody"), ("king", "04630")], ids="-".join)
def test_an_unknown_actor_is_no_command_at_all(actor: tuple[str, str]) -> None:
    """Malformed rather than refused: its command id stays free."""
    then = given(history(COMMUNE, "self_assessed")).when(COMMUNE.submit_to_district(actor=actor))
    assert isinstance(then.error, InvalidInput)
    assert not then.new
