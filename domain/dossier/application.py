"""The applicant's part: opening, self-assessment, its own meeting, submission, withdrawal (II.1.1, II.1.2)."""

from __future__ import annotations

from domain.authorization import Role
from domain.catalogue import AnswerKind, Criterion, UnitKind, catalogue
from domain.catalogue import answers as figures
from domain.commands import (
    Command,
    OpenDossier,
    RecordOwnMeeting,
    RecordSelfAssessment,
    SubmitDossier,
    SubmitToDistrictCouncil,
    WithdrawDossier,
)
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier, DossierCreated, DossierEvent
from domain.dossier.assessment import (
    claimed_results,
    communes_of,
    complete_over,
    rule_holds,
    without_evidence,
)
from domain.dossier.preconditions import FORM_01, FORM_02, FORM_03, dated, document, meeting_of, not_before
from domain.dossier.states import State
from domain.i18n import pair, translatable
from domain.identity import DossierKey
from domain.policy.recognition import Counts
from domain.refusals import (
    ComputedBySystem,
    MissingPart,
)
from domain.units import Unit
from domain.values import (
    Claim,
    CommuneFigures,
    Document,
    Meeting,
    ReadAt,
)

_CLAIMS = translatable("a claim")


class DossierOpened(DossierCreated):
    """A unit opened a dossier. It is bound to a version of the catalogue and to the readings in force (II.1.1)."""

    catalogue_id: str
    catalogue_version: int
    one_column_level: str
    mandatory_not_applicable: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.OPENED
        dossier.catalogue_version = self.catalogue_version
        dossier.one_column_level = self.one_column_level
        dossier.mandatory_not_applicable = self.mandatory_not_applicable


def open_dossier(name: DossierKey, unit: Unit, command: OpenDossier, context: DecisionContext) -> Dossier:
    """OpenDossier: binds the dossier to a catalogue and to the readings in force."""
    bound = catalogue(command.catalogue_version)
    return Dossier.start(
        DossierOpened,
        name,
        command,
        timestamp=context.recorded_at,
        unit_kind=unit.kind.value,
        parent_id=unit.parent_id,
        catalogue_id=bound.id,
        catalogue_version=bound.version,
        one_column_level=context.readings.one_column_level,
        mandatory_not_applicable=context.readings.mandatory_not_applicable,
    )


class SelfAssessmentRecorded(DossierEvent):
    """The unit said of some or all criteria where it stands; later claims of a criterion replace earlier ones."""

    claims: dict[str, Claim]
    complete: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.claims = {**dossier.claims, **self.claims}
        if dossier.state is not State.RETURNED:
            dossier.state = State.SELF_ASSESSED if self.complete else State.OPENED
        dossier.last_step_date = self.on


def record_self_assessment(dossier: Dossier, command: RecordSelfAssessment, context: DecisionContext) -> None:
    """RecordSelfAssessment: some or all criteria; a later claim of a criterion replaces the earlier one."""
    not_before(command, dossier.last_step_date if dossier.state is State.RETURNED else dossier.opened_on)
    claims = command.claims
    for code, claim in claims.items():
        _check_claim(dossier.criterion(code), code, claim, command)
    complete = all(code in claims or code in dossier.claims for code in dossier.criteria)
    dossier.record(SelfAssessmentRecorded, command, context, claims=claims, complete=complete)


def _check_claim(criterion: Criterion, code: str, claim: Claim, command: Command) -> None:
    figure = claim.get("figure")
    if criterion.answer is AnswerKind.COMMUNES:
        if figure:
            raise ComputedBySystem(criterion=code)
    elif figure is None:
        raise MissingPart(
            clause="II.1.1",
            part=f"claims.{code}.figure",
            **pair("the figure of {code}", code=code).details("part"),
        )
    else:
        figures.check(criterion, figure)
    for evidence in claim.get("evidence") or ():
        dated(command, evidence, f"evidence of {code}")


class OwnMeetingRecorded(DossierEvent):
    """The department's steering committee or the district's council met on the unit's own dossier (II.1.1.a, b)."""

    meeting: Meeting

    def assign(self, dossier: Dossier) -> None:
        dossier.meeting = self.meeting
        if dossier.state is not State.RETURNED:
            dossier.state = State.OWN_MEETING
        dossier.last_step_date = self.on


def record_own_meeting(dossier: Dossier, command: RecordOwnMeeting, context: DecisionContext) -> None:
    """RecordOwnMeeting: the department's steering committee, or the district's council on the district itself."""
    clause = "II.1.1.a" if dossier.unit_kind is UnitKind.DEPARTMENT else "II.1.1.b"
    not_before(command, dossier.last_step_date)
    dossier.record(OwnMeetingRecorded, command, context, meeting=meeting_of(command, command.meeting, clause))


class DossierSubmitted(DossierEvent):
    """A department or district sent its dossier to the province (II.1.1.a, b; II.1.2)."""

    letter: Document
    minutes: Document
    report: Document
    conclusions: dict[str, bool | None]
    counts: Counts
    communes: CommuneFigures | None
    read_at: list[ReadAt]

    def assign(self, dossier: Dossier) -> None:
        dossier.submitted_documents = {"letter": self.letter, "minutes": self.minutes, "report": self.report}
        dossier.state = State.SUBMITTED
        dossier.last_step_date = self.on


def submit_dossier(dossier: Dossier, command: SubmitDossier, context: DecisionContext) -> None:
    """SubmitDossier: a department or district sends to the province. Gate by the claimed figures."""
    not_before(command, dossier.last_step_date)
    letter = document(command, command.letter, "letter", FORM_01, "II.1.2")
    minutes = document(command, command.minutes, "minutes", FORM_02, "II.1.2", numbered=False)
    report = document(command, command.report, "report", FORM_03, "II.1.2")
    communes = communes_of(dossier, command, context)
    results = _sendable(dossier, communes)
    dossier.record(
        DossierSubmitted,
        command,
        context,
        letter=letter,
        minutes=minutes,
        report=report,
        conclusions=results,
        counts=rule_holds(dossier, results, communes),
        communes=communes,
        read_at=context.cross_dossier.read_at() if communes else [],
    )


class DossierSubmittedToDistrictCouncil(DossierEvent):
    """A commune sent its report and evidence to the district council (II.1.1.c)."""

    report: Document
    conclusions: dict[str, bool | None]
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.submitted_documents = {"report": self.report}
        dossier.state = State.AT_DISTRICT_COUNCIL
        dossier.last_step_date = self.on


def submit_to_district_council(dossier: Dossier, command: SubmitToDistrictCouncil, context: DecisionContext) -> None:
    """SubmitToDistrictCouncil: a commune sends report and evidence. Gate by the claimed figures."""
    not_before(command, dossier.last_step_date)
    report = document(command, command.report, "report", FORM_03, "II.1.2")
    results = _sendable(dossier, None)
    dossier.record(
        DossierSubmittedToDistrictCouncil,
        command,
        context,
        report=report,
        conclusions=results,
        counts=rule_holds(dossier, results),
    )


def _sendable(dossier: Dossier, communes: CommuneFigures | None) -> dict[str, bool | None]:
    """The conclusions on all criteria, once each has a claim, and evidence unless it is claimed as not met."""
    complete_over(dossier, dossier.claims, _CLAIMS, "II.1.1")
    bare = without_evidence(dossier)
    if bare:
        raise MissingPart(
            clause="II.1.2",
            part="evidence",
            **pair("evidence of {criteria}", criteria=", ".join(bare)).details("part"),
            criteria=bare,
        )
    return claimed_results(dossier, communes)


class DossierWithdrawn(DossierEvent):
    """The dossier was withdrawn before the decision (reading 4)."""

    reason: str | None

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.WITHDRAWN
        dossier.last_step_date = self.on


def who_withdraws(dossier: Dossier) -> Role:
    """The applicant; once a commune's dossier was sent on to the province, its district (reading 4)."""
    return Role.DISTRICT_COMMITTEE if dossier.sent_to_province else Role.APPLICANT


def withdraw_dossier(dossier: Dossier, command: WithdrawDossier, context: DecisionContext) -> None:
    """WithdrawDossier: before the decision (reading 4)."""
    not_before(command, dossier.last_step_date)
    dossier.record(DossierWithdrawn, command, context, reason=command.reason)
