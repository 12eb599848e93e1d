"""The states of a dossier, named after the step that led to each, in the order of the procedure (II.1 to II.4)."""

from __future__ import annotations

from enum import StrEnum

from domain.i18n import Text, pair, translatable


class State(StrEnum):
    """Where a dossier stands."""

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
    def text(self) -> Text:
        """Its name, for people."""
        return pair(_NAMES[self])


_NAMES: dict[State, str] = {
    State.OPENED: translatable("opened, self-assessment not complete"),
    State.SELF_ASSESSED: translatable("self-assessed"),
    State.OWN_MEETING: translatable("own meeting held"),
    State.SUBMITTED: translatable("submitted to the province"),
    State.AT_DISTRICT_COUNCIL: translatable("at the district council"),
    State.DISTRICT_MET: translatable("appraised by the district council"),
    State.FORWARDED_TO_PROVINCE: translatable("sent on to the province"),
    State.RETURNED: translatable("returned for completion"),
    State.RECEIVED: translatable("received complete"),
    State.FORWARDED_TO_MEMBERS: translatable("forwarded to the council's members"),
    State.VERIFYING: translatable("being verified"),
    State.VERIFIED: translatable("every criterion verified"),
    State.SUMMED_UP: translatable("summed up"),
    State.COUNCIL_MET: translatable("provincial council met"),
    State.PROPOSED: translatable("proposed to the Chairman"),
    State.APPROVED: translatable("recognised"),
    State.ANNOUNCED: translatable("recognised and announced"),
    State.REJECTED: translatable("rejected"),
    State.WITHDRAWN: translatable("withdrawn"),
    State.REFUSED_BY_DISTRICT_COUNCIL: translatable("refused by the district council"),
    State.CLOSED_AS_UNFAVOURABLE: translatable("closed as unfavourable"),
    State.RECOGNISED_EARLIER: translatable("recognised before the system"),
    State.REVOKED: translatable("recognition revoked"),
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
