"""The applicant's side and the district's leg: from the opening to the province's door (II.1)."""

from __future__ import annotations

from typing import Any

from domain.agencies import agency
from domain.authorization import Role
from domain.catalogue import AnswerKind, Requirement, UnitKind
from infra.demo import figures
from infra.demo.documents import Office, numbered, office_of, paper
from infra.demo.people import persons
from infra.demo.story import Story

_REPORT = "Báo cáo kết quả thực hiện Bộ tiêu chí chuyển đổi số"
_LETTER = "Tờ trình đề nghị thẩm định, công nhận đạt chuyển đổi số"
_MINUTES = "Biên bản họp xét, đề nghị công nhận đạt chuyển đổi số"
_EVIDENCE = "Báo cáo tổng hợp số liệu"
_LONGEST_TITLE = 120
_IN_TWO_PARTS = 0.3
_WITH_COMMA = 0.3


def open_dossier(story: Story) -> None:
    """The unit opens its dossier."""
    story.submit("OpenDossier", story.applicant(), {})


def assess(story: Story, *, short_of: str | None = None) -> None:
    """The unit assesses itself, at once or in two parts. `short_of` is claimed as not met, whatever is planned."""
    story.pass_days(4, 12)
    codes = list(story.criteria)
    parts = [codes]
    if story.rng.random() < _IN_TWO_PARTS:
        middle = len(codes) // 2
        parts = [codes[:middle], codes[middle:]]
    for part in parts:
        claims = {code: _claim(story, code, missed=code == short_of) for code in part}
        story.submit("RecordSelfAssessment", story.applicant(), {"claims": claims})
        story.pass_days(1, 4)


def improve(story: Story, code: str) -> None:
    """The unit claims a criterion anew, now as met."""
    story.pass_days(14, 30)
    story.submit("RecordSelfAssessment", story.applicant(), {"claims": {code: _claim(story, code)}})


def complete(story: Story) -> None:
    """The unit answers a return: better evidence of some criteria, the same figures."""
    story.pass_days(3, 9)
    claims = {
        code: {"figure": story.claims[code], "evidence": [_evidence(story, code), _evidence(story, code)]}
        for code in story.rng.sample(story.codes(AnswerKind.RATIO), 2)
    }
    story.submit("RecordSelfAssessment", story.applicant(), {"claims": claims})


def own_meeting(story: Story) -> None:
    """A department's steering committee, or a district's council, meets on the unit itself."""
    story.pass_days(2, 8)
    body, role = _own_body(story)
    story.submit("RecordOwnMeeting", story.of_district(role), {"meeting": meeting(story, body)})


def submit(story: Story, *, refused: str | None = None) -> None:
    """A department or district submits to the province; `refused` is the code with which it fails."""
    story.pass_days(2, 6)
    office = _office(story)
    data = {
        "letter": numbered(story.rng, office, "TTr", story.day, _LETTER),
        "minutes": paper(None, _own_body(story)[0], story.day, _MINUTES),
        "report": numbered(story.rng, office, "BC", story.day, _REPORT),
    }
    if refused:
        story.refused(refused, "SubmitDossier", story.applicant(), data)
    else:
        story.submit("SubmitDossier", story.applicant(), data)


def submit_to_district(story: Story, *, refused: str | None = None) -> None:
    """A commune sends its report to the district council, through Phòng Văn hóa và Thông tin."""
    story.pass_days(2, 8)
    data = {"report": numbered(story.rng, _office(story), "BC", story.day, _REPORT)}
    if refused:
        story.refused(refused, "SubmitToDistrictCouncil", story.applicant(), data)
    else:
        story.submit("SubmitToDistrictCouncil", story.applicant(), data)


def appraise(story: Story) -> None:
    """The district council finds on every criterion and meets."""
    story.pass_days(7, 20)
    findings = {code: _district_finding(story, code) for code in story.criteria}
    body = f"Hội đồng thẩm định {_district_office(story).name.removeprefix('Ủy ban nhân dân ')}"
    held = meeting(story, body, recommends=not story.district_misses)
    story.submit("AppraiseDossier", story.of_district(Role.DISTRICT_COUNCIL), {"findings": findings, "meeting": held})


def send_on(story: Story, *, refused: str | None = None) -> None:
    """The district sends a commune's dossier on to the province."""
    story.pass_days(2, 6)
    office = _district_office(story)
    data = {
        "letter": numbered(story.rng, office, "TTr", story.day, _LETTER),
        "minutes": paper(None, office.name, story.day, _MINUTES),
    }
    actor = story.of_district(Role.DISTRICT_COMMITTEE)
    if refused:
        story.refused(refused, "SendToProvince", actor, data)
    else:
        story.submit("SendToProvince", actor, data)


def refuse_by_district(story: Story) -> None:
    """The district council refuses what it found not met; before that the district tried to send it on."""
    send_on(story, refused="RULE_NOT_MET")
    missed = ", ".join(sorted(story.district_misses))
    reasons = f"Chưa đạt tiêu chí bắt buộc {missed} theo kết quả thẩm định (số liệu mô phỏng)"
    story.submit("RefuseByDistrictCouncil", story.of_district(Role.DISTRICT_COUNCIL), {"reasons": reasons})


def return_by_district(story: Story) -> None:
    """The district council returns the dossier to the commune for completion."""
    story.pass_days(3, 9)
    code = story.some_code(AnswerKind.RATIO)
    missing = [f"Danh sách kèm theo số liệu của tiêu chí {code}"]
    story.submit("ReturnDossier", story.of_district(Role.DISTRICT_COUNCIL), {"missing": missing})


def withdraw(story: Story, *, by_district: bool = False) -> None:
    """The unit, or for a commune's dossier that was sent on its district, takes the dossier back."""
    story.pass_days(4, 12)
    actor = story.of_district(Role.DISTRICT_COMMITTEE) if by_district else story.applicant()
    story.submit("WithdrawDossier", actor, {"reason": "Rà soát lại số liệu trước khi đề nghị (mô phỏng)"})


def meeting(story: Story, body: str, *, recommends: bool = True) -> dict[str, Any]:
    """The minutes of a meeting in the parts of form 02."""
    rng = story.rng
    chair, secretary, *others = persons(rng, 7)
    votes = figures.votes(rng, recommends=recommends)
    if rng.random() < _WITH_COMMA:
        votes["percent"] = votes["percent"].replace(".", ",")
    begins = rng.choice((8, 9, 14))
    present = [participant(name, "Thành viên", body) for name in others]
    return {
        "begins": f"{begins:02d}:00",
        "ends": f"{begins + rng.randint(1, 2):02d}:{rng.choice((15, 30, 45))}",
        "place": "Phòng họp trực tuyến, " + _district_office(story).name,
        "body": body,
        "chair": participant(chair, "Chủ trì", body),
        "secretary": participant(secretary, "Thư ký", body),
        "present": present,
        "report_presented": _REPORT,
        "opinions": ["Thống nhất với kết quả rà soát; đề nghị tiếp tục duy trì các tiêu chí đã đạt (mô phỏng)"],
        "votes": votes,
        "minutes_approved_percent": "100",
        "signatures": [chair, secretary],
        "minutes": paper(None, body, story.day, _MINUTES),
    }


def participant(name: str, position: str, organisation: str) -> dict[str, str]:
    """A person at a meeting or inspection."""
    return {"name": name, "position": position, "organisation": organisation}


def _claim(story: Story, code: str, *, missed: bool = False) -> dict[str, Any]:
    criterion = story.criteria[code]
    if criterion.answer is AnswerKind.COMMUNES:
        return {}
    met = not missed and code not in story.weak
    if code in story.declared:
        said: dict[str, Any] = {"a": 0, "b": 0, "not_applicable": figures.NOT_APPLICABLE}
    else:
        said = figures.figure(story.rng, criterion, met=met)
    story.claims[code] = said
    return {"figure": said, "evidence": [_evidence(story, code)]} if met else {"figure": said}


def _evidence(story: Story, code: str) -> dict[str, Any]:
    asked = story.criteria[code].evidence
    title = asked[0].lstrip("- ").rstrip(".;")[:_LONGEST_TITLE] if asked else _EVIDENCE
    return numbered(story.rng, _office(story), "BC", story.day, f"{title}: tiêu chí {code}")


def _district_finding(story: Story, code: str) -> dict[str, Any]:
    if code in story.declared:
        return {"not_applicable_confirmed": True}
    claimed_met = code not in story.weak
    met = claimed_met and code not in story.district_misses
    return figures.checked(story.rng, story.criteria[code], story.claims[code], claimed_met=claimed_met, met=met)


def _own_body(story: Story) -> tuple[str, Role]:
    if story.unit.kind is UnitKind.DEPARTMENT:
        return f"Ban Chỉ đạo chuyển đổi số {agency(story.unit.id).name}", Role.STEERING_COMMITTEE
    return f"Hội đồng thẩm định {story.unit.name[0].lower()}{story.unit.name[1:]}", Role.DISTRICT_COUNCIL


def _office(story: Story) -> Office:
    return office_of(story.unit, story.world.units)


def _district_office(story: Story) -> Office:
    parent = story.unit.parent_id
    return office_of(story.world.units.get(parent) if parent else story.unit, story.world.units)


def plan_short(story: Story) -> str:
    """A mandatory criterion that the unit does not meet yet."""
    return story.some_code(AnswerKind.RATIO, AnswerKind.YES_NO, requirement=Requirement.MANDATORY)
