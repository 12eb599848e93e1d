"""The refusals of the procedure, by name. Each says what is missing and, where one asks for it, which clause."""

from __future__ import annotations

from domain.errors import InvalidInput, Refused


class DossierClosed(Refused):
    """A step after the end of the attempt."""

    code = "DOSSIER_CLOSED"
    en = "dossier {number} has ended: {state_en}"
    vi = "hồ sơ {number} đã kết thúc: {state_vi}"
    hint_en = "the unit may open a new attempt at any time (II.2)"
    hint_vi = "đơn vị có thể mở hồ sơ mới bất cứ lúc nào (II.2)"


class AlreadyDecided(Refused):
    """Withdrawal after the decision."""

    code = "ALREADY_DECIDED"
    en = "dossier {number} is decided already: {state_en}"
    vi = "hồ sơ {number} đã có quyết định: {state_vi}"
    hint_en = "a decision is changed only by a later decision"
    hint_vi = "quyết định chỉ được thay đổi bằng một quyết định sau"


class WrongActor(Refused):
    """The role, or the agency in that role, may not do this."""

    code = "WRONG_ACTOR"
    en = "{role} of {agency} may not do {command}; {expected} may"
    vi = "{role_vi} ({agency}) không được thực hiện {command}; thẩm quyền thuộc về {expected_vi}"


class WrongAgency(Refused):
    """Only the agency that leads a criterion inspects and verifies it (III.2)."""

    code = "WRONG_AGENCY"
    clause = "III.2"
    en = "{criterion} is led by {lead}, not by {agency}"
    vi = "tiêu chí {criterion} do {lead} chủ trì thẩm định, không phải {agency}"


class LeadsNothingHere(Refused):
    """A letter to an agency that has no criterion to verify in the dossier (II.2)."""

    code = "LEADS_NOTHING_HERE"
    clause = "II.2"
    en = "{agency} leads no criterion of this dossier: no letter is addressed to it"
    vi = "{agency} không chủ trì tiêu chí nào của hồ sơ này nên không gửi văn bản thẩm định"


class WrongOrder(Refused):
    """The step does not follow from the present state."""

    code = "WRONG_ORDER"
    en = "{command} is not possible while the dossier is {state_en}: {reason_en}"
    vi = "chưa thể thực hiện {command} khi hồ sơ {state_vi}: {reason_vi}"


class MissingPart(Refused):
    """A part that the record must hold is missing."""

    code = "MISSING_PART"
    en = "missing: {part_en}"
    vi = "thiếu: {part_vi}"


class Incomplete(Refused):
    """A dossier that is not complete cannot be received; the clock does not start (II.2)."""

    code = "INCOMPLETE"
    clause = "II.2"
    en = "the dossier is not complete, missing: {missing_en}; the 15 days do not start"
    vi = "hồ sơ chưa đầy đủ, còn thiếu: {missing_vi}; chưa tính thời hạn 15 ngày"


class ReasonRequired(Refused):
    """A reason, or what is missing, must be said."""

    code = "REASON_MISSING"
    en = "say why: {what_en}"
    vi = "cần nêu lý do: {what_vi}"


class RuleNotMet(Refused):
    """The recognition rule does not hold (I.1)."""

    code = "RULE_NOT_MET"
    en = (
        "the rule does not hold: mandatory {mandatory_met} of {mandatory_of}, all are needed; "
        "extended {extended_met} of {extended_of}, {extended_needed} are needed; not met: {not_met_text}"
    )
    vi = (
        "chưa đủ điều kiện: tiêu chí bắt buộc đạt {mandatory_met}/{mandatory_of}, cần đạt tất cả; "
        "tiêu chí mở rộng đạt {extended_met}/{extended_of}, cần {extended_needed}; chưa đạt: {not_met_text}"
    )


class DateInFuture(Refused):
    """A fact cannot have taken place after the day on which it is recorded."""

    code = "DATE_IN_FUTURE"
    en = "{on} is in the future; today is {today}"
    vi = "ngày {on} ở tương lai; hôm nay là {today}"


class DateBeforeStep(Refused):
    """A fact cannot have taken place before the step that it follows."""

    code = "DATE_BEFORE_STEP"
    en = "{on} is before {not_before}, the day of the step that it follows"
    vi = "ngày {on} trước ngày {not_before} của bước liền trước"


class DateBeforeDecision(DateBeforeStep):
    """An announcement follows the decision (II.4)."""

    code = "DATE_BEFORE_DECISION"
    clause = "II.4"
    en = "{on} is before {not_before}, the day of the decision"
    vi = "ngày {on} trước ngày {not_before} của Quyết định công nhận"


class DocumentDatedLater(Refused):
    """A document cannot be dated after the day of the fact that rests on it."""

    code = "DOCUMENT_DATED_LATER"
    en = "{document} is dated {date}, after {on}"
    vi = "{document} đề ngày {date}, sau ngày {on}"


class DateContradictsDocument(Refused):
    """The day of a decision is the date of its document."""

    code = "DATE_CONTRADICTS_DOCUMENT"
    en = "the day {on} is not the date {date} of the decision"
    vi = "ngày {on} không trùng với ngày {date} của quyết định"


class UnknownCriterion(Refused):
    """No criterion of this code applies to the unit's kind and the dossier's level."""

    code = "UNKNOWN_CRITERION"
    en = "{criterion} is no criterion of a {kind} at level {level}"
    vi = "{criterion} không phải là tiêu chí của {kind_vi} ở mức {level_vi}"
    hint_en = "`dossier criteria --kind {kind} --level {level}` lists them"
    hint_vi = "xem danh sách: `dossier criteria --kind {kind} --level {level}`"


class CriteriaMissing(Refused):
    """Something is asked for on every criterion, and some lack it."""

    code = "CRITERIA_MISSING"
    en = "{what_en} missing for {count} criteria: {criteria_text}"
    vi = "thiếu {what_vi} của {count} tiêu chí: {criteria_text}"


class FieldInspectionMissing(Refused):
    """Without data on a software system the lead agency must inspect in the field and keep minutes (II.3)."""

    code = "FIELD_INSPECTION_MISSING"
    clause = "II.3"
    en = "no data on a software system is named for {criterion}: inspect in the field and keep minutes first"
    vi = "tiêu chí {criterion} không có dữ liệu trên hệ thống phần mềm: phải kiểm tra thực tế và có biên bản"


class MetContradictsFigure(Refused):
    """Met or not met follows from the figure; a contradicting statement is refused."""

    code = "MET_CONTRADICTS_FIGURE"
    clause = "II.3"
    en = "{criterion} is stated as {stated} but its figure says {follows}"
    vi = "tiêu chí {criterion} ghi là {stated} nhưng số liệu cho kết quả {follows}"


class AlreadyVerified(Refused):
    """A second result must name the first and say why (reading 5)."""

    code = "ALREADY_VERIFIED"
    en = "{criterion} has a result already (fact {version}); correct it by naming it"
    vi = "tiêu chí {criterion} đã có kết quả (sự kiện {version}); hãy đính chính kết quả đó"


class DeclaredNotApplicable(Refused):
    """A criterion that was declared not applicable is confirmed or refused, nothing else (reading 6)."""

    code = "DECLARED_NOT_APPLICABLE"
    en = "{criterion} was declared not applicable: confirm or refuse that (not_applicable_confirmed)"
    vi = "tiêu chí {criterion} được kê khai không áp dụng: cần xác nhận hoặc bác bỏ (not_applicable_confirmed)"


class NotDeclaredNotApplicable(Refused):
    """Only what the unit declared not applicable can be confirmed as such (reading 6)."""

    code = "NOT_DECLARED_NOT_APPLICABLE"
    en = "{criterion} was not declared not applicable by the unit"
    vi = "tiêu chí {criterion} không được đơn vị kê khai là không áp dụng"


class ComputedBySystem(Refused):
    """The figures of the district's I.1 are computed from recognitions, never stated."""

    code = "COMPUTED_BY_SYSTEM"
    clause = "Biểu 04 huyện I.1"
    en = "{criterion} is computed from the communes' recognitions; state no figure"
    vi = "tiêu chí {criterion} được hệ thống tính từ các quyết định công nhận cấp xã; không nhập số liệu"


class PercentContradictsVotes(Refused):
    """A stated percentage must equal the votes, rounded half up at its own decimals (reading 10)."""

    code = "PERCENT_CONTRADICTS_VOTES"
    clause = "Biểu 02 II.3"
    en = "{percent} % is stated, but {in_favour} of {attending} is {exact} %"
    vi = "tỷ lệ ghi {percent}% nhưng {in_favour}/{attending} là {exact}%"


class VotesImpossible(Refused):
    """More votes in favour than members attending, or nobody attending."""

    code = "VOTES_IMPOSSIBLE"
    clause = "Biểu 02 II.3"
    en = "{in_favour} votes in favour of {attending} attending is not possible"
    vi = "{in_favour} phiếu thuận trên {attending} người dự họp là không thể"


class PercentImpossible(Refused):
    """Minutes approved by more than all."""

    code = "PERCENT_IMPOSSIBLE"
    clause = "Biểu 02"
    en = "the minutes cannot have been approved by {percent} %"
    vi = "biên bản không thể được thông qua với tỷ lệ {percent}%"


class MeetingTimesImpossible(Refused):
    """A meeting ends after it begins."""

    code = "MEETING_TIMES_IMPOSSIBLE"
    clause = "Biểu 02"
    en = "the meeting ends at {ends}, which is not after {begins}"
    vi = "cuộc họp kết thúc lúc {ends}, không sau giờ bắt đầu {begins}"


class DossierAlreadyOpen(Refused):
    """A second open dossier for the same unit, level and year."""

    code = "DOSSIER_ALREADY_OPEN"
    en = "dossier {number} is open: {state_en}; a new attempt opens only when it has ended"
    vi = "hồ sơ {number} đang mở: {state_vi}; chỉ mở lần mới khi hồ sơ này kết thúc"


class UnknownDossier(Refused):
    """No such dossier exists."""

    code = "UNKNOWN_DOSSIER"
    en = "there is no dossier {reference}"
    vi = "không có hồ sơ {reference}"
    hint_en = "`dossier status` lists the dossiers"
    hint_vi = "xem danh sách hồ sơ bằng `dossier status`"


class NoCouncil(Refused):
    """Nothing is forwarded before the Chairman established the provincial council (II.3)."""

    code = "NO_COUNCIL"
    clause = "II.3"
    en = "no provincial council was in force on {on}"
    vi = "ngày {on} chưa có Quyết định thành lập Hội đồng thẩm định tỉnh"


class AgencyNotOnCouncil(Refused):
    """An agency that leads criteria of the dossier has no member on the council (II.3)."""

    code = "AGENCY_NOT_ON_COUNCIL"
    clause = "II.3"
    en = "no member on the council for {agencies_text}"
    vi = "Hội đồng không có thành viên đại diện {agencies_text}"


class LevelMismatch(Refused):
    """A dossier for one level is never decided at another (reading 13)."""

    code = "LEVEL_MISMATCH"
    en = "the decision names level {stated}, the dossier is for {level}"
    vi = "quyết định ghi mức {stated}, hồ sơ đề nghị mức {level}"


class UnknownFact(Refused):
    """A correction names a fact of this dossier by its version, the latest on its subject."""

    code = "UNKNOWN_FACT"
    en = "fact {corrects} is not one that this command corrects: {reason_en}"
    vi = "sự kiện {corrects} không thể được đính chính bằng lệnh này: {reason_vi}"
    hint_en = "`dossier audit` lists the facts with their versions"
    hint_vi = "`dossier audit` liệt kê các sự kiện và số thứ tự"


class SumIsFavourable(Refused):
    """A dossier whose sum holds goes to the council; it is not closed as unfavourable (II.3)."""

    code = "SUM_IS_FAVOURABLE"
    clause = "II.3"
    en = "the sum is favourable: the council has to meet"
    vi = "kết quả tổng hợp đủ điều kiện: phải tổ chức họp Hội đồng"


class CouncilDidNotRecommend(Refused):
    """The proposal rests on the council's result (II.3)."""

    code = "COUNCIL_DID_NOT_RECOMMEND"
    clause = "II.3"
    en = "the council did not recommend recognition"
    vi = "Hội đồng không đề nghị công nhận"


class CouncilExists(Refused):
    """The council is established once, then changed."""

    code = "COUNCIL_EXISTS"
    clause = "II.3"
    en = "the provincial council is established already; change it by ChangeCouncil"
    vi = "Hội đồng thẩm định tỉnh đã được thành lập; dùng ChangeCouncil để kiện toàn"


class CouncilComposition(Refused):
    """Who sits on the council (II.3)."""

    code = "COUNCIL_COMPOSITION"
    clause = "II.3"
    en = "{reason_en}"
    vi = "{reason_vi}"


class AlreadyRecognised(Refused):
    """The same recognition was recorded already."""

    code = "ALREADY_RECOGNISED"
    en = "{unit} is recognised at level {level} by decision {decision} already"
    vi = "{unit} đã được công nhận mức {level} theo quyết định {decision}"


class CommandIdReused(Refused):
    """A command id is bound to the content with which it was first used."""

    code = "COMMAND_ID_REUSED"
    en = "command id {command_id} was used for another command of this unit"
    vi = "mã lệnh {command_id} đã được dùng cho một lệnh khác của đơn vị này"


class UnknownActor(InvalidInput):
    """The acting agency or role is not known."""

    code = "UNKNOWN_ACTOR"
    en = "{agency!r} in role {role!r} is no known actor"
    vi = "không có chủ thể {agency!r} với vai trò {role!r}"
