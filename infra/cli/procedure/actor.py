"""Who gives a command where the person does not say: the role that may, and the agency that has it for the dossier."""

from __future__ import annotations

from domain.authorization import PEOPLES_COMMITTEE, STANDING_AGENCY, Role
from domain.catalogue import catalogue
from domain.i18n import pair
from domain.identity import COUNCIL_UNIT
from domain.procedure import ON_DOSSIER, STEPS
from domain.refusals import UnknownFact
from domain.values import Actor
from infra.bootstrap import Application
from infra.cli.support.dossiers import dossier_of, events_of, unit_of
from infra.cli.support.session import Given


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
        role = _role(application, command, dossier)
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


def _role(application: Application, command: str, dossier: str) -> Role:
    """The role that may give the command; of several the one whose turn it is, or else the first."""
    step = ON_DOSSIER.get(command)
    if step is None:
        return STEPS[command].roles[0]
    if step.has_turns:
        return step.role_now(dossier_of(application, dossier))
    if step.roles_by_kind:
        return step.roles_for(application.settings.units.get(unit_of(application, dossier)).kind)[0]
    return step.roles[0]


def _recorder(application: Application, dossier: str, version: int) -> Actor:
    for event in events_of(application, dossier):
        if event.originator_version == version:
            return event.actor
    raise UnknownFact(
        clause="reading 5",
        corrects=version,
        reason=pair("the dossier has no such fact"),
    )
