"""Every step of the procedure by its subcommand."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from domain.dossier.states import State
from domain.procedure import STEPS
from infra.cli.main import app
from tests.support import terminal as way
from tests.support.terminal import COMMUNE, NUMBER, PERSON, Terminal, signed

Steps = Callable[[Terminal], list[str]]


def at(name: str) -> pytest.MarkDecorator:
    """Begin on a copy of the log of a stage."""
    return pytest.mark.parametrize("stage", [name], indirect=True)


def state_of(terminal: Terminal, dossier: str = NUMBER) -> str:
    """The state of a dossier."""
    return str(terminal.json("status", dossier)["state"])


def test_one_commune_from_the_first_step_to_the_last(finished: Terminal) -> None:
    """The stages of the fixture went through every step; the log holds them with their defaults for who acts."""
    assert state_of(finished) == State.ANNOUNCED
    trail = finished.rows("audit", NUMBER)
    steps = [(fact["event"], fact["agency"], fact["role"]) for fact in trail if fact["event"] != "CriterionVerified"]
    assert steps == [
        ("DossierOpened", COMMUNE, "applicant"),
        ("SelfAssessmentRecorded", COMMUNE, "applicant"),
        ("DossierSubmittedToDistrictCouncil", COMMUNE, "applicant"),
        ("DossierAppraised", "140", "district_council"),
        ("DossierSentToProvince", "140", "district_committee"),
        ("DossierReceived", "so-tttt", "standing_agency"),
        ("DossierForwardedToCouncil", "so-tttt", "standing_agency"),
        ("ResultsSummedUp", "so-tttt", "standing_agency"),
        ("CouncilMeetingRecorded", "council", "provincial_council"),
        ("RecognitionProposed", "so-tttt", "standing_agency"),
        ("RecognitionApproved", "ubnd-tinh", "chairman"),
        ("RecognitionAnnounced", COMMUNE, "applicant"),
    ]
    assert len(trail) == 12 + 42
    assert {fact["person"] for fact in trail} == {PERSON}


def test_the_answer_says_where_the_dossier_stands_now(terminal: Terminal) -> None:
    said = terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12").out
    for part in ("DossierOpened", NUMBER, "Xã Tú Lệ", "opened", "applicant", "0/1"):
        assert part in said
    said = terminal.run("withdraw", NUMBER, "--on=2024-06-13", "--lang=vi").out
    for part in ("Đã ghi nhận", "đã rút hồ sơ", "không còn bước bắt buộc"):
        assert part in said


def test_with_json_the_answer_is_that_of_apply(terminal: Terminal) -> None:
    command_id = "0190b3a0-0000-7000-8000-000000000001"
    asked = ("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12", "--command-id", command_id)
    answer = terminal.json(*asked)
    assert answer == {
        "command_id": command_id,
        "ok": True,
        "dossier": terminal.json("status", NUMBER)["dossier_id"],
        "version": 1,
        "partition": 0,
        "position": 1,
        "events": ["DossierOpened"],
    }
    assert terminal.json(*asked) == answer, "the same id again gets the first answer"
    assert len(terminal.rows("audit", NUMBER)) == 1


@at("self_assessed")
def test_a_dossier_is_named_by_number_id_or_unit_level_and_year(stage: Terminal) -> None:
    row = stage.json("status", NUMBER)
    for name in (NUMBER.lower(), row["dossier_id"], f"{COMMUNE}:basic:2024"):
        assert stage.json("status", name) == row
    report = stage.doc("25/BC-UBND", "2024-06-18")
    stage.run("submit-to-district", row["dossier_id"], "--report", report, "--on=2024-06-19")
    stage.run("return", f"{COMMUNE}:basic:2024", "--missing=Chữ ký", "--on=2024-06-20")
    assert state_of(stage) == State.RETURNED
    assert stage.rows("audit", NUMBER)[-1]["role"] == "district_council"


@at("self_assessed")
def test_the_district_refuses(stage: Terminal) -> None:
    stage.run("submit-to-district", NUMBER, "--report", stage.doc("25/BC", "2024-06-18"), "--on=2024-06-19")
    stage.run("refuse-by-district", NUMBER, "--reasons=Chưa đạt", "--on=2024-06-25")
    assert state_of(stage) == State.REFUSED_BY_DISTRICT_COUNCIL


@at("received")
def test_return_by_the_province_and_withdrawal_by_the_district(stage: Terminal) -> None:
    stage.run("return", NUMBER, "--missing=Biên bản", "--missing=Tài liệu I.7", "--on=2024-07-02")
    returned = stage.rows("audit", NUMBER)[-1]
    assert (returned["role"], returned["details"]["missing"]) == ("standing_agency", ["Biên bản", "Tài liệu I.7"])
    stage.run("withdraw", NUMBER, "--reason=Nộp lại sau", "--on=2024-07-03")
    assert stage.rows("audit", NUMBER)[-1]["agency"] == "140"
    assert state_of(stage) == State.WITHDRAWN


@at("received")
def test_letters_one_by_one(stage: Terminal) -> None:
    leads = {criterion["lead_agency"] for criterion in _basic(stage)}
    letters = [f"--letter={lead}={stage.doc(f'7{place}/STTTT', '2024-07-10')}" for place, lead in enumerate(leads)]
    stage.run("forward", NUMBER, *letters, "--on=2024-07-10")
    assert state_of(stage) == State.FORWARDED_TO_MEMBERS


@at("forwarded")
def test_inspect_verify_and_correct(stage: Terminal) -> None:
    minutes = [
        "--minutes",
        stage.doc("", "2024-07-15"),
        "--place=Trạm Y tế xã",
        "--present=Phạm Huy|Phó Giám đốc|Sở Y tế",
    ]
    stage.run("inspect", NUMBER, *minutes, "--finding=III.12=Có đủ trang thiết bị", "--on=2024-07-15")
    letter = ["--letter", stage.doc("915/SYT", "2024-07-18")]
    stage.run("verify", NUMBER, "III.12", "--no", *letter, "--on=2024-07-18")
    contribution = f"--contribution=cuc-tk={stage.doc('88/CTK', '2024-07-12')}"
    stage.run(
        "verify",
        NUMBER,
        "III.7",
        "--a=95",
        "--b=100",
        "--met",
        "--system=HSSK",
        contribution,
        *letter,
        "--on=2024-07-18",
    )
    stage.run("verify", NUMBER, "I.10", "--count=2", "--system=QLCB", *letter, "--on=2024-07-18")
    replayed = stage.json("replay", NUMBER)
    assert replayed["criteria"]["III.12"]["result"]["met"] is False
    fact = replayed["criteria"]["III.12"]["fact"]
    correcting = ["--corrects", str(fact), "--reason=Nhầm", "--yes", *letter, "--on=2024-07-19"]
    stage.run("correct-verification", NUMBER, "III.12", *correcting)
    assert stage.json("replay", NUMBER)["criteria"]["III.12"]["result"]["met"] is True
    assert stage.rows("audit", NUMBER)[-1]["agency"] == "so-yt"


def test_not_applicable_is_declared_and_confirmed(terminal: Terminal) -> None:
    way.established(terminal)
    terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12")
    form = terminal.json("template", "self-assessment", NUMBER)
    for code, figure in way.figures(form).items():
        form[code] |= {"figure": figure, "evidence": [f"21/BC|2024-06-14|UBND xã|{terminal.paper}"]}
    form["I.3"]["figure"] = {"a": None, "b": None, "not_applicable": "Không có thủ tục"}
    claims = terminal.file("claims.json", json.dumps(form))
    terminal.run("self-assess", NUMBER, "--claims", claims, "--on=2024-06-17")
    asked = terminal.json("template", "findings", NUMBER)["I.3"]
    assert asked["not_applicable_confirmed"] is None
    assert asked["_claimed"] == {"not_applicable": "Không có thủ tục"}
    again = terminal.json("template", "self-assessment", NUMBER)
    assert again["I.3"]["figure"] == {"not_applicable": "Không có thủ tục"}


@at("verified")
def test_closing_is_refused_while_the_sum_is_favourable(stage: Terminal) -> None:
    stage.run("sum-up", NUMBER, "--on=2024-07-24")
    assert "SUM_IS_FAVOURABLE" in stage.run("close", NUMBER, "--reasons=Không đủ", "--on=2024-07-25", code=3).err
    minutes = stage.doc("", "2024-07-30")
    who = ["--chair=Lê Bình|Phó Chủ tịch|UBND tỉnh", "--present=Lê Bình|Phó Chủ tịch|UBND tỉnh"]
    meeting = ["council-meeting", NUMBER, *who, "--minutes", minutes, "--on=2024-07-30"]
    assert "BAD_OPTION" in stage.run(*meeting, code=2).err
    stage.run(*meeting, "--does-not-recommend")
    stage.run("close", NUMBER, "--reasons=Hội đồng không đề nghị", "--on=2024-07-31")
    assert state_of(stage) == State.CLOSED_AS_UNFAVOURABLE


@at("proposed")
def test_rejection(stage: Terminal) -> None:
    stage.run("reject", NUMBER, "--reasons=Chưa thống nhất", *signed(stage, "1246/QĐ-UBND", "2024-08-15"))
    assert state_of(stage) == State.REJECTED
    stage.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-09-02")
    assert stage.json("status", f"{COMMUNE}:basic:2024")["number"] == "04630-CB-2024-2"


@at("announced")
def test_corrections_of_a_fact_and_of_the_decision_and_revocation(stage: Terminal) -> None:
    letter = {"letter": stage.doc("143/TTr-UBND", "2024-06-26")}
    correction = stage.file("correction.json", json.dumps(letter))
    stage.run("correct-fact", NUMBER, "5", "--reason=Nhầm số", "--correction", correction, "--on=2024-09-01")
    corrected = stage.rows("audit", NUMBER)[-1]
    assert (corrected["agency"], corrected["role"]) == ("140", "district_committee")
    stage.run("correct-fact", NUMBER, "2", "--reason=Nhầm ngày", "--took-place-on=2024-06-16", "--on=2024-09-01")

    right = stage.doc("1254/QĐ-UBND", "2024-08-15")
    decision = signed(stage, "1310/QĐ-UBND", "2024-09-10")
    stage.run("correct-decision", NUMBER, "--reason=Nhầm số", "--corrected", right, *decision)
    assert stage.json("status", NUMBER)["decision_number"] == "1254/QĐ-UBND"

    stage.run("revoke", NUMBER, "--reason=Số liệu sai", *signed(stage, "1822/QĐ-UBND", "2024-11-05"))
    assert state_of(stage) == State.REVOKED
    assert stage.json("eligibility", COMMUNE)["reason"]["code"] == "REVOKED"


def test_an_earlier_recognition(terminal: Terminal) -> None:
    decision = terminal.doc("2103/QĐ-UBND", "2023-11-20")
    terminal.run("record-earlier", COMMUNE, "--level=basic", "--year=2023", "--decision", decision)
    eligible = terminal.json("eligibility", COMMUNE)
    assert (eligible["eligible"], eligible["tier"], eligible["since"]) == (True, "basic", "2023-11-20")


def test_the_council_is_changed(terminal: Terminal) -> None:
    way.established(terminal)
    terminal.run(
        "change-council",
        "--reason=Thay đổi nhân sự",
        *signed(terminal, "1450/QĐ-UBND", "2024-09-10"),
        "--chair=Lê Thị Bình|Phó Chủ tịch UBND tỉnh|ubnd-tinh",
        "--vice-chair=Trần Thị Thu Hà|Giám đốc|so-tttt",
        "--member=Phạm Quốc Huy|Phó Giám đốc|so-yt",
    )
    assert [fact["event"] for fact in terminal.rows("audit", "council")] == ["CouncilEstablished", "CouncilChanged"]


def test_a_department_meets_and_submits(terminal: Terminal) -> None:
    number = "SO-NV-CB-2024-1"
    terminal.run("open", "so-nv", "--level=basic", "--year=2024", "--on=2024-06-12")
    form = terminal.json("template", "self-assessment", number)
    for code, figure in way.figures(form).items():
        form[code] |= {"figure": figure, "evidence": [f"21/BC|2024-06-14|Sở Nội vụ|{terminal.paper}"]}
    terminal.run("self-assess", number, "--claims=-", "--on=2024-06-17", given=json.dumps(form))
    terminal.run("own-meeting", number, "--meeting", way.meeting(terminal, "2024-06-20"), "--on=2024-06-20")
    assert terminal.rows("audit", number)[-1]["role"] == "steering_committee"
    papers = ["--letter", terminal.doc("64/TTr", "2024-06-25"), "--minutes", terminal.doc("", "2024-06-20")]
    terminal.run("submit", number, *papers, "--report", terminal.doc("118/BC", "2024-06-24"), "--on=2024-06-25")
    assert state_of(terminal, number) == State.SUBMITTED


def test_a_form_may_be_filled_in_bit_by_bit(terminal: Terminal) -> None:
    terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12")
    form = terminal.json("template", "self-assessment", NUMBER)
    assert form["I.1"]["_name"]
    assert form["I.1"]["_target"] == "40"
    assert form["I.1"]["_lead"] == "Sở Thông tin và Truyền thông"
    form["I.7"]["figure"]["answer"] = True
    claims = terminal.file("claims.json", json.dumps(form))
    said = terminal.run("self-assess", NUMBER, "--claims", claims, "--on=2024-06-17")
    assert "not filled in, left out: I.1, I.2" in said.err
    assert state_of(terminal) == State.OPENED
    assert terminal.json("template", "self-assessment", NUMBER)["I.7"]["figure"] == {"answer": True}


def test_who_acts_can_be_said(terminal: Terminal) -> None:
    opening = ("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12")
    for wrong in (["--as=chairman:ubnd-tinh"], ["--role=district_council"], ["--agency=04633"]):
        assert "WRONG_ACTOR" in terminal.run(*opening, *wrong, code=3).err
    terminal.run(*opening, "--as", f"applicant:{COMMUNE}", "--person=Hà Lan")
    assert terminal.rows("audit", NUMBER)[0]["person"] == "Hà Lan"


def test_every_command_of_the_procedure_has_its_subcommand() -> None:
    """The docstring of each subcommand's function names the command that it gives."""
    given = {command.callback.__doc__ for command in app.registered_commands if command.callback}
    assert {f"{name}." for name in STEPS} <= given


def _basic(terminal: Terminal) -> list[dict[str, str]]:
    found: list[dict[str, str]] = terminal.json("criteria", "--kind=commune", "--level=basic")["criteria"]
    return found
