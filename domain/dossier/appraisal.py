"""The member agencies' part: field inspections, results on criteria, and the correction of results (II.3, III.2)."""

from __future__ import annotations

from typing import TypedDict

from domain.agencies import agency
from domain.authorization import Role, wrong_actor
from domain.catalogue import AnswerKind, Criterion
from domain.catalogue.answers import judged
from domain.commands import Command, CorrectFact, CorrectVerification, RecordFieldInspection, VerifyCriterion
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.assessment import Rechecked, communes_of, not_a_finding
from domain.dossier.preconditions import dated, document, not_before, part, reason
from domain.dossier.states import DECIDED, State
from domain.i18n import pair, translatable
from domain.refusals import (
    AlreadyVerified,
    FieldInspectionMissing,
    ReasonRequired,
    UnknownFact,
    WrongAgency,
)
from domain.values import (
    Contribution,
    Correction,
    Document,
    Finding,
    Participant,
    ReadAt,
)

_THIS_SYSTEM = "Dossier"
_RESULT_LETTER = translatable("the letter with the result")


class FieldInspectionRecorded(DossierEvent):
    """A lead agency inspected in the field and kept minutes; one inspection may serve several criteria (II.3)."""

    minutes: Document
    place: str
    present: list[Participant]
    findings: dict[str, str]

    def assign(self, dossier: Dossier) -> None:
        dossier.inspections = {
            **dossier.inspections,
            self.originator_version: (self.actor["agency"], self.on, frozenset(self.findings)),
        }


def leads_what_it_inspected(dossier: Dossier, command: RecordFieldInspection) -> None:
    """Raises WrongAgency unless the acting agency leads every criterion that it inspected (III.2)."""
    for code in command.findings:
        _check_lead(command, dossier.criterion(code))


def record_field_inspection(dossier: Dossier, command: RecordFieldInspection, context: DecisionContext) -> None:
    """RecordFieldInspection: what was found of every criterion that it covers, with minutes (II.3)."""
    findings = command.findings
    not_before(command, dossier.forwarded_on or dossier.last_step_date)
    for code, text in findings.items():
        if not text.strip():
            raise ReasonRequired(clause="II.3", what=pair("the finding on {code}", code=code))
    minutes = document(
        command,
        command.minutes,
        "minutes",
        translatable("the minutes of the inspection"),
        "II.3",
        numbered=False,
    )
    dossier.record(
        FieldInspectionRecorded,
        command,
        context,
        minutes=minutes,
        place=part(command.place, "place", translatable("the place"), "II.3"),
        present=part(command.present, "present", translatable("those present"), "II.3"),
        findings=findings,
    )


class CriterionVerified(DossierEvent):
    """The lead agency gave its result on one criterion, on system data or on its inspection (II.3, III.2)."""

    criterion: str
    finding: Finding
    system: str | None
    inspection: int | None
    letter: Document
    contributions: list[Contribution]
    read_at: list[ReadAt]
    complete: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.results = {
            **dossier.results,
            self.criterion: (self.originator_version, self.finding, self.on),
        }
        dossier.state = State.VERIFIED if self.complete else State.VERIFYING


def leads_criterion(dossier: Dossier, command: VerifyCriterion | CorrectVerification) -> None:
    """Raises UnknownCriterion, or WrongAgency unless the acting agency leads the criterion (III.2)."""
    _check_lead(command, dossier.criterion(command.criterion))


def _check_lead(command: Command, criterion: Criterion) -> None:
    """Raises WrongAgency unless the criterion's lead agency acts, WrongActor unless as a council member (III.2)."""
    acting = command.actor
    if acting["agency"] != criterion.lead_agency:
        raise WrongAgency(
            criterion=criterion.code,
            lead=agency(criterion.lead_agency).name,
            lead_agency=criterion.lead_agency,
            agency=acting["agency"],
        )
    if acting["role"] != Role.COUNCIL_MEMBER:
        raise wrong_actor(command, Role.COUNCIL_MEMBER)


def no_result_yet(dossier: Dossier, command: VerifyCriterion) -> None:
    """Raises AlreadyVerified when the criterion has a result: that one is corrected by naming it (reading 5)."""
    code = command.criterion
    if code in dossier.results:
        raise AlreadyVerified(clause="reading 5", criterion=code, version=dossier.results[code][0])


def verify_criterion(dossier: Dossier, command: VerifyCriterion, context: DecisionContext) -> None:
    """VerifyCriterion: the lead agency's result, once the letter reached it."""
    code = command.criterion
    criterion = dossier.criterion(code)
    not_before(command, dossier.forwarded_on or dossier.last_step_date)
    complete = len(dossier.results) + 1 == len(dossier.criteria)
    dossier.record(
        CriterionVerified,
        command,
        context,
        criterion=code,
        complete=complete,
        **_result(dossier, command, context, criterion),
    )


class VerificationCorrected(DossierEvent):
    """The lead agency corrected its result; before the decision a new sum is asked for (reading 5)."""

    corrects: int
    reason: str
    criterion: str
    finding: Finding
    system: str | None
    inspection: int | None
    letter: Document
    contributions: list[Contribution]
    read_at: list[ReadAt]
    complete: bool
    after_decision: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.results = {
            **dossier.results,
            self.criterion: (self.originator_version, self.finding, self.on),
        }
        if dossier.state not in DECIDED:
            dossier.state = State.VERIFIED if self.complete else State.VERIFYING
            dossier.last_step_date = max(dossier.last_step_date, self.on)


def correct_verification(dossier: Dossier, command: CorrectVerification, context: DecisionContext) -> None:
    """CorrectVerification: names the result that it corrects, and why (reading 5)."""
    code = command.criterion
    criterion = dossier.criterion(code)
    why = reason(command.reason, "reason", translatable("why the result is corrected"), "reading 5")
    corrects = command.corrects
    present = dossier.results.get(code)
    if present is None or present[0] != corrects:
        latest = (
            pair("the latest result on {code} is meant; it is fact {version}", code=code, version=present[0])
            if present
            else pair("the latest result on {code} is meant; there is none", code=code)
        )
        raise UnknownFact(clause="reading 5", corrects=corrects, reason=latest)
    not_before(command, present[2])
    dossier.record(
        VerificationCorrected,
        command,
        context,
        corrects=corrects,
        reason=why,
        criterion=code,
        complete=len(dossier.results) == len(dossier.criteria),
        after_decision=dossier.state in DECIDED,
        **_result(dossier, command, context, criterion),
    )


class _Result(TypedDict):
    finding: Finding
    system: str | None
    inspection: int | None
    letter: Document
    contributions: list[Contribution]
    read_at: list[ReadAt]


def _result(
    dossier: Dossier, command: VerifyCriterion | CorrectVerification, context: DecisionContext, criterion: Criterion
) -> _Result:
    """What a result must hold: finding, basis, letter (II.3, III.2)."""
    code, computed = command.criterion, criterion.answer is AnswerKind.COMMUNES
    communes = communes_of(dossier, command, context) if computed else None
    finding = judged(criterion, dossier.claimed_figure(code), command.finding, communes)
    system = command.system or (_THIS_SYSTEM if computed else None)
    inspection = None if system else _inspection(dossier, command, code)
    contributions = command.contributions or []
    for contribution in contributions:
        if contribution["agency"] not in criterion.coordinating_agencies:
            raise WrongAgency(criterion=code, lead=agency(criterion.lead_agency).name, agency=contribution["agency"])
        dated(command, contribution["document"], "a contribution")
    return _Result(
        finding=finding,
        system=system,
        inspection=inspection,
        letter=document(command, command.letter, "letter", _RESULT_LETTER, "II.2"),
        contributions=contributions,
        read_at=context.cross_dossier.read_at() if computed else [],
    )


def _inspection(dossier: Dossier, command: VerifyCriterion | CorrectVerification, code: str) -> int:
    """The latest inspection of the criterion by this agency, no later than the result."""
    found = [
        version
        for version, (by, on, codes) in dossier.inspections.items()
        if by == command.actor["agency"] and code in codes and on <= command.on
    ]
    if not found:
        raise FieldInspectionMissing(criterion=code)
    return max(found)


def recheck_inspected(dossier: Dossier, command: CorrectFact, correction: Correction) -> Rechecked:
    """The criteria that corrected findings of an inspection cover; the acting agency leads each of them (III.2)."""
    given = correction.get("findings")
    if given is None:
        return Rechecked()
    for code, text in given.items():
        if not isinstance(text, str):
            raise not_a_finding(code, translatable("what was found, in words"))
        _check_lead(command, dossier.criterion(code))
    return Rechecked(inspected=list(given))
