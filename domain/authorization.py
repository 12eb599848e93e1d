"""The roles of the procedure, and for which body each acts on a dossier. `domain.procedure` says who may do what."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING

from domain.agencies import agency, agency_ids
from domain.catalogue import Criterion, UnitKind
from domain.i18n import Text, pair, translatable
from domain.identity import COUNCIL_UNIT
from domain.refusals import UnknownActor, WrongActor, WrongAgency
from domain.units import Units, UnknownUnit

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

_VALUES = frozenset(role.value for role in Role)


def check_known(command: Command, units: Units) -> None:
    """Raises UnknownActor when the acting agency or role does not exist."""
    name, role = command.actor["agency"], command.actor["role"]
    if role not in _VALUES or not (name == COUNCIL_UNIT or name in agency_ids() or _is_unit(name, units)):
        raise UnknownActor(agency=name, role=role)


def check_role(command: Command, roles: Collection[Role]) -> None:
    """Raises WrongActor when the role is not one of `roles`, or an office is taken by another agency."""
    role = Role(command.actor["role"])
    offices = {
        Role.STANDING_AGENCY: STANDING_AGENCY,
        Role.PROVINCIAL_COUNCIL: COUNCIL_UNIT,
        Role.CHAIRMAN: PEOPLES_COMMITTEE,
    }
    office = offices.get(role)
    if role not in roles or (office is not None and command.actor["agency"] != office):
        raise wrong_actor(command, *roles)


def check_body(command: Command, unit_id: str, kind: UnitKind, parent_id: str | None) -> None:
    """Raises WrongActor when the role acts for another body than the dossier's unit or its district."""
    role = Role(command.actor["role"])
    body = body_of(role, unit_id, kind, parent_id)
    if body is not None and command.actor["agency"] != body:
        raise wrong_actor(command, role, of=body)


def body_of(role: Role, unit_id: str, kind: UnitKind, parent_id: str | None) -> str | None:
    """The body for which a role acts on a unit's dossier; None when that does not follow from the unit."""
    if role in (Role.APPLICANT, Role.STEERING_COMMITTEE):
        return unit_id
    if role in (Role.DISTRICT_COUNCIL, Role.DISTRICT_COMMITTEE):
        return unit_id if kind is UnitKind.DISTRICT else (parent_id or "")
    return None


def check_lead(command: Command, criterion: Criterion, code: str) -> None:
    """Raises WrongAgency unless the criterion's lead agency acts, WrongActor unless as a council member (III.2)."""
    acting = command.actor
    if acting["agency"] != criterion.lead_agency:
        raise WrongAgency(
            criterion=code,
            lead=agency(criterion.lead_agency).name,
            lead_agency=criterion.lead_agency,
            agency=acting["agency"],
        )
    if acting["role"] != Role.COUNCIL_MEMBER:
        raise wrong_actor(command, Role.COUNCIL_MEMBER)


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


def _is_unit(name: str, units: Units) -> bool:
    try:
        units.get(name)
    except UnknownUnit:
        return False
    return True
