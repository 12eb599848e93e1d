"""The ways that a dossier can take, from its opening to its end (II.1 to II.4, readings 3 to 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from domain.authorization import Role
from domain.catalogue import AnswerKind, Requirement, UnitKind
from infra.demo import application, appraisal, decisions, figures
from infra.demo.story import Story

Scenario = Callable[[Story], Story]
"""Tells a story and returns its last attempt."""

Stage = Callable[[Story], None]

_UNFAVOURABLE = "Kết quả tổng hợp chưa đạt 100% tiêu chí bắt buộc (mô phỏng)"
_NOT_RECOMMENDED = "Hội đồng thẩm định tỉnh không đề nghị công nhận (mô phỏng)"
_RECOUNTED = "Đối soát lại số liệu trên hệ thống (mô phỏng)"


def to_province(story: Story) -> None:
    """Up to the province's door, by the way of the unit's kind."""
    for stage in preparation(story):
        stage(story)


def to_members(story: Story, *, late: bool = False) -> None:
    """Received and forwarded."""
    appraisal.receive(story)
    appraisal.forward(story, late=late)


def to_proposal(story: Story) -> None:
    """Verified, summed up, recommended and proposed."""
    appraisal.verify(story)
    from_sum(story)


def to_announcement(story: Story) -> Story:
    """Verified, proposed, recognised and announced."""
    to_proposal(story)
    decisions.approve(story)
    decisions.announce(story)
    return story


def from_sum(story: Story) -> None:
    """Summed up, recommended and proposed."""
    appraisal.sum_up(story)
    appraisal.council_meets(story)
    appraisal.propose(story)


def approved(story: Story) -> Story:
    """Recognised, not yet announced."""
    to_province(story)
    to_members(story)
    to_proposal(story)
    decisions.approve(story)
    return story


def announced(story: Story) -> Story:
    """Recognised and announced."""
    approved(story)
    decisions.announce(story)
    return story


def late(story: Story) -> Story:
    """Forwarded after the fifteenth day, which the audit flags."""
    to_province(story)
    to_members(story, late=True)
    return to_announcement(story)


def short_at_first(story: Story) -> Story:
    """Sent although the rule does not hold by the claims, refused, then improved."""
    application.open_dossier(story)
    missed = application.plan_short(story)
    application.assess(story, short_of=missed)
    if story.unit.kind is UnitKind.COMMUNE:
        application.submit_to_district(story, refused="RULE_NOT_MET")
        application.improve(story, missed)
        application.submit_to_district(story)
        application.appraise(story)
        application.send_on(story)
    else:
        application.own_meeting(story)
        application.submit(story, refused="RULE_NOT_MET")
        application.improve(story, missed)
        application.own_meeting(story)
        application.submit(story)
    to_members(story)
    return to_announcement(story)


def returned_by_district(story: Story) -> Story:
    """Returned to the commune by the district council, completed, then recognised."""
    application.open_dossier(story)
    application.assess(story)
    application.submit_to_district(story)
    application.return_by_district(story)
    application.complete(story)
    application.submit_to_district(story)
    application.appraise(story)
    application.send_on(story)
    to_members(story)
    return to_announcement(story)


def returned_by_agency(story: Story) -> Story:
    """Returned by the standing agency, before or after its receipt, completed, then recognised."""
    to_province(story)
    if story.rng.choice((True, False)):
        appraisal.receive(story)
    _returned_and_sent_again(story)
    to_members(story)
    return to_announcement(story)


def rejected(story: Story) -> Story:
    """Rejected by the Chairman."""
    to_province(story)
    to_members(story)
    to_proposal(story)
    decisions.reject(story)
    return story


def withdrawn_by_applicant(story: Story) -> Story:
    """Taken back by the unit itself, for a commune while its district has it."""
    application.open_dossier(story)
    application.assess(story)
    if story.unit.kind is UnitKind.COMMUNE:
        application.submit_to_district(story)
    else:
        application.own_meeting(story)
        application.submit(story)
    application.withdraw(story)
    story.refused("DOSSIER_CLOSED", "RecordSelfAssessment", story.applicant(), {"claims": {"I.2": {}}})
    return story


def withdrawn_by_district(story: Story) -> Story:
    """A commune's dossier that was sent on: the commune may not take it back, its district may."""
    to_province(story)
    story.refused("WRONG_ACTOR", "WithdrawDossier", story.applicant(), {"reason": "Đơn vị xin rút (mô phỏng)"})
    application.withdraw(story, by_district=True)
    return story


def refused_by_district(story: Story) -> Story:
    """The district council finds a mandatory criterion not met and refuses."""
    application.open_dossier(story)
    application.assess(story)
    story.district_misses = {application.plan_short(story)}
    application.submit_to_district(story)
    application.appraise(story)
    application.refuse_by_district(story)
    return story


def unfavourable(story: Story) -> Story:
    """A lead agency finds a mandatory criterion not met: the council is not convened."""
    to_province(story)
    to_members(story)
    story.misses = {application.plan_short(story)}
    _to_unfavourable_end(story)
    return story


def not_recommended(story: Story) -> Story:
    """The sum is favourable, but the council does not recommend."""
    to_province(story)
    to_members(story)
    appraisal.verify(story)
    appraisal.sum_up(story)
    story.refused(
        "SUM_IS_FAVOURABLE", "CloseAsUnfavourable", story.by(Role.STANDING_AGENCY), {"reasons": _UNFAVOURABLE}
    )
    appraisal.council_meets(story, recommends=False)
    appraisal.propose(story, refused="COUNCIL_DID_NOT_RECOMMEND")
    appraisal.close_unfavourable(story, _NOT_RECOMMENDED)
    return story


def not_applicable_confirmed(story: Story) -> Story:
    """Ratios without a denominator are declared, and confirmed: one of them mandatory, which the audit flags."""
    story.declared = {story.some_code(AnswerKind.RATIO, requirement=Requirement.MANDATORY): True}
    if story.unit.kind is not UnitKind.DEPARTMENT:
        spare = story.codes(AnswerKind.RATIO, requirement=Requirement.EXTENDED)
        story.declared |= dict.fromkeys(spare[:1], True)
    return announced(story)


def not_applicable_refused(story: Story) -> Story:
    """A mandatory criterion is declared not applicable, and its lead agency refuses that: it counts as not met."""
    story.declared = {story.some_code(AnswerKind.RATIO, requirement=Requirement.MANDATORY): False}
    to_province(story)
    to_members(story)
    _to_unfavourable_end(story)
    return story


def corrected_before_decision(story: Story) -> Story:
    """A result is corrected after the sum, sometimes after the council: a new sum is asked for (reading 5)."""
    to_province(story)
    to_members(story)
    missed = application.plan_short(story)
    wrong = story.rng.choice((True, False))
    if wrong:
        story.misses = {missed}
    appraisal.verify(story)
    appraisal.sum_up(story)
    if wrong:
        story.refused("RULE_NOT_MET", "RecordCouncilMeeting", story.by(Role.STANDING_AGENCY), {"recommends": True})
        story.misses = set()
    else:
        appraisal.council_meets(story)
    story.pass_days(2, 6)
    appraisal.correct_result(story, missed, met=True, why=_RECOUNTED)
    from_sum(story)
    decisions.approve(story)
    decisions.announce(story)
    return story


def corrected_after_decision(story: Story) -> Story:
    """A result is corrected after the decision, which stands; the audit flags it (reading 5)."""
    announced(story)
    _correct_extended_result(story)
    return story


def revoked(story: Story) -> Story:
    """A mandatory result turns out wrong after the decision, and a later decision revokes the recognition."""
    announced(story)
    story.pass_days(10, 25)
    missed = story.some_code(AnswerKind.RATIO, requirement=Requirement.MANDATORY)
    appraisal.correct_result(story, missed, met=False, why=_RECOUNTED)
    decisions.revoke(story)
    return story


def decision_corrected(story: Story) -> Story:
    """A later decision corrects a misprint in the decision; the unit first tried to withdraw, too late."""
    approved(story)
    story.refused("ALREADY_DECIDED", "WithdrawDossier", story.applicant(), {"reason": "Xin rút hồ sơ (mô phỏng)"})
    decisions.correct_decision(story)
    decisions.announce(story)
    return story


def fact_corrected(story: Story) -> Story:
    """A fact is corrected by the agency that recorded it: its report's number, or the votes of the council."""
    approved(story)
    if story.rng.choice((True, False)):
        data = {"votes": figures.votes(story.rng)}
        actor = decisions.last(story, "RecordCouncilMeeting")["actor"]
        why = "Ghi nhầm số phiếu (mô phỏng)"
        decisions.correct_fact(story, "RecordCouncilMeeting", actor, why, correction=data)
    else:
        report = "SubmitToDistrictCouncil" if story.unit.kind is UnitKind.COMMUNE else "SubmitDossier"
        data = {"report": decisions.corrected_letter(story, report, "report")}
        decisions.correct_fact(story, report, story.applicant(), "Ghi nhầm số báo cáo (mô phỏng)", correction=data)
    decisions.announce(story)
    return story


def showcase(story: Story) -> Story:
    """The dossier whose replay the summary shows: returned, a day corrected, a result corrected after the decision."""
    # An extended ratio must be met at first, so that its correction makes a difference.
    story.weak = {code for code in story.weak if story.criteria[code].answer is not AnswerKind.RATIO}
    to_province(story)
    _returned_and_sent_again(story)
    appraisal.receive(story)
    arrived = date.fromisoformat(decisions.last(story, "SendToProvince")["on"])
    appraisal.forward(story)
    why = "Hồ sơ đến đủ trước ngày đã ghi (mô phỏng)"
    decisions.correct_fact(story, "ReceiveDossier", story.by(Role.STANDING_AGENCY), why, took_place_on=arrived)
    to_proposal(story)
    decisions.approve(story)
    decisions.announce(story)
    _correct_extended_result(story)
    return story


def then(first: Scenario, second: Scenario, days: int = 20) -> Scenario:
    """A scenario that ended without recognition, and another in the next attempt."""

    def scenario(story: Story) -> Story:
        return second(first(story).again(days))

    return scenario


def rejected_early_reopening(story: Story) -> Story:
    """A second dossier is refused while the first is open; the first is rejected, the second recognised."""
    to_province(story)
    to_members(story)
    to_proposal(story)
    story.refused("DOSSIER_ALREADY_OPEN", "OpenDossier", story.applicant(), {})
    decisions.reject(story)
    return announced(story.again(25))


def preparation(story: Story) -> list[Stage]:
    """The stages up to the province's door, by the kind of unit."""
    if story.unit.kind is UnitKind.COMMUNE:
        return [
            application.open_dossier,
            application.assess,
            application.submit_to_district,
            application.appraise,
            application.send_on,
        ]
    return [application.open_dossier, application.assess, application.own_meeting, application.submit]


def _returned_and_sent_again(story: Story) -> None:
    appraisal.return_by_agency(story)
    application.complete(story)
    if story.unit.kind is UnitKind.COMMUNE:
        application.send_on(story)
    else:
        application.submit(story)


def _to_unfavourable_end(story: Story) -> None:
    appraisal.verify(story)
    appraisal.sum_up(story)
    appraisal.close_unfavourable(story, _UNFAVOURABLE)


def _correct_extended_result(story: Story) -> None:
    story.pass_days(12, 30)
    extended = story.codes(AnswerKind.RATIO, requirement=Requirement.EXTENDED)
    code = story.rng.choice(extended) if extended else story.some_code(AnswerKind.RATIO)
    appraisal.correct_result(story, code, met=not extended, why=_RECOUNTED)
