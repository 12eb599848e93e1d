"""The district's part in a commune's dossier: appraisal, sending on, refusal (II.1.1.b, c)."""

from __future__ import annotations

from collections.abc import Mapping

from domain.catalogue.answers import judged
from domain.commands import AppraiseDossier, CorrectFact, RefuseByDistrictCouncil, SendToProvince
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.assessment import (
    Rechecked,
    complete_over,
    not_a_finding,
    rule_holds,
)
from domain.dossier.preconditions import FORM_01, FORM_02, document, meeting_of, not_before, part, reason
from domain.dossier.states import State
from domain.i18n import translatable
from domain.policy.recognition import Counts
from domain.values import (
    Correction,
    Document,
    Finding,
    Meeting,
)

_FINDINGS = translatable("the council's findings")


class DossierAppraised(DossierEvent):
    """The district council found on every criterion and met (II.1.1.b)."""

    findings: dict[str, Finding]
    meeting: Meeting
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.findings = self.findings
        dossier.state = State.DISTRICT_MET
        dossier.last_step_date = self.on


def appraise_dossier(dossier: Dossier, command: AppraiseDossier, context: DecisionContext) -> None:
    """AppraiseDossier: a finding on every criterion, and the council's meeting."""
    not_before(command, dossier.last_step_date)
    given = part(command.findings, "findings", _FINDINGS, "II.1.1.b")
    findings = _all_judged(dossier, given)
    complete_over(dossier, findings, _FINDINGS, "II.1.1.b")
    dossier.record(
        DossierAppraised,
        command,
        context,
        findings=findings,
        meeting=meeting_of(command, command.meeting, "II.1.1.b"),
        counts=dossier.count({code: finding["met"] for code, finding in findings.items()}),
    )


class DossierSentToProvince(DossierEvent):
    """The district sent a commune's dossier on to the province (II.1.1.b, II.1.2)."""

    letter: Document
    minutes: Document
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.submitted_documents = {**dossier.submitted_documents, "letter": self.letter, "minutes": self.minutes}
        dossier.sent_to_province = True
        dossier.state = State.FORWARDED_TO_PROVINCE
        dossier.last_step_date = self.on


def send_to_province(dossier: Dossier, command: SendToProvince, context: DecisionContext) -> None:
    """SendToProvince: the district's letter and minutes with the commune's report. Gate by the district's findings."""
    not_before(command, dossier.last_step_date)
    letter = document(command, command.letter, "letter", FORM_01, "II.1.2")
    minutes = document(command, command.minutes, "minutes", FORM_02, "II.1.2", numbered=False)
    results = {code: finding["met"] for code, finding in dossier.findings.items()}
    dossier.record(
        DossierSentToProvince,
        command,
        context,
        letter=letter,
        minutes=minutes,
        counts=rule_holds(dossier, results),
    )


class DossierRefusedByDistrictCouncil(DossierEvent):
    """The district council did not take the commune's dossier further: the attempt ends (reading 3)."""

    reasons: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.REFUSED_BY_DISTRICT_COUNCIL
        dossier.last_step_date = self.on


def refuse_by_district_council(dossier: Dossier, command: RefuseByDistrictCouncil, context: DecisionContext) -> None:
    """RefuseByDistrictCouncil: ends the attempt, with reasons (reading 3)."""
    not_before(command, dossier.last_step_date)
    dossier.record(
        DossierRefusedByDistrictCouncil,
        command,
        context,
        reasons=reason(command.reasons, "reasons", translatable("the reasons of the refusal"), "reading 3"),
    )


def recheck_findings(dossier: Dossier, command: CorrectFact, correction: Correction) -> Rechecked:  # noqa: ARG001
    """Corrected findings of the council, each with what follows from its figure."""
    stated = correction.get("findings")
    if stated is None:
        return Rechecked()
    findings: dict[str, Finding] = {}
    for code, finding in stated.items():
        if isinstance(finding, str):
            raise not_a_finding(code, translatable("a figure"))
        findings[code] = finding
    return Rechecked(findings=_all_judged(dossier, findings))


def _all_judged(dossier: Dossier, findings: Mapping[str, Finding]) -> dict[str, Finding]:
    return {
        code: judged(dossier.criterion(code), dossier.claimed_figure(code), finding)
        for code, finding in findings.items()
    }
