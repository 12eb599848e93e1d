"""Every command on one dossier as a user would draft it, valid by default; what is given replaces the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from domain.agencies import all_agencies
from domain.catalogue import AnswerKind, Level, catalogue
from domain.units import Unit
from tests.support.figures import Stated, at_target

Draft = dict[str, Any]
Actor = tuple[str, str]
"""Role and agency."""

SHA = "0123456789abcdef" * 4
CHAIRMAN: Actor = ("chairman", "ubnd-tinh")
STANDING: Actor = ("standing_agency", "so-tttt")

DAYS: Final = {
    "opened": "2024-06-17",
    "self_assessed": "2024-06-17",
    "own_meeting": "2024-06-20",
    "submitted": "2024-06-26",
    "submitted_to_district": "2024-06-20",
    "district_met": "2024-06-25",
    "forwarded_to_province": "2024-06-26",
    "received": "2024-07-01",
    "forwarded_to_members": "2024-07-10",
    "verified": "2024-07-22",
    "summed_up": "2024-07-29",
    "council_met": "2024-08-05",
    "proposed": "2024-08-07",
    "approved": "2024-08-15",
    "announced": "2024-08-22",
}
"""Step → its usual day in the year 2024."""


def usual_day(step: str, year: int) -> str:
    """The usual day of a step in a dossier's year."""
    return f"{year}{DAYS[step][4:]}"


def document(on: str, number: str | None = "12/VB", issuer: str = "Đơn vị") -> Draft:
    """A document of a day."""
    return {"number": number, "date": on, "issuer": issuer, "sha256": SHA}


def participant(name: str = "Nguyễn Văn An") -> Draft:
    """A person at a meeting."""
    return {"name": name, "position": "Giám đốc", "organisation": "Cơ quan"}


def votes(in_favour: int = 9, attending: int = 11, percent: str = "81.82") -> Draft:
    """Votes in favour, of those attending."""
    return {"in_favour": in_favour, "attending": attending, "percent": percent}


def meeting(on: str, **parts: Any) -> Draft:
    """Minutes in the parts of form 02, without a number, as the form has none."""
    return {
        "begins": "08:00",
        "ends": "10:30",
        "place": "Phòng họp",
        "body": "Ban Chỉ đạo",
        "chair": participant("Trần Thị Bình"),
        "secretary": participant("Lê Văn Cường"),
        "present": [participant("Phạm Thị Dung"), participant("Hoàng Văn Em")],
        "report_presented": "Báo cáo kết quả thực hiện Bộ tiêu chí",
        "opinions": ["Nhất trí"],
        "votes": votes(),
        "minutes_approved_percent": "100",
        "signatures": ["Trần Thị Bình", "Lê Văn Cường"],
        "minutes": document(on, None),
        **parts,
    }


def appointee(agency: str) -> Draft:
    """A council member for an agency."""
    return {"name": "Đỗ Văn Giang", "position": "Phó Giám đốc", "agency": agency}


def decision(on: str, number: str = "100/QĐ-UBND") -> Draft:
    """A decision as the Chairman signed it."""
    return {
        "decision": document(on, number, "Chủ tịch UBND tỉnh"),
        "signer": "Trần Huy Tuấn",
        "capacity": "chairman",
    }


def envelope(command: str, dossier: Any, on: str, actor: Actor, data: Mapping[str, Any]) -> Draft:
    """A command without its id."""
    role, agency = actor
    return {
        "command": command,
        "dossier": dossier,
        "on": on,
        "actor": {"person": "Nguyễn Văn An", "agency": agency, "role": role},
        "data": dict(data),
    }


def council(on: str, command: str = "EstablishCouncil", **data: Any) -> Draft:
    """The provincial council with a member for every agency."""
    members = [appointee(known.id) for known in all_agencies() if known.id != "ubnd-tinh"]
    whole = {
        **decision(on, "1/QĐ-UBND"),
        "chair": appointee("ubnd-tinh"),
        "standing_vice_chair": appointee("so-tttt"),
        "members": members,
    }
    return envelope(command, "council", on, CHAIRMAN, {**whole, **data})


class Drafts:
    """The commands on the dossier of a unit, level and year. `figures` replace what is claimed and found."""

    def __init__(self, unit: Unit, level: Level, year: int = 2024, figures: Mapping[str, Stated] | None = None) -> None:
        self.unit = unit
        self.level = level
        self.year = year
        self.criteria = catalogue().criteria_for(unit.kind, level)
        self.figures = figures or {}

    @property
    def reference(self) -> Draft:
        """The latest attempt."""
        return {"unit": self.unit.id, "level": self.level.value, "year": self.year}

    @property
    def applicant(self) -> Actor:
        """The unit itself."""
        return ("applicant", self.unit.id)

    @property
    def district(self) -> str:
        """The district of a commune, the unit itself otherwise."""
        return self.unit.parent_id or self.unit.id

    def figure(self, code: str) -> Stated:
        """What is stated of a criterion."""
        return self.figures[code] if code in self.figures else at_target(self.criteria[code])

    def claims(self, on: str = DAYS["self_assessed"]) -> Draft:
        """A claim with evidence of that day on every criterion."""
        return {
            code: {"evidence": [document(on)]}
            | ({} if criterion.answer is AnswerKind.COMMUNES else {"figure": self.figure(code)})
            for code, criterion in self.criteria.items()
        }

    def findings(self) -> Draft:
        """A district council's finding on every criterion."""
        return {code: _finding(self.figure(code)) for code in self.criteria}

    def letters(self, on: str) -> Draft:
        """A letter to every agency that leads a criterion."""
        return {criterion.lead_agency: document(on) for criterion in self.criteria.values()}

    def _draft(
        self, command: str, on: str, actor: Actor, defaults: Mapping[str, Any], data: Mapping[str, Any]
    ) -> Draft:
        changed = dict(data)
        acting = changed.pop("actor", actor)
        return envelope(command, self.reference, on, acting, {**defaults, **changed})

    def open(self, on: str = DAYS["opened"], **data: Any) -> Draft:
        return self._draft("OpenDossier", on, self.applicant, {}, data)

    def assess(self, on: str = DAYS["self_assessed"], **data: Any) -> Draft:
        return self._draft("RecordSelfAssessment", on, self.applicant, {"claims": self.claims(on)}, data)

    def meet(self, on: str = DAYS["own_meeting"], **data: Any) -> Draft:
        body = "steering_committee" if self.unit.kind.value == "department" else "district_council"
        return self._draft("RecordOwnMeeting", on, (body, self.district), {"meeting": meeting(on)}, data)

    def submit(self, on: str = DAYS["submitted"], **data: Any) -> Draft:
        parts = {"letter": document(on), "minutes": document(on, None), "report": document(on)}
        return self._draft("SubmitDossier", on, self.applicant, parts, data)

    def submit_to_district(self, on: str = DAYS["submitted_to_district"], **data: Any) -> Draft:
        return self._draft("SubmitToDistrictCouncil", on, self.applicant, {"report": document(on)}, data)

    def appraise(self, on: str = DAYS["district_met"], **data: Any) -> Draft:
        found = {"findings": self.findings(), "meeting": meeting(on)}
        return self._draft("AppraiseDossier", on, ("district_council", self.district), found, data)

    def send_on(self, on: str = DAYS["forwarded_to_province"], **data: Any) -> Draft:
        parts = {"letter": document(on), "minutes": document(on, None)}
        return self._draft("SendToProvince", on, ("district_committee", self.district), parts, data)

    def refuse(self, on: str = "2024-06-26", **data: Any) -> Draft:
        reasons = {"reasons": "Chưa đủ điều kiện"}
        return self._draft("RefuseByDistrictCouncil", on, ("district_council", self.district), reasons, data)

    def receive(self, on: str = DAYS["received"], **data: Any) -> Draft:
        return self._draft("ReceiveDossier", on, STANDING, {}, data)

    def give_back(self, on: str = "2024-07-02", **data: Any) -> Draft:
        return self._draft("ReturnDossier", on, STANDING, {"missing": ["evidence of I.1"]}, data)

    def forward(self, on: str = DAYS["forwarded_to_members"], **data: Any) -> Draft:
        return self._draft("ForwardToCouncil", on, STANDING, {"letters": self.letters(on)}, data)

    def inspect(self, code: str, on: str = "2024-07-18", **data: Any) -> Draft:
        seen = {
            "minutes": document(on, None),
            "place": "Trụ sở đơn vị",
            "present": [participant()],
            "findings": {code: "Đã kiểm tra thực tế"},
        }
        return self._draft("RecordFieldInspection", on, self._lead(code), seen, data)

    def verify(self, code: str, on: str = DAYS["verified"], **data: Any) -> Draft:
        return self._draft("VerifyCriterion", on, self._lead(code), self._result(code, on), data)

    def correct(self, code: str, corrects: int, on: str = "2024-07-23", **data: Any) -> Draft:
        result = {**self._result(code, on), "corrects": corrects, "reason": "Nhầm số liệu"}
        return self._draft("CorrectVerification", on, self._lead(code), result, data)

    def sum_up(self, on: str = DAYS["summed_up"], **data: Any) -> Draft:
        return self._draft("SumUpResults", on, STANDING, {"report": document(on)}, data)

    def close(self, on: str = "2024-07-30", **data: Any) -> Draft:
        return self._draft("CloseAsUnfavourable", on, STANDING, {"reasons": "Không đủ điều kiện"}, data)

    def council_meets(self, on: str = DAYS["council_met"], **data: Any) -> Draft:
        held = {
            "chair": participant(),
            "present": [participant()],
            "minutes": document(on, None),
            "recommends": True,
            "votes": votes(),
        }
        return self._draft("RecordCouncilMeeting", on, ("provincial_council", "council"), held, data)

    def propose(self, on: str = DAYS["proposed"], **data: Any) -> Draft:
        return self._draft("ProposeRecognition", on, STANDING, {"letter": document(on)}, data)

    def approve(self, on: str = DAYS["approved"], **data: Any) -> Draft:
        return self._draft("ApproveRecognition", on, CHAIRMAN, {**decision(on), "level": self.level.value}, data)

    def reject(self, on: str = DAYS["approved"], **data: Any) -> Draft:
        return self._draft("RejectRecognition", on, CHAIRMAN, {**decision(on), "reasons": "Chưa đạt"}, data)

    def announce(self, on: str = DAYS["announced"], **data: Any) -> Draft:
        said = {"place": "Hội trường", "form": "Hội nghị công bố"}
        return self._draft("AnnounceRecognition", on, self.applicant, said, data)

    def withdraw(self, on: str, **data: Any) -> Draft:
        return self._draft("WithdrawDossier", on, self.applicant, {"reason": "Bổ sung số liệu"}, data)

    def correct_fact(self, corrects: int, on: str, **data: Any) -> Draft:
        return self._draft("CorrectFact", on, self.applicant, {"corrects": corrects, "reason": "Ghi nhầm"}, data)

    def correct_decision(self, on: str, **data: Any) -> Draft:
        said = {**decision(on, "200/QĐ-UBND"), "reason": "Sai số", "corrected": document("2024-08-15", "101/QĐ-UBND")}
        return self._draft("CorrectDecision", on, CHAIRMAN, said, data)

    def revoke(self, on: str, **data: Any) -> Draft:
        return self._draft("RevokeDecision", on, CHAIRMAN, {**decision(on, "300/QĐ-UBND"), "reason": "Sai"}, data)

    def recognised_earlier(self, on: str, number: str = "50/QĐ-UBND", **data: Any) -> Draft:
        return self._draft("RecordEarlierRecognition", on, STANDING, decision(on, number), data)

    def _lead(self, code: str) -> Actor:
        return ("council_member", self.criteria[code].lead_agency if code in self.criteria else "so-tttt")

    def _result(self, code: str, on: str) -> Draft:
        finding = _finding(self.figure(code)) if code in self.criteria else {"answer": True}
        return {"criterion": code, "finding": finding, "system": "Hệ thống báo cáo", "letter": document(on)}


def _finding(figure: Stated) -> Stated:
    """A finding on a claimed figure: what was declared not applicable is confirmed."""
    return {"not_applicable_confirmed": True} if "not_applicable" in figure else dict(figure)
