"""The province's side: receipt, letters, inspections, results, sum, council and proposal (II.2, II.3, III.1)."""

from __future__ import annotations

from datetime import date
from typing import Any

from domain.authorization import Role
from domain.catalogue import AnswerKind
from infra.demo import figures
from infra.demo.application import participant
from infra.demo.days import later
from infra.demo.documents import COUNCIL_OFFICE, numbered, office_of_agency, paper
from infra.demo.people import persons
from infra.demo.story import Story

_SYSTEMS = {
    "so-tttt": "Hệ thống thông tin giải quyết thủ tục hành chính tỉnh Yên Bái",
    "vp-ubnd-hcc": "Cổng Dịch vụ công quốc gia",
    "vp-ubnd-ioc": "Hệ thống quản lý văn bản và điều hành",
    "so-yt": "Hệ thống hồ sơ sức khỏe điện tử",
    "cong-an": "Hệ thống định danh và xác thực điện tử",
    "so-gddt": "Cơ sở dữ liệu ngành giáo dục",
    "nhnn": "Hệ thống báo cáo thống kê ngân hàng",
    "so-nv": "Cơ sở dữ liệu cán bộ, công chức, viên chức",
    "so-nnptnt": "Hệ thống quản lý sản phẩm OCOP",
    "so-xd": "Hệ thống quản lý chiếu sáng công cộng",
    "so-ldtbxh": "Hệ thống chi trả trợ cấp an sinh xã hội",
}
_INSPECTED_RATIOS = 0.15
_CONTRIBUTES = 0.25
_INSPECTION = "Biên bản kiểm tra, thẩm định thực tế"
_RESULT = "Văn bản kết quả thẩm định các tiêu chí"


def receive(story: Story) -> None:
    """The standing agency has the complete dossier: the 15 days start."""
    story.pass_days(1, 4)
    story.submit("ReceiveDossier", story.by(Role.STANDING_AGENCY), {})


def return_by_agency(story: Story) -> None:
    """The standing agency returns the dossier for completion: the clock stops."""
    story.pass_days(2, 6)
    missing = [
        f"Tài liệu kiểm chứng của tiêu chí {story.some_code(AnswerKind.RATIO)} chưa đủ căn cứ",
        "Biểu tổng hợp số liệu chưa có xác nhận của đơn vị",
    ]
    story.submit("ReturnDossier", story.by(Role.STANDING_AGENCY), {"missing": missing})


def forward(story: Story, *, late: bool = False, refused: str | None = None) -> None:
    """The standing agency writes to every lead agency; `late`: after the fifteenth day."""
    story.pass_days(*((17, 27) if late else (3, 11)))
    letters = {lead: _letter_to(story, lead) for lead in story.agencies()}
    actor = story.by(Role.STANDING_AGENCY)
    if refused:
        story.refused(refused, "ForwardToCouncil", actor, {"letters": letters})
    else:
        story.submit("ForwardToCouncil", actor, {"letters": letters})


def verify(story: Story, *, share: float = 1.0) -> None:
    """The lead agencies inspect in the field and give their results, each in its own time; `share` of the agencies."""
    rng = story.rng
    leads = [lead for lead in story.agencies() if lead not in story.heard]
    rng.shuffle(leads)
    ready = leads[: max(1, round(share * len(leads)))]
    story.heard.update(ready)
    visits: list[tuple[date, int, str]] = []
    for lead in ready:
        visit = later(story.day, rng.randint(2, 9))
        visits += [(visit, 0, lead), (later(visit, rng.randint(1, 9)), 1, lead)]
    for day, results, lead in sorted(visits):
        story.wait_until(day)
        if results:
            _give_results(story, lead)
        else:
            _inspect(story, lead)
        if results and share == 1 and (day, results, lead) != max(visits) and rng.random() < 0.03:  # noqa: PLR2004
            story.refused("CRITERIA_MISSING", "SumUpResults", story.by(Role.STANDING_AGENCY), {})


def result(story: Story, code: str, *, met: bool, day: date | None = None) -> dict[str, Any]:
    """The data of a lead agency's result on one criterion."""
    criterion, rng = story.criteria[code], story.rng
    if code in story.declared:
        finding: dict[str, Any] = {"not_applicable_confirmed": story.declared[code]}
    elif criterion.answer is AnswerKind.COMMUNES:
        finding = {}
    else:
        claimed_met = code not in story.weak
        finding = figures.checked(rng, criterion, story.claims[code], claimed_met=claimed_met, met=met)
    data: dict[str, Any] = {"criterion": code, "finding": finding}
    if code not in story.inspected and criterion.answer is not AnswerKind.COMMUNES:
        data["system"] = _SYSTEMS[criterion.lead_agency]
    data["letter"] = numbered(rng, office_of_agency(criterion.lead_agency), "", day or story.day, _RESULT)
    if criterion.coordinating_agencies and rng.random() < _CONTRIBUTES:
        helper = rng.choice(criterion.coordinating_agencies)
        said = numbered(rng, office_of_agency(helper), "", story.day, f"Văn bản phối hợp thẩm định tiêu chí {code}")
        data["contributions"] = [{"agency": helper, "document": said}]
    return data


def is_met(story: Story, code: str) -> bool:
    """What the lead agency is planned to find."""
    return code not in story.weak and code not in story.misses


def correct_result(story: Story, code: str, *, met: bool, why: str) -> None:
    """The lead agency corrects its result and says why."""
    data = {"corrects": story.results[code], "reason": why, **result(story, code, met=met)}
    lead = story.criteria[code].lead_agency
    story.results[code] = story.submit("CorrectVerification", story.by(Role.COUNCIL_MEMBER, lead), data)


def sum_up(story: Story) -> None:
    """The standing agency sums up the results."""
    story.pass_days(2, 6)
    report = numbered(story.rng, office_of_agency("so-tttt"), "BC", story.day, "Báo cáo tổng hợp kết quả thẩm định")
    story.submit("SumUpResults", story.by(Role.STANDING_AGENCY), {"report": report})


def close_unfavourable(story: Story, reasons: str) -> None:
    """The attempt ends: the council is not convened, or it did not recommend."""
    story.pass_days(1, 5)
    story.submit("CloseAsUnfavourable", story.by(Role.STANDING_AGENCY), {"reasons": reasons})


def council_meets(story: Story, *, recommends: bool = True) -> None:
    """The provincial council meets on the favourable sum."""
    story.pass_days(4, 12)
    rng = story.rng
    chair, *others = persons(rng, 9)
    role = Role.PROVINCIAL_COUNCIL if rng.random() < 0.8 else Role.STANDING_AGENCY  # noqa: PLR2004
    data = {
        "chair": participant(chair, "Chủ tịch Hội đồng", "Ủy ban nhân dân tỉnh Yên Bái"),
        "present": [participant(name, "Thành viên Hội đồng", COUNCIL_OFFICE.name) for name in others],
        "minutes": paper(None, COUNCIL_OFFICE.name, story.day, "Biên bản họp Hội đồng thẩm định tỉnh"),
        "recommends": recommends,
        "votes": figures.votes(rng, recommends=recommends),
    }
    story.submit("RecordCouncilMeeting", story.by(role), data)


def propose(story: Story, *, refused: str | None = None) -> None:
    """The standing agency proposes recognition in the council's name."""
    story.pass_days(2, 6)
    letter = numbered(story.rng, COUNCIL_OFFICE, "TTr", story.day, "Tờ trình đề nghị công nhận đạt chuyển đổi số")
    actor = story.by(Role.STANDING_AGENCY)
    if refused:
        story.refused(refused, "ProposeRecognition", actor, {"letter": letter})
    else:
        story.submit("ProposeRecognition", actor, {"letter": letter})


def _letter_to(story: Story, lead: str) -> dict[str, Any]:
    office = office_of_agency("so-tttt")
    return numbered(story.rng, office, "", story.day, f"Văn bản đề nghị thẩm định gửi {office_of_agency(lead).name}")


def _inspect(story: Story, lead: str) -> None:
    """One visit for what no software system shows: what is not a ratio, and now and then a ratio."""
    rng = story.rng
    codes = [
        code
        for code, criterion in story.criteria.items()
        if criterion.lead_agency == lead
        and (
            criterion.answer in (AnswerKind.YES_NO, AnswerKind.COUNT)
            or (criterion.answer is AnswerKind.RATIO and rng.random() < _INSPECTED_RATIOS)
        )
    ]
    if not codes:
        return
    office = office_of_agency(lead).name
    host, *visitors = persons(rng, 4)
    data = {
        "minutes": paper(None, office, story.day, _INSPECTION),
        "place": story.unit.name,
        "present": [participant(host, "Đại diện đơn vị", story.unit.name)]
        + [participant(name, "Thành viên đoàn kiểm tra", office) for name in visitors],
        "findings": {code: f"Kiểm tra thực tế tiêu chí {code} (mô phỏng)" for code in codes},
    }
    story.submit("RecordFieldInspection", story.by(Role.COUNCIL_MEMBER, lead), data)
    story.inspected.update(codes)


def _give_results(story: Story, lead: str) -> None:
    """One letter holds all results of an agency."""
    letter: dict[str, Any] | None = None
    for code, criterion in story.criteria.items():
        if criterion.lead_agency == lead:
            data = result(story, code, met=is_met(story, code))
            letter = letter or data["letter"]
            data["letter"] = letter
            story.results[code] = story.submit("VerifyCriterion", story.by(Role.COUNCIL_MEMBER, lead), data)
