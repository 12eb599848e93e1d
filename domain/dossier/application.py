"""What the applicant unit does, and its own meeting (II.1.1, II.1.2, II.4)."""

from __future__ import annotations

from domain.authorization import Role, wrong_actor
from domain.catalogue import AnswerKind, Criterion, UnitKind, catalogue
from domain.catalogue import answers as figures
from domain.command import Command
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier
from domain.dossier.application_events import (
    DossierOpened,
    DossierSubmitted,
    DossierSubmittedToDistrictCouncil,
    DossierWithdrawn,
    OwnMeetingRecorded,
    RecognitionAnnounced,
    SelfAssessmentRecorded,
)
from domain.dossier.preconditions import (
    FORM_01,
    FORM_02,
    FORM_03,
    claimed_results,
    communes_of,
    complete_over,
    criterion_of,
    dated,
    document,
    follows,
    in_state,
    meeting_of,
    not_before,
    part,
    record,
    rule_holds,
)
from domain.dossier.states import State
from domain.identity import DossierKey
from domain.refusals import ComputedBySystem, DateBeforeDecision, MissingPart
from domain.units import Unit
from domain.values import Claim, CommuneFigures

_PREPARING = {State.OPENED, State.SELF_ASSESSED, State.OWN_MEETING, State.RETURNED}
_CLAIMS = ("a claim", "kết quả tự đánh giá")


def open_dossier(name: DossierKey, unit: Unit, command: Command, context: DecisionContext) -> Dossier:
    """OpenDossier: binds the dossier to a catalogue and to the readings in force."""
    bound = catalogue(command.data.get("catalogue_version"))
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


def record_self_assessment(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """RecordSelfAssessment: some or all criteria; a later claim of a criterion replaces the earlier one."""
    in_state(
        dossier,
        command,
        _PREPARING,
        (
            "a dossier is assessed before it is sent, or when it was returned",
            "chỉ tự đánh giá trước khi gửi hồ sơ hoặc khi hồ sơ được trả lại",
        ),
        "II.1.1",
    )
    not_before(command, dossier.last_step_date if dossier.state is State.RETURNED else dossier.opened_on)
    claims: dict[str, Claim] = command.data["claims"]
    for code, claim in claims.items():
        _check_claim(criterion_of(dossier, code), code, claim, command)
    complete = all(code in claims or code in dossier.claims for code in dossier.criteria)
    record(dossier, SelfAssessmentRecorded, command, context, claims=claims, complete=complete)


def _check_claim(criterion: Criterion, code: str, claim: Claim, command: Command) -> None:
    figure = claim.get("figure")
    if criterion.answer is AnswerKind.COMMUNES:
        if figure:
            raise ComputedBySystem(criterion=code)
    elif figure is None:
        raise MissingPart(
            clause="II.1.1",
            part=f"claims.{code}.figure",
            part_en=f"the figure of {code}",
            part_vi=f"số liệu của {code}",
        )
    else:
        figures.check(criterion, figure)
    for evidence in claim.get("evidence") or ():
        dated(command, evidence, f"evidence of {code}")


def record_own_meeting(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """RecordOwnMeeting: the department's steering committee, or the district's council on the district itself."""
    if dossier.unit_kind is UnitKind.COMMUNE:
        in_state(
            dossier,
            command,
            (),
            (
                "no meeting is asked of a commune: it submits to the district council",
                "cấp xã không tổ chức họp: gửi hồ sơ đến Hội đồng thẩm định cấp huyện",
            ),
            "II.1.1.c",
        )
    clause = "II.1.1.a" if dossier.unit_kind is UnitKind.DEPARTMENT else "II.1.1.b"
    in_state(
        dossier,
        command,
        {State.SELF_ASSESSED, State.RETURNED},
        ("every criterion is self-assessed first", "phải tự đánh giá tất cả tiêu chí trước"),
        clause,
    )
    not_before(command, dossier.last_step_date)
    record(dossier, OwnMeetingRecorded, command, context, meeting=meeting_of(command, clause))


def submit_dossier(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """SubmitDossier: a department or district sends to the province. Gate by the claimed figures."""
    if dossier.unit_kind is UnitKind.COMMUNE:
        in_state(
            dossier,
            command,
            (),
            (
                "a commune's dossier goes to the district council first",
                "hồ sơ cấp xã phải gửi Hội đồng thẩm định cấp huyện trước",
            ),
            "II.1.1.c",
        )
    clause = "II.1.1.a" if dossier.unit_kind is UnitKind.DEPARTMENT else "II.1.1.b"
    in_state(
        dossier,
        command,
        {State.OWN_MEETING, State.RETURNED},
        ("the unit's own meeting comes first", "phải tổ chức họp tự đánh giá trước"),
        clause,
    )
    not_before(command, dossier.last_step_date)
    letter = document(command, "letter", FORM_01, "II.1.2")
    minutes = document(command, "minutes", FORM_02, "II.1.2", numbered=False)
    report = document(command, "report", FORM_03, "II.1.2")
    communes = communes_of(dossier, command, context)
    results = _sendable(dossier, communes)
    record(
        dossier,
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


def submit_to_district_council(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """SubmitToDistrictCouncil: a commune sends report and evidence. Gate by the claimed figures."""
    if dossier.unit_kind is not UnitKind.COMMUNE:
        in_state(
            dossier,
            command,
            (),
            (f"a {dossier.unit_kind} submits to the province", f"{dossier.unit_kind.vi} gửi hồ sơ đến tỉnh"),
            "II.1.1.a" if dossier.unit_kind is UnitKind.DEPARTMENT else "II.1.1.b",
        )
    in_state(
        dossier,
        command,
        {State.SELF_ASSESSED, State.RETURNED},
        ("every criterion is self-assessed first", "phải tự đánh giá tất cả tiêu chí trước"),
        "II.1.1.c",
    )
    not_before(command, dossier.last_step_date)
    report = document(command, "report", FORM_03, "II.1.2")
    results = _sendable(dossier, None)
    record(
        dossier,
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
            part_en=f"evidence of {', '.join(bare)}",
            part_vi=f"tài liệu kiểm chứng của tiêu chí {', '.join(bare)}",
            criteria=bare,
        )
    return claimed_results(dossier, communes)


def without_evidence(dossier: Dossier) -> list[str]:
    """The criteria that are claimed as met or not applicable and lack evidence (II.1.2); I.1 is the system's own."""
    bare = []
    for code, criterion in dossier.criteria.items():
        claim = dossier.claims.get(code, {})
        figure = claim.get("figure")
        if criterion.answer is AnswerKind.COMMUNES or claim.get("evidence"):
            continue
        if figure is None or follows(criterion, figure) is not False:
            bare.append(code)
    return bare


def withdraw_dossier(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """WithdrawDossier: by the applicant; a commune's, once it was sent on, by the district (reading 4)."""
    who = Role.DISTRICT_COMMITTEE if dossier.sent_to_province else Role.APPLICANT
    if command.actor["role"] != who:
        raise wrong_actor(command, who, of=dossier.parent_id if dossier.sent_to_province else dossier.unit_id)
    not_before(command, dossier.last_step_date)
    record(dossier, DossierWithdrawn, command, context, reason=command.data.get("reason"))


def announce_recognition(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """AnnounceRecognition: only after the decision; scale and manner are the unit's own (II.4)."""
    in_state(
        dossier,
        command,
        {State.APPROVED},
        ("a recognition is announced once, after the decision", "chỉ công bố một lần, sau khi có Quyết định công nhận"),
        "II.4",
    )
    decided_on = dossier.decision[1]["date"] if dossier.decision else dossier.last_step_date
    not_before(command, decided_on, DateBeforeDecision)
    record(
        dossier,
        RecognitionAnnounced,
        command,
        context,
        place=part(command, "place", ("the place", "địa điểm"), "II.4"),
        form=part(command, "form", ("the form", "hình thức"), "II.4"),
    )
