"""What several decisions check: order, days, parts, votes, figures, the rule. Each guard refuses or returns nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, cast

from domain.catalogue import AnswerKind, CommunesTarget, Criterion, UnitKind
from domain.catalogue import answers as figures
from domain.command import Command
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier
from domain.dossier.events_base import DossierEvent
from domain.dossier.states import State
from domain.policy.recognition import Counts, communes_met, communes_needed
from domain.refusals import (
    ComputedBySystem,
    CriteriaMissing,
    DateBeforeStep,
    DeclaredNotApplicable,
    DocumentDatedLater,
    MeetingTimesImpossible,
    MetContradictsFigure,
    MissingPart,
    NotDeclaredNotApplicable,
    PercentContradictsVotes,
    PercentImpossible,
    ReasonRequired,
    RuleNotMet,
    UnknownCriterion,
    VotesImpossible,
    WrongOrder,
)
from domain.values import CommuneFigures, Document, Figure, Finding, Meeting, Votes

FORM_01 = ("the letter (form 01)", "Tờ trình (Biểu 01)")
FORM_02 = ("the minutes of the meeting (form 02)", "Biên bản cuộc họp (Biểu 02)")
FORM_03 = ("the report on the results (form 03)", "Báo cáo kết quả thực hiện Bộ tiêu chí (Biểu 03)")

_ALL = 100
"""Percent."""

_MEETING_PARTS = {
    "begins": ("its beginning", "giờ bắt đầu"),
    "ends": ("its end", "giờ kết thúc"),
    "place": ("its place", "địa điểm"),
    "body": ("the body that met", "cơ quan họp"),
    "chair": ("its chair", "chủ trì"),
    "secretary": ("its secretary", "thư ký"),
    "present": ("those present", "thành phần tham dự"),
    "report_presented": ("the report presented", "báo cáo trình bày"),
    "opinions": ("the opinions", "ý kiến thảo luận"),
    "votes": ("the votes", "kết quả bỏ phiếu"),
    "minutes_approved_percent": ("the approval of the minutes", "tỷ lệ thông qua biên bản"),
    "signatures": ("the signatures", "chữ ký"),
    "minutes": ("the minutes as a document", "văn bản biên bản"),
}


def record(
    dossier: Dossier, event_type: type[DossierEvent], command: Command, context: DecisionContext, **fields: Any
) -> None:
    """The decision is taken: its fact becomes the dossier's next event."""
    dossier.trigger_event(
        event_type,
        timestamp=context.recorded_at,
        on=command.on,
        actor=command.actor,
        command_id=command.command_id,
        **fields,
    )


def in_state(dossier: Dossier, command: Command, states: Collection[State], why: tuple[str, str], clause: str) -> None:
    """Raises WrongOrder unless the dossier is in one of `states`; `why` says what has to come first."""
    if dossier.state not in states:
        raise WrongOrder(
            clause=clause,
            command=command.name,
            state=dossier.state.value,
            state_en=dossier.state.en,
            state_vi=dossier.state.vi,
            reason_en=why[0],
            reason_vi=why[1],
        )


def not_before(command: Command, day: date, refusal: type[DateBeforeStep] = DateBeforeStep) -> None:
    """Raises DateBeforeStep when the day of the fact is before the step that it follows."""
    if command.on < day:
        raise refusal(on=command.on.isoformat(), not_before=day.isoformat())


def part(command: Command, key: str, name: tuple[str, str], clause: str) -> Any:
    """A part of the command's data that the record must hold. Raises MissingPart when it is absent or empty."""
    value = command.data.get(key)
    if value is None or value in ("", [], {}):
        raise MissingPart(clause=clause, part=key, part_en=name[0], part_vi=name[1])
    if isinstance(value, str) and not value.strip():
        raise MissingPart(clause=clause, part=key, part_en=name[0], part_vi=name[1])
    return value


def document(command: Command, key: str, name: tuple[str, str], clause: str, *, numbered: bool = True) -> Document:
    """A document among the parts, with its number where the form prints one, dated no later than the fact."""
    found = cast(Document, part(command, key, name, clause))
    if numbered and not (found.get("number") or "").strip():
        raise MissingPart(
            clause=clause,
            part=f"{key}.number",
            part_en=f"the number of {name[0]}",
            part_vi=f"số của {name[1]}",
        )
    dated(command, found, name[0])
    return found


def dated(command: Command, found: Document, name: str) -> None:
    """Raises DocumentDatedLater when a document is younger than the fact that rests on it."""
    if found["date"] > command.on:
        raise DocumentDatedLater(
            document=found.get("number") or found.get("title") or name,
            date=found["date"].isoformat(),
            on=command.on.isoformat(),
        )


def reason(command: Command, key: str, what: tuple[str, str], clause: str | None = None) -> str:
    """A reason in words. Raises ReasonRequired when it is absent or blank."""
    value = command.data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ReasonRequired(clause=clause, part=key, what_en=what[0], what_vi=what[1])
    return value


def criterion_of(dossier: Dossier, code: str) -> Criterion:
    """The criterion of a code. Raises UnknownCriterion."""
    criterion = dossier.criteria.get(code)
    if criterion is None:
        raise UnknownCriterion(
            criterion=code,
            kind=dossier.unit_kind.value,
            kind_vi=dossier.unit_kind.vi,
            level=dossier.level.value,
            level_vi=dossier.level.vi,
        )
    return criterion


def votes_add_up(votes: Votes) -> None:
    """Raises VotesImpossible or PercentContradictsVotes (reading 10); no threshold is judged."""
    in_favour, attending = votes["in_favour"], votes["attending"]
    if attending < 1 or not 0 <= in_favour <= attending:
        raise VotesImpossible(in_favour=in_favour, attending=attending)
    stated = Decimal(votes["percent"])
    exact = Fraction(in_favour * 100, attending)
    # The quotient is cut far beyond the stated decimals; six are the most that can be stated.
    rounded = _half_up(exact, -cast(int, stated.as_tuple().exponent))
    if rounded != stated:
        raise PercentContradictsVotes(
            percent=votes["percent"],
            in_favour=in_favour,
            attending=attending,
            exact=str(_half_up(exact, 2).normalize()),
        )


def _half_up(value: Fraction, decimals: int) -> Decimal:
    scaled = value * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole).scaleb(-decimals).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def meeting_of(command: Command, clause: str) -> Meeting:
    """The minutes in the parts of form 02. Raises MissingPart, or what contradicts itself in them."""
    held = cast(Meeting, part(command, "meeting", FORM_02, clause))
    for key, (en, vi) in _MEETING_PARTS.items():
        if not held.get(key):
            raise MissingPart(
                clause="Biểu 02", part=f"meeting.{key}", part_en=f"{en} (form 02)", part_vi=f"{vi} (Biểu 02)"
            )
    if held["ends"] <= held["begins"]:
        raise MeetingTimesImpossible(begins=held["begins"], ends=held["ends"])
    votes_add_up(held["votes"])
    if Decimal(held["minutes_approved_percent"]) > _ALL:
        raise PercentImpossible(percent=held["minutes_approved_percent"])
    dated(command, held["minutes"], FORM_02[0])
    return held


def claimed_results(dossier: Dossier, communes: CommuneFigures | None) -> dict[str, bool | None]:
    """What follows from the claimed figures; one declared not applicable counts as if confirmed (reading 6)."""
    results: dict[str, bool | None] = {}
    for code, criterion in dossier.criteria.items():
        if criterion.answer is AnswerKind.COMMUNES:
            results[code] = communes is not None and communes_met(cast(CommunesTarget, criterion.target), communes)
        else:
            figure = dossier.claims[code].get("figure") if code in dossier.claims else None
            results[code] = follows(criterion, figure) if figure else False
    return results


def follows(criterion: Criterion, figure: Figure) -> bool | None:
    """Met, not met, or None for not applicable."""
    if figure.get("not_applicable") is not None:
        return None
    return criterion.target.met(figure)


def judged(dossier: Dossier, code: str, finding: Finding, communes: CommuneFigures | None = None) -> Finding:
    """A finding with the `met` that follows from it.

    Raises UnknownCriterion, what `figures.check` raises, MetContradictsFigure, ComputedBySystem for a stated figure of
    the district's I.1, DeclaredNotApplicable and NotDeclaredNotApplicable (reading 6).
    """
    criterion = criterion_of(dossier, code)
    claim = dossier.claims.get(code, {})
    declared = (claim.get("figure") or {}).get("not_applicable") is not None
    confirmed = finding.get("not_applicable_confirmed")
    figure = cast(
        Figure,
        {
            key: value
            for key, value in finding.items()
            if value is not None and key not in ("met", "not_applicable_confirmed")
        },
    )
    if confirmed is not None:
        if not declared:
            raise NotDeclaredNotApplicable(clause="reading 6", criterion=code)
        if figure:
            raise DeclaredNotApplicable(clause="reading 6", criterion=code)
        met = None if confirmed else False
    elif declared:
        raise DeclaredNotApplicable(clause="reading 6", criterion=code)
    elif criterion.answer is AnswerKind.COMMUNES:
        if figure or communes is None:
            raise ComputedBySystem(criterion=code)
        figure = Figure(communes=communes)
        met = communes_met(cast(CommunesTarget, criterion.target), communes)
    else:
        figures.check(criterion, figure)
        met = follows(criterion, figure)
    stated = finding.get("met")
    if stated is not None and stated != met:
        raise MetContradictsFigure(criterion=code, stated=_said(stated), follows=_said(met))
    return cast(Finding, {**figure, "not_applicable_confirmed": confirmed, "met": met})


def _said(met: bool | None) -> str:
    return {True: "met", False: "not met", None: "not applicable"}[met]


def complete_over(dossier: Dossier, given: Collection[str], what: tuple[str, str], clause: str) -> None:
    """Raises CriteriaMissing unless every criterion of the level is among those given."""
    missing = [code for code in dossier.criteria if code not in given]
    if missing:
        raise CriteriaMissing(
            clause=clause,
            what_en=what[0],
            what_vi=what[1],
            count=len(missing),
            criteria=missing,
            criteria_text=", ".join(missing),
        )


def rule_holds(dossier: Dossier, results: Mapping[str, bool | None], communes: CommuneFigures | None = None) -> Counts:
    """The counts of a gate. Raises RuleNotMet with all that was counted (I.1)."""
    counts = dossier.count(results)
    if not counts["holds"]:
        raise rule_not_met(dossier, counts, results, communes)
    return counts


def rule_not_met(
    dossier: Dossier,
    counts: Counts,
    results: Mapping[str, bool | None],
    communes: CommuneFigures | None = None,
) -> RuleNotMet:
    """The refusal of a gate, with the counts, what is not met, and the communes' figures of a district."""
    not_met = [code for code in dossier.criteria if results.get(code, False) is False]
    details: dict[str, Any] = {**counts, "not_met": not_met, "not_met_text": ", ".join(not_met)}
    if communes is not None:
        target = cast(CommunesTarget, dossier.criteria["I.1"].target)
        recognised, advanced = communes_needed(target, communes["communes"])
        details["communes"] = {**communes, "recognised_needed": recognised, "advanced_needed": advanced}
    clause = "I.1.a" if dossier.unit_kind is UnitKind.DEPARTMENT else "I.1.b"
    return RuleNotMet(clause=clause, **details)


def communes_of(dossier: Dossier, command: Command, context: DecisionContext) -> CommuneFigures | None:
    """The communes' figures for a district's dossier, as decided up to the day of the command; None otherwise."""
    if dossier.unit_kind is not UnitKind.DISTRICT:
        return None
    return context.cross_dossier.commune_figures(dossier.unit_id, context.units, command.on)
