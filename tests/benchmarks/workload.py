"""The work that is measured: whole ways of communes' dossiers, from the opening to the announcement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification

from domain.catalogue import CountTarget, Criterion, Level, RatioTarget, UnitKind, catalogue
from domain.units import Unit, Units
from infra.bootstrap import Application
from infra.settings import load
from schemas.command_parser import read_command

Step = tuple[str, str, tuple[str, str], dict[str, Any]]
"""Command, day, (agency, role), data."""

_SHA = "5e" * 32
_BATCH = 1000
_PERSON = "Nguyễn Thị Hạnh"


def _document(number: str | None, day: str) -> dict[str, Any]:
    return {"number": number, "date": day, "issuer": "UBND xã", "sha256": _SHA}


def _participant(name: str) -> dict[str, str]:
    return {"name": name, "position": "Chủ tịch", "organisation": "UBND xã"}


def _meeting(day: str) -> dict[str, Any]:
    return {
        "begins": "08:00",
        "ends": "10:30",
        "place": "Hội trường UBND huyện",
        "body": "Hội đồng thẩm định cấp huyện",
        "chair": _participant("Trần Văn Bình"),
        "secretary": _participant("Lê Thu Hà"),
        "present": [_participant("Phạm Văn Dũng"), _participant("Hoàng Thị Lan")],
        "report_presented": "Báo cáo kết quả thực hiện Bộ tiêu chí",
        "opinions": ["Nhất trí với báo cáo"],
        "votes": {"in_favour": 9, "attending": 11, "percent": "81.82"},
        "minutes_approved_percent": "100",
        "signatures": ["Lê Thu Hà", "Trần Văn Bình"],
        "minutes": _document(None, day),
    }


def _figure(criterion: Criterion) -> dict[str, Any]:
    match criterion.target:
        case RatioTarget(percent=percent):
            return {"a": percent, "b": 100}
        case CountTarget(minimum=minimum):
            return {"count": minimum}
        case _:
            return {"answer": True}


def lines(dossiers: int) -> Iterator[str]:
    """JSON Lines: the council, then `dossiers` whole ways, commune by commune and year by year."""
    communes = Units.load().of_kind(UnitKind.COMMUNE)
    ids = iter(range(1, 10**9))
    council: Step = ("EstablishCouncil", "2022-01-05", ("ubnd-tinh", "chairman"), _council())
    yield _line(next(ids), "council", council)
    for number in range(dossiers):
        commune, year = communes[number % len(communes)], 2022 + number // len(communes) % 4
        reference = {"unit": commune.id, "level": "basic", "year": year}
        for step in _way(commune, year):
            yield _line(next(ids), reference, step)


def _line(number: int, dossier: object, step: Step) -> str:
    name, day, (agency, role), data = step
    envelope = {
        "command": name,
        # Spread like random ids, and the same in every run.
        "command_id": str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4)),
        "dossier": dossier,
        "on": day,
        "actor": {"person": _PERSON, "agency": agency, "role": role},
        "data": data,
    }
    return json.dumps(envelope, ensure_ascii=False)


def _council() -> dict[str, Any]:
    leads = sorted({criterion.lead_agency for criterion in catalogue().criteria})
    member = {"name": "Đỗ Đức Minh", "position": "Giám đốc"}
    return {
        "decision": _document("1/QĐ-UBND", "2022-01-05"),
        "signer": "Ngô Hạnh Phúc",
        "capacity": "deputy",
        "chair": {**member, "agency": "ubnd-tinh"},
        "standing_vice_chair": {**member, "agency": "so-tttt"},
        "members": [{**member, "agency": lead} for lead in leads],
    }


def _way(commune: Unit, year: int) -> Iterator[Step]:
    criteria = catalogue().criteria_for(UnitKind.COMMUNE, Level.BASIC)
    district = commune.parent_id or ""
    applicant, standing = (commune.id, "applicant"), ("so-tttt", "standing_agency")
    figures = {code: _figure(criterion) for code, criterion in criteria.items()}
    evidence = [_document("12/BC-UBND", f"{year}-05-02")]
    letter = _document("34/TTr-UBND", f"{year}-06-26")
    yield "OpenDossier", f"{year}-06-17", applicant, {}
    claims = {code: {"figure": figure, "evidence": evidence} for code, figure in figures.items()}
    yield "RecordSelfAssessment", f"{year}-06-17", applicant, {"claims": claims}
    yield "SubmitToDistrictCouncil", f"{year}-06-20", applicant, {"report": _document("13/BC", f"{year}-06-20")}
    appraisal = {"findings": figures, "meeting": _meeting(f"{year}-06-25")}
    yield "AppraiseDossier", f"{year}-06-25", (district, "district_council"), appraisal
    sent = {"letter": letter, "minutes": _document(None, f"{year}-06-25")}
    yield "SendToProvince", f"{year}-06-26", (district, "district_committee"), sent
    yield "ReceiveDossier", f"{year}-07-01", standing, {}
    letters = {criterion.lead_agency: letter for criterion in criteria.values()}
    yield "ForwardToCouncil", f"{year}-07-10", standing, {"letters": letters}
    for code, criterion in criteria.items():
        result = {"criterion": code, "finding": figures[code], "system": "Cổng Dịch vụ công", "letter": letter}
        yield "VerifyCriterion", f"{year}-07-22", (criterion.lead_agency, "council_member"), result
    yield "SumUpResults", f"{year}-07-29", standing, {}
    meeting = {
        "chair": _participant("Vũ Quang Huy"),
        "present": [_participant("Đặng Thị Mai")],
        "minutes": _document(None, f"{year}-08-05"),
        "recommends": True,
    }
    yield "RecordCouncilMeeting", f"{year}-08-05", ("council", "provincial_council"), meeting
    yield "ProposeRecognition", f"{year}-08-07", standing, {"letter": _document("56/TTr", f"{year}-08-07")}
    decision = {
        "decision": _document("78/QĐ-UBND", f"{year}-08-15"),
        "signer": "Trần Huy Tuấn",
        "capacity": "chairman",
        "level": "basic",
    }
    yield "ApproveRecognition", f"{year}-08-15", ("ubnd-tinh", "chairman"), decision
    yield "AnnounceRecognition", f"{year}-08-22", applicant, {"place": "Hội trường", "form": "Hội nghị"}


def application(folder: Path) -> Application:
    """A new embedded installation in a folder."""
    return Application(load({"DOSSIER_LOG": f"sqlite:///{folder}/log.sqlite"}), create=True)


@cache
def events(folder: Path, dossiers: int) -> tuple[Notification, ...]:
    """The events of that work, as the log keeps them."""
    with application(folder) as made:
        batch = [read_command(line) for line in lines(dossiers)]
        for start in range(0, len(batch), _BATCH):
            answers = made.handler.handle(batch[start : start + _BATCH])
            assert all(answer.outcome == "accepted" for answer in answers), answers
        return tuple(made.log.read(0, 0, 10**9))
