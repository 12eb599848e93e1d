"""The roles of the procedure, and for which body each acts on a dossier. `domain.procedure` says who may do what."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from domain.catalogue import UnitKind
from domain.i18n import Text, pair, translatable
from domain.refusals import WrongActor

if TYPE_CHECKING:
    # The command line needs the roles for its help, and no command.
    from domain.commands import Command

STANDING_AGENCY = "so-tttt"
PEOPLES_COMMITTEE = "ubnd-tinh"


class Role(StrEnum):
    """The roles of the procedure."""

    APPLICANT = "applicant"
    STEERING_COMMITTEE = "steering_committee"
    DISTRICT_COUNCIL = "district_council"
    DISTRICT_COMMITTEE = "district_committee"
    STANDING_AGENCY = "standing_agency"
    COUNCIL_MEMBER = "council_member"
    PROVINCIAL_COUNCIL = "provincial_council"
    CHAIRMAN = "chairman"

    @property
    def text(self) -> Text:
        """Its name, in Vietnamese in the guidance's words."""
        return pair(_NAMES[self])


_NAMES = {
    Role.APPLICANT: translatable("applicant"),
    Role.STEERING_COMMITTEE: translatable("steering committee"),
    Role.DISTRICT_COUNCIL: translatable("district council"),
    Role.DISTRICT_COMMITTEE: translatable("district committee"),
    Role.STANDING_AGENCY: translatable("standing agency"),
    Role.COUNCIL_MEMBER: translatable("council member"),
    Role.PROVINCIAL_COUNCIL: translatable("provincial council"),
    Role.CHAIRMAN: translatable("chairman"),
}


def body_of(role: Role, unit_id: str, kind: UnitKind, parent_id: str | None) -> str | None:
    """The body for which a role acts on a unit's dossier; None when that does not follow from the unit."""
    if role in (Role.APPLICANT, Role.STEERING_COMMITTEE):
        return unit_id
    if role in (Role.DISTRICT_COUNCIL, Role.DISTRICT_COMMITTEE):
        return unit_id if kind is UnitKind.DISTRICT else (parent_id or "")
    return None


def wrong_actor(command: Command, *roles: Role, of: str | None = None) -> WrongActor:
    """The refusal, naming who may."""
    expected = " / ".join(role.value for role in roles)
    expected_vi = " / ".join(role.text.vi for role in roles)
    if of:
        expected = f"{expected} of {of}" if expected else of
        expected_vi = f"{expected_vi} ({of})" if expected_vi else of
    return WrongActor(
        role=command.actor["role"],
        role_vi=Role(command.actor["role"]).text.vi,
        agency=command.actor["agency"],
        command=command.name,
        expected=expected,
        expected_vi=expected_vi,
    )
