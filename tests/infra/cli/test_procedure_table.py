"""`dossier procedure`: the table for people and for programs."""

from __future__ import annotations

import pytest

from domain.catalogue import UnitKind
from domain.dossier.states import State
from domain.procedure import PROCEDURE
from domain.transitions import reachable
from tests.support.terminal import Terminal

BEYOND_A_KIND = {
    UnitKind.DEPARTMENT: {"SubmitToDistrictCouncil", "AppraiseDossier", "SendToProvince", "RefuseByDistrictCouncil"},
    UnitKind.DISTRICT: {"SubmitToDistrictCouncil", "AppraiseDossier", "SendToProvince", "RefuseByDistrictCouncil"},
    UnitKind.COMMUNE: {"RecordOwnMeeting", "SubmitDossier"},
}


def test_every_step_is_printed_in_the_order_of_the_table(terminal: Terminal) -> None:
    """With the clause that the table names, and what the record must hold by the command's own schema."""
    steps = terminal.json("procedure")
    assert [(step["command"], step["event"], step["clause"]) for step in steps] == [
        (step.name, step.event.__name__, step.clause) for step in PROCEDURE
    ]
    verify = next(step for step in steps if step["command"] == "VerifyCriterion")
    assert verify["roles"] == ["council_member"]
    assert verify["from"] == ["forwarded_to_members", "verifying"]
    assert verify["leads_to"] == ["verifying", "verified"]
    assert verify["may_follow"] == ["RecordFieldInspection", "VerifyCriterion", "SumUpResults"]
    assert verify["must_hold"].keys() == {"criterion", "finding", "system", "letter", "contributions"}
    for step in steps:
        for said in (step["title"], step["description"], *step["must_hold"].values()):
            assert said["en"]
            assert said["vi"]


@pytest.mark.parametrize("kind", UnitKind)
def test_a_kind_of_unit_has_its_own_steps(terminal: Terminal, kind: UnitKind) -> None:
    """What another kind does is left out, among the steps, the roles and what may follow."""
    steps = terminal.json("procedure", f"--kind={kind}")
    own = {step["command"] for step in steps}
    assert own == {step.name for step in PROCEDURE} - BEYOND_A_KIND[kind]
    states = {State(state) for step in steps for state in step["from"] or ()}
    assert states <= reachable(kind)
    assert {name for step in steps for name in step["may_follow"]} <= own
    meets = [step["roles"] for step in steps if step["command"] == "RecordOwnMeeting"]
    assert meets == {
        UnitKind.DEPARTMENT: [["steering_committee"]],
        UnitKind.DISTRICT: [["district_council"]],
        UnitKind.COMMUNE: [],
    }.get(kind)


def test_it_reads_for_people_in_both_languages(terminal: Terminal) -> None:
    """A fact is corrected by whoever recorded it, and a correction changes nothing of what may follow."""
    said = terminal.run("procedure", "--kind=commune").out
    for part in (
        "3. Open a dossier (OpenDossier)",
        "II.1.1.c, II.1.2",
        "the agency that recorded the fact",
        "Send a commune's dossier on to the province; Refuse a commune's dossier; Return the dossier for completion",
        "what could follow before it",
    ):
        assert part in said
    said = terminal.run("procedure", "--lang=vi").out
    for part in ("3. Mở hồ sơ (OpenDossier)", "cách hiểu 3", "Ban Chỉ đạo chuyển đổi số cấp sở", "tiếp theo"):
        assert part in said
    assert "may follow" not in said


def test_a_kind_that_does_not_exist_is_wrong_use(terminal: Terminal) -> None:
    assert terminal.run("procedure", "--kind=province", code=2).err
