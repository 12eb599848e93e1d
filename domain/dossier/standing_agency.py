"""What the standing agency does: receipt, return, letters to the members, the sum, the proposal (II.2, II.3, III.1)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import cast

from domain.agencies import agency, is_or_belongs_to
from domain.authorization import Role
from domain.catalogue import UnitKind
from domain.command import Command
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier
from domain.dossier.application import without_evidence
from domain.dossier.appraisal_events import (
    CouncilMeetingRecorded,
    DossierClosedAsUnfavourable,
    DossierForwardedToCouncil,
    DossierReceived,
    DossierReturned,
    RecognitionProposed,
    ResultsSummedUp,
)
from domain.dossier.preconditions import (
    FORM_01,
    FORM_02,
    FORM_03,
    dated,
    document,
    in_state,
    not_before,
    part,
    reason,
    record,
    rule_not_met,
    votes_add_up,
)
from domain.dossier.states import State
from domain.refusals import (
    AgencyNotOnCouncil,
    CouncilDidNotRecommend,
    CriteriaMissing,
    Incomplete,
    LeadsNothingHere,
    MissingPart,
    NoCouncil,
    SumIsFavourable,
)
from domain.values import CommuneFigures, Document, MemberLetter, Participant, Votes

DAYS_TO_FORWARD = 15
_SATURDAY = 5
_DAYS_OF_A_WEEK = 7
_AT_PROVINCE = {State.SUBMITTED, State.FORWARDED_TO_PROVINCE, State.RECEIVED}
_AT_DISTRICT = {State.AT_DISTRICT_COUNCIL, State.DISTRICT_MET}


def receive_dossier(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """ReceiveDossier: the day on which the dossier is complete; the 15 days start (II.2)."""
    in_state(
        dossier,
        command,
        {State.SUBMITTED, State.FORWARDED_TO_PROVINCE},
        ("a dossier is received once it was sent to the province", "chỉ tiếp nhận hồ sơ đã gửi đến tỉnh"),
        "II.2",
    )
    not_before(command, dossier.last_step_date)
    _complete(dossier)
    rolls = context.readings.deadline_rolls_over_weekend
    record(
        dossier,
        DossierReceived,
        command,
        context,
        due_on=deadline(command.on, rolls=rolls),
        deadline_rolls_over_weekend=rolls,
    )


def deadline(complete_on: date, *, rolls: bool) -> date:
    """The fifteenth calendar day, the day of receipt not counted; with `rolls`, a weekend rolls on (reading 11)."""
    due = complete_on + timedelta(days=DAYS_TO_FORWARD)
    if rolls and due.weekday() >= _SATURDAY:
        due += timedelta(days=_DAYS_OF_A_WEEK - due.weekday())
    return due


def _complete(dossier: Dossier) -> None:
    missing = [
        name
        for key, name in (("letter", FORM_01), ("minutes", FORM_02), ("report", FORM_03))
        if key not in dossier.parts
    ]
    missing += [(f"evidence of {code}", f"tài liệu kiểm chứng {code}") for code in without_evidence(dossier)]
    if missing:
        raise Incomplete(
            missing=[en for en, _ in missing],
            missing_en=", ".join(en for en, _ in missing),
            missing_vi=", ".join(vi for _, vi in missing),
        )


def return_dossier(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """ReturnDossier: says what is missing; the clock stops (II.2, reading 4)."""
    mine = _AT_DISTRICT if command.actor["role"] == Role.DISTRICT_COUNCIL else _AT_PROVINCE
    in_state(
        dossier,
        command,
        mine,
        (
            "a dossier is returned by the one before whom it lies, before it is forwarded to the members",
            "chỉ cơ quan đang xử lý được trả lại hồ sơ, trước khi gửi các thành viên Hội đồng",
        ),
        "II.2",
    )
    not_before(command, dossier.last_step_date)
    missing = [item for item in command.data.get("missing") or () if item.strip()]
    if not missing:
        reason(command, "missing", ("what is missing", "nội dung còn thiếu"), "II.2")
    record(dossier, DossierReturned, command, context, missing=missing)


def forward_to_council(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """ForwardToCouncil: a letter to every member agency with its criteria; late is accepted and recorded (II.2)."""
    in_state(
        dossier,
        command,
        {State.RECEIVED},
        ("the complete dossier is received first", "phải tiếp nhận đủ hồ sơ trước"),
        "II.2",
    )
    not_before(command, dossier.last_step_date)
    council = context.cross_dossier.council_on(command.on)
    if council is None:
        raise NoCouncil(on=command.on.isoformat())
    letters = cast(
        dict[str, Document],
        part(command, "letters", ("the letters to the member agencies", "văn bản gửi các thành viên"), "II.2"),
    )
    criteria: dict[str, list[str]] = {}
    for code, criterion in dossier.criteria.items():
        criteria.setdefault(criterion.lead_agency, []).append(code)
    _addressed(command, letters, criteria)
    absent = [lead for lead in criteria if not any(is_or_belongs_to(lead, member) for member in council.agencies)]
    if absent:
        raise AgencyNotOnCouncil(agencies=absent, agencies_text=", ".join(agency(lead).name for lead in absent))
    due_on = cast(date, dossier.due_on)
    record(
        dossier,
        DossierForwardedToCouncil,
        command,
        context,
        letters={lead: MemberLetter(letter=letters[lead], criteria=codes) for lead, codes in criteria.items()},
        due_on=due_on,
        days_late=max(0, (command.on - due_on).days),
        council_decision=council.decision,
        council_version=council.version,
        read_at=context.cross_dossier.read_at(),
    )


def _addressed(command: Command, letters: dict[str, Document], criteria: dict[str, list[str]]) -> None:
    for lead in criteria:
        letter = letters.get(lead)
        if letter is None or not (letter.get("number") or "").strip():
            raise MissingPart(
                clause="II.2",
                part=f"letters.{lead}",
                part_en=f"the letter to {agency(lead).name_en}, with its number",
                part_vi=f"văn bản gửi {agency(lead).name}, có số",
            )
        dated(command, letter, f"the letter to {lead}")
    for addressee in letters:
        if addressee not in criteria:
            raise LeadsNothingHere(agency=addressee)


def sum_up_results(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """SumUpResults: when every criterion of the level has a result (II.3)."""
    if dossier.state is State.VERIFYING:
        missing = [code for code in dossier.criteria if code not in dossier.results]
        raise CriteriaMissing(
            clause="II.3",
            what_en="the members' results",
            what_vi="kết quả thẩm định",
            count=len(missing),
            criteria=missing,
            criteria_text=", ".join(missing),
        )
    in_state(
        dossier,
        command,
        {State.VERIFIED},
        ("the members verify every criterion first", "các thành viên Hội đồng phải thẩm định xong các tiêu chí trước"),
        "II.3",
    )
    not_before(command, max(dossier.last_step_date, *(on for _, _, on in dossier.results.values())))
    report = cast(Document | None, command.data.get("report"))
    if report is not None:
        dated(command, report, "the report")
    results = member_results(dossier)
    record(
        dossier,
        ResultsSummedUp,
        command,
        context,
        report=report,
        results=results,
        counts=dossier.count(results),
    )


def member_results(dossier: Dossier) -> dict[str, bool | None]:
    """What the lead agencies found: code → met, None for not applicable."""
    return {code: dossier.results[code][1]["met"] for code in dossier.criteria if code in dossier.results}


def close_as_unfavourable(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """CloseAsUnfavourable: the sum does not hold, or the council did not recommend (reading 3)."""
    in_state(
        dossier,
        command,
        {State.SUMMED_UP, State.COUNCIL_MET},
        ("the results are summed up first", "phải tổng hợp kết quả trước"),
        "II.3",
    )
    not_before(command, dossier.last_step_date)
    favourable = dossier.sum is not None and dossier.sum["holds"]
    if favourable and not (dossier.state is State.COUNCIL_MET and dossier.council_recommends is False):
        raise SumIsFavourable
    record(
        dossier,
        DossierClosedAsUnfavourable,
        command,
        context,
        reasons=reason(command, "reasons", ("why the dossier is closed", "lý do kết thúc hồ sơ"), "reading 3"),
    )


def record_council_meeting(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """RecordCouncilMeeting: only after a favourable sum. The last of the five gates (II.3)."""
    in_state(
        dossier,
        command,
        {State.SUMMED_UP},
        ("the council meets on the sum of the members' results", "Hội đồng họp trên cơ sở tổng hợp kết quả thẩm định"),
        "II.3",
    )
    not_before(command, dossier.last_step_date)
    results = member_results(dossier)
    counts = dossier.count(results)
    if not counts["holds"]:
        raise rule_not_met(dossier, counts, results, _verified_communes(dossier))
    votes = cast(Votes | None, command.data.get("votes"))
    if votes is not None:
        votes_add_up(votes)
    record(
        dossier,
        CouncilMeetingRecorded,
        command,
        context,
        chair=cast(Participant, part(command, "chair", ("the chair", "chủ trì"), "II.3")),
        present=part(command, "present", ("those present", "thành phần tham dự"), "II.3"),
        minutes=document(command, "minutes", ("the minutes", "biên bản họp Hội đồng"), "II.3", numbered=False),
        recommends=command.data["recommends"],
        votes=votes,
        counts=counts,
    )


def _verified_communes(dossier: Dossier) -> CommuneFigures | None:
    if dossier.unit_kind is not UnitKind.DISTRICT:
        return None
    return dossier.results["I.1"][1].get("communes")


def propose_recognition(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """ProposeRecognition: the letter to the provincial People's Committee, on the council's word (II.3, III.1)."""
    in_state(
        dossier,
        command,
        {State.COUNCIL_MET},
        ("the council meets first", "phải họp Hội đồng thẩm định tỉnh trước"),
        "II.3",
    )
    not_before(command, dossier.last_step_date)
    if not dossier.council_recommends:
        raise CouncilDidNotRecommend
    letter = document(command, "letter", ("the proposal letter", "Tờ trình UBND tỉnh"), "II.3")
    record(dossier, RecognitionProposed, command, context, letter=letter)
