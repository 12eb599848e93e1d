"""Correction of a recorded fact by the agency that recorded it: a later fact that names it and says why (reading 5)."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, cast

from domain.authorization import check_lead, wrong_actor
from domain.commands import Command
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier
from domain.dossier.assessment import (
    criterion_of,
    judged,
)
from domain.dossier.event import DossierEvent
from domain.dossier.preconditions import dated, not_before, part, reason
from domain.dossier.reception import deadline
from domain.dossier.states import DECIDED, State
from domain.refusals import (
    DateBeforeStep,
    MissingPart,
    UnknownFact,
)
from domain.values import (
    Document,
    Finding,
)

CORRECTABLE: dict[str, frozenset[str]] = {
    "SelfAssessmentRecorded": frozenset({"claims"}),
    "OwnMeetingRecorded": frozenset({"meeting"}),
    "DossierSubmitted": frozenset({"letter", "minutes", "report"}),
    "DossierSubmittedToDistrictCouncil": frozenset({"report"}),
    "DossierAppraised": frozenset({"findings", "meeting"}),
    "DossierSentToProvince": frozenset({"letter", "minutes"}),
    "DossierRefusedByDistrictCouncil": frozenset({"reasons"}),
    "DossierReceived": frozenset(),
    "DossierReturned": frozenset({"missing"}),
    "DossierForwardedToCouncil": frozenset({"letters"}),
    "FieldInspectionRecorded": frozenset({"minutes", "place", "present", "findings"}),
    "ResultsSummedUp": frozenset({"report"}),
    "DossierClosedAsUnfavourable": frozenset({"reasons"}),
    "CouncilMeetingRecorded": frozenset({"chair", "present", "minutes", "recommends", "votes"}),
    "RecognitionProposed": frozenset({"letter"}),
    "RecognitionAnnounced": frozenset({"place", "form"}),
    "DossierWithdrawn": frozenset({"reason"}),
}
"""Fact → the fields of it that may be corrected. Results and decisions have commands of their own."""
_IN_NO_ORDER = {"FieldInspectionRecorded", "CriterionVerified", "VerificationCorrected", "FactCorrected"}
"""Facts of several agencies, which do not wait for each other, and corrections, which come at any time."""


class FactCorrected(DossierEvent):
    """The agency that recorded a fact corrected it, and said why; the fact itself stays in the log (reading 5).

    `correction` is a JSON object of the corrected fields of the fact; `took_place_on` its corrected day. What a later
    step rests on is held apart as well: a district council's findings, an inspection's criteria, the council's word,
    the last of the 15 days.
    """

    corrects: int
    fact: str
    reason: str
    took_place_on: date | None
    correction: str
    documents: list[Document]
    findings: dict[str, Finding] | None
    inspected: list[str] | None
    recommends: bool | None
    due_on: date | None
    after_decision: bool

    def assign(self, dossier: Dossier) -> None:
        if self.took_place_on is not None:
            event, _, agency = dossier.history[self.corrects]
            dossier.history[self.corrects] = (event, self.took_place_on, agency)
        if self.findings is not None:
            dossier.findings = {**dossier.findings, **self.findings}
        if self.recommends is not None:
            dossier.council_recommends = self.recommends
        if self.due_on is not None:
            dossier.due_on = self.due_on
        if self.corrects in dossier.inspections:
            agency, on, criteria = dossier.inspections[self.corrects]
            dossier.inspections = {
                **dossier.inspections,
                self.corrects: (
                    agency,
                    self.took_place_on or on,
                    criteria if self.inspected is None else frozenset(self.inspected),
                ),
            }


def correct_fact(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """CorrectFact: the fact stays; what later steps rest on follows it."""
    corrects = command.data["corrects"]
    fact = dossier.history.get(corrects)
    if fact is None:
        raise _unknown(corrects, "the dossier has no such fact", "hồ sơ không có sự kiện này")
    event, on, recorded_by = fact
    if event not in CORRECTABLE:
        raise _unknown(
            corrects,
            f"{event} is corrected by CorrectVerification or CorrectDecision, or not at all",
            f"{event} được đính chính bằng CorrectVerification hoặc CorrectDecision, hoặc không được đính chính",
        )
    if command.actor["agency"] != recorded_by:
        raise wrong_actor(command, of=recorded_by)
    why = reason(command, "reason", ("why the fact is corrected", "lý do đính chính"), "reading 5")
    not_before(command, on)
    took_place_on = command.data.get("took_place_on")
    if took_place_on is not None and took_place_on > command.on:
        raise _unknown(corrects, "its corrected day is after the correction", "ngày đính chính sau ngày lập văn bản")
    if took_place_on is not None:
        _in_order(dossier, corrects, took_place_on)
    correction = cast(dict[str, Any], command.data.get("correction") or {})
    unknown = sorted(correction.keys() - CORRECTABLE[event])
    if unknown:
        raise _unknown(
            corrects,
            f"{event} has no {', '.join(unknown)} to correct",
            f"{event} không có nội dung {', '.join(unknown)} để đính chính",
        )
    if took_place_on is None:
        part(command, "correction", ("what is corrected", "nội dung đính chính"), "reading 5")
    documents = cast(list[Document], command.data.get("documents") or [])
    for found in documents:
        dated(command, found, "a document")
    dossier.record(
        FactCorrected,
        command,
        context,
        corrects=corrects,
        fact=event,
        reason=why,
        took_place_on=took_place_on,
        correction=json.dumps(correction, ensure_ascii=False, sort_keys=True, default=_day),
        documents=documents,
        findings=_findings(dossier, correction) if event == "DossierAppraised" else None,
        inspected=_inspected(dossier, command, correction) if event == "FieldInspectionRecorded" else None,
        recommends=correction.get("recommends"),
        due_on=_due_on(dossier, corrects, took_place_on, context),
        after_decision=dossier.state in DECIDED,
    )


def _in_order(dossier: Dossier, corrects: int, took_place_on: date) -> None:
    """The corrected day, too, lies between the steps before and after. Raises DateBeforeStep."""
    steps = {version: on for version, (event, on, _) in dossier.history.items() if event not in _IN_NO_ORDER}
    before = max((on for version, on in steps.items() if version < corrects), default=took_place_on)
    after = min((on for version, on in steps.items() if version > corrects), default=took_place_on)
    for day, not_earlier in ((took_place_on, before), (after, took_place_on)):
        if day < not_earlier:
            raise DateBeforeStep(on=day.isoformat(), not_before=not_earlier.isoformat())


def _due_on(dossier: Dossier, corrects: int, took_place_on: date | None, context: DecisionContext) -> date | None:
    """The 15 days run from the day on which the dossier really was complete, while they run (II.2)."""
    receipts = [version for version, (event, _, _) in dossier.history.items() if event == "DossierReceived"]
    if took_place_on is None or dossier.state is not State.RECEIVED or corrects != max(receipts):
        return None
    return deadline(took_place_on, rolls=context.readings.deadline_rolls_over_weekend)


def _findings(dossier: Dossier, correction: dict[str, Any]) -> dict[str, Finding] | None:
    given = cast(dict[str, Finding] | None, correction.get("findings"))
    if given is None:
        return None
    for code, finding in given.items():
        if not isinstance(finding, dict):
            raise _not_a_finding(code, "a figure", "số liệu")
    return {code: judged(dossier, code, finding) for code, finding in given.items()}


def _inspected(dossier: Dossier, command: Command, correction: dict[str, Any]) -> list[str] | None:
    given = cast(dict[str, str] | None, correction.get("findings"))
    if given is None:
        return None
    for code, text in given.items():
        if not isinstance(text, str):
            raise _not_a_finding(code, "what was found, in words", "kết quả kiểm tra bằng lời")
        check_lead(command, criterion_of(dossier, code), code)
    return list(given)


def _not_a_finding(code: str, en: str, vi: str) -> MissingPart:
    """An inspection finds in words, a district council in figures; the form of a correction allows both."""
    return MissingPart(
        clause="reading 5", part=f"correction.findings.{code}", part_en=f"{en} of {code}", part_vi=f"{vi} của {code}"
    )


def _day(value: Any) -> str:
    return cast(str, value.isoformat())


def _unknown(corrects: int, en: str, vi: str) -> UnknownFact:
    return UnknownFact(clause="reading 5", corrects=corrects, reason_en=en, reason_vi=vi)
