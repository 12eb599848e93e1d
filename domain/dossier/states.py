"""The states of a dossier, named after the step that led to each, in the order of the procedure (II.1 to II.4)."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a dossier stands. `en` and `vi` are for people."""

    OPENED = "opened"
    SELF_ASSESSED = "self_assessed"
    OWN_MEETING = "own_meeting"
    SUBMITTED = "submitted"
    AT_DISTRICT_COUNCIL = "at_district_council"
    DISTRICT_MET = "district_met"
    FORWARDED_TO_PROVINCE = "forwarded_to_province"
    RETURNED = "returned"
    RECEIVED = "received"
    FORWARDED_TO_MEMBERS = "forwarded_to_members"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    SUMMED_UP = "summed_up"
    COUNCIL_MET = "council_met"
    PROPOSED = "proposed"
    APPROVED = "approved"
    ANNOUNCED = "announced"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REFUSED_BY_DISTRICT_COUNCIL = "refused_by_district_council"
    CLOSED_AS_UNFAVOURABLE = "closed_as_unfavourable"
    RECOGNISED_EARLIER = "recognised_earlier"
    REVOKED = "revoked"

    @property
    def en(self) -> str:
        """English name."""
        return _NAMES[self][0]

    @property
    def vi(self) -> str:
        """Vietnamese name."""
        return _NAMES[self][1]


_NAMES: dict[State, tuple[str, str]] = {
    State.OPENED: ("opened, self-assessment not complete", "đã mở, chưa tự đánh giá xong"),
    State.SELF_ASSESSED: ("self-assessed", "đã tự đánh giá"),
    State.OWN_MEETING: ("own meeting held", "đã họp xét, đề nghị"),
    State.SUBMITTED: ("submitted to the province", "đã gửi tỉnh"),
    State.AT_DISTRICT_COUNCIL: ("at the district council", "đang ở Hội đồng thẩm định cấp huyện"),
    State.DISTRICT_MET: ("appraised by the district council", "Hội đồng thẩm định cấp huyện đã họp"),
    State.FORWARDED_TO_PROVINCE: ("sent on to the province", "huyện đã gửi tỉnh"),
    State.RETURNED: ("returned for completion", "trả lại để bổ sung"),
    State.RECEIVED: ("received complete", "đã tiếp nhận đủ hồ sơ"),
    State.FORWARDED_TO_MEMBERS: ("forwarded to the council's members", "đã gửi các thành viên Hội đồng"),
    State.VERIFYING: ("being verified", "đang thẩm định"),
    State.VERIFIED: ("every criterion verified", "đã thẩm định xong các tiêu chí"),
    State.SUMMED_UP: ("summed up", "đã tổng hợp kết quả"),
    State.COUNCIL_MET: ("provincial council met", "Hội đồng thẩm định tỉnh đã họp"),
    State.PROPOSED: ("proposed to the Chairman", "đã trình UBND tỉnh"),
    State.APPROVED: ("recognised", "đã được công nhận"),
    State.ANNOUNCED: ("recognised and announced", "đã công bố"),
    State.REJECTED: ("rejected", "không được công nhận"),
    State.WITHDRAWN: ("withdrawn", "đã rút hồ sơ"),
    State.REFUSED_BY_DISTRICT_COUNCIL: (
        "refused by the district council",
        "Hội đồng thẩm định cấp huyện không đề nghị",
    ),
    State.CLOSED_AS_UNFAVOURABLE: ("closed as unfavourable", "kết thúc do không đủ điều kiện"),
    State.RECOGNISED_EARLIER: ("recognised before the system", "đã được công nhận trước khi có hệ thống"),
    State.REVOKED: ("recognition revoked", "quyết định công nhận đã bị hủy bỏ"),
}

CLOSED = frozenset(
    {
        State.REJECTED,
        State.WITHDRAWN,
        State.REFUSED_BY_DISTRICT_COUNCIL,
        State.CLOSED_AS_UNFAVOURABLE,
        State.REVOKED,
    }
)
"""No further step, only corrections (reading 3)."""

ENDED = CLOSED | {State.ANNOUNCED, State.RECOGNISED_EARLIER}
"""The attempt is over: the unit may apply again (II.2)."""

DECIDED = frozenset({State.APPROVED, State.ANNOUNCED, State.REJECTED, State.RECOGNISED_EARLIER, State.REVOKED})
"""The Chairman has decided (I.2)."""

RECOGNISED = frozenset({State.APPROVED, State.ANNOUNCED, State.RECOGNISED_EARLIER})
"""A decision of recognition is in force."""
