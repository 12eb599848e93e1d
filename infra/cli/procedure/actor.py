"""Who gives a command where the person does not say: the role that may, and the agency that has it for the dossier."""

from __future__ import annotations

from collections.abc import Callable

from domain.authorization import PEOPLES_COMMITTEE, PERMISSIONS, STANDING_AGENCY, Role
from domain.catalogue import UnitKind, catalogue
from domain.dossier.states import State
from domain.i18n import pair
from domain.identity import COUNCIL_UNIT
from domain.refusals import UnknownFact
from domain.values import Actor
from infra.bootstrap import Application
from infra.cli.support.dossiers import dossier_of, events_of, unit_of
from infra.cli.support.session import Given

_AT_DISTRICT = {State.AT_DISTRICT_COUNCIL, State.DISTRICT_MET}


def actor_of(
    application: Application,
    given: Given,
    command: str,
    dossier: str,
    *,
    criterion: str | None = None,
    fact: int | None = None,
) -> Actor:
    """The actor of a command: what was given, and the default for what was not.

    `criterion` is the one that a member acts on, `fact` the version of the fact that is corrected.
    """
    if fact is not None and (given.role is None or given.agency is None):
        recorded = _recorder(application, dossier, fact)
        return Actor(
            person=given.person or "", agency=given.agency or recorded["agency"], role=given.role or recorded["role"]
        )
    role = Role(given.role) if given.role in set(Role) else None
    if given.role is None:
        choose = _ROLES.get(command)
        role = choose(application, dossier) if choose else PERMISSIONS[command][0]
    agency = given.agency
    if agency is None and role is not None:
        agency = _agency(application, role, dossier, criterion)
    return Actor(person=given.person or "", agency=agency or "", role=role or given.role or "")


def _agency(application: Application, role: Role, dossier: str, criterion: str | None) -> str:
    match role:
        case Role.STANDING_AGENCY:
            return STANDING_AGENCY
        case Role.PROVINCIAL_COUNCIL:
            return COUNCIL_UNIT
        case Role.CHAIRMAN:
            return PEOPLES_COMMITTEE
    unit = unit_of(application, dossier)
    if role in (Role.APPLICANT, Role.STEERING_COMMITTEE):
        return unit
    found = application.settings.units.get(unit)
    if role is Role.COUNCIL_MEMBER:
        leads = (
            known.lead_agency
            for known in catalogue().criteria
            if known.unit_kind is found.kind and known.code == criterion
        )
        # An unknown criterion is refused by its name, whoever asks.
        return next(leads, STANDING_AGENCY)
    return found.parent_id or found.id


def _own_meeting(application: Application, dossier: str) -> Role:
    unit = application.settings.units.get(unit_of(application, dossier))
    return Role.STEERING_COMMITTEE if unit.kind is UnitKind.DEPARTMENT else Role.DISTRICT_COUNCIL


def _return(application: Application, dossier: str) -> Role:
    at_district = dossier_of(application, dossier).state in _AT_DISTRICT
    return Role.DISTRICT_COUNCIL if at_district else Role.STANDING_AGENCY


def _withdrawal(application: Application, dossier: str) -> Role:
    sent_on = dossier_of(application, dossier).sent_to_province
    return Role.DISTRICT_COMMITTEE if sent_on else Role.APPLICANT


_ROLES: dict[str, Callable[[Application, str], Role]] = {
    "RecordOwnMeeting": _own_meeting,
    "ReturnDossier": _return,
    "WithdrawDossier": _withdrawal,
}
"""Commands that several roles may give → the one that may for this dossier, as it stands."""


def _recorder(application: Application, dossier: str, version: int) -> Actor:
    for event in events_of(application, dossier):
        if event.originator_version == version:
            return event.actor
    raise UnknownFact(
        clause="reading 5",
        corrects=version,
        reason=pair("the dossier has no such fact"),
    )
