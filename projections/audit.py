"""Read model "audit": every recorded fact of every dossier and of the council, its basis and documents, and flags.

One row per event; one row per flag; and per dossier what the flags are judged by. What is taken from each type of event
stands in `projections.audit_details`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

from domain.agencies import is_or_belongs_to
from domain.catalogue import Level, Requirement, UnitKind, catalogue
from domain.dossier.aggregate import DossierCreated
from domain.dossier.application import DossierOpened
from domain.dossier.appraisal import CriterionVerified, VerificationCorrected
from domain.dossier.corrections import FactCorrected
from domain.dossier.reception import DossierForwardedToCouncil
from domain.i18n import translatable
from domain.procedure import PROCEDURE
from domain.recorded_event import RecordedEvent
from domain.step import Step
from projections.audit_details import details_of, documents_of
from projections.engine.projection import Event, Handler, Projection
from projections.engine.rows import RowCache
from projections.engine.snapshot import Snapshot
from projections.engine.table import Kind, Row, Table, canonical, moment

EVENTS = Table(
    "audit_events",
    {
        "dossier_id": Kind.TEXT,
        "version": Kind.INTEGER,
        "partition": Kind.INTEGER,
        "position": Kind.INTEGER,
        "event": Kind.TEXT,
        "took_place_on": Kind.TEXT,
        "recorded_at": Kind.TEXT,
        "person": Kind.TEXT,
        "agency": Kind.TEXT,
        "role": Kind.TEXT,
        "command_id": Kind.TEXT,
        "clause": Kind.TEXT,
        "documents": Kind.JSON,
        "details": Kind.JSON,
        "flags": Kind.JSON,
        "corrected_by": Kind.INTEGER,
    },
    ("dossier_id", "version"),
)
"""What needs a word:

took_place_on   the day of the fact, from its document; `recorded_at` the moment at which it was recorded
clause          the clause of the guidance, or the reading, that the fact rests on
documents       every document that the fact names, each with its `path` in the event
details         what else is worth reading: a criterion, a figure, reasons, letters' criteria
flags           codes of FLAGS; `audit_flags` has them one by one
corrected_by    the version of the latest later fact that corrects or revokes this one
"""

FLAGGED = Table(
    "audit_flags",
    {
        "dossier_id": Kind.TEXT,
        "version": Kind.INTEGER,
        "flag": Kind.TEXT,
        "criterion": Kind.TEXT,
        "position": Kind.INTEGER,
    },
    ("dossier_id", "version", "flag"),
    (("flag",),),
)
"""`criterion` is the code of the criterion that the flagged fact is about, where it is about one."""

DOSSIERS = Table(
    "audit_dossiers",
    {
        "dossier_id": Kind.TEXT,
        "number": Kind.TEXT,
        "unit_id": Kind.TEXT,
        "kind": Kind.TEXT,
        "level": Kind.TEXT,
        "catalogue_version": Kind.INTEGER,
        "one_column_level": Kind.TEXT,
        "has_results": Kind.TRUTH,
    },
    ("dossier_id",),
)
"""What a flag is judged by. `catalogue_version` and `one_column_level` are None for an earlier recognition."""

SELF_VERIFICATION = "SELF_VERIFICATION"
LATE_FORWARDING = "LATE_FORWARDING"
CORRECTED_AFTER_VERIFICATION = "CORRECTED_AFTER_VERIFICATION"
CORRECTED_AFTER_DECISION = "CORRECTED_AFTER_DECISION"
MANDATORY_NOT_APPLICABLE = "MANDATORY_NOT_APPLICABLE"

FLAGS = {
    SELF_VERIFICATION: translatable(
        "the agency verified a criterion of its own dossier, or of the body that it is part of (reading 7)"
    ),
    LATE_FORWARDING: translatable("forwarded to the council after the fifteenth day (II.2, reading 11)"),
    CORRECTED_AFTER_VERIFICATION: translatable(
        "a fact was corrected once results of the verification existed (reading 5)"
    ),
    CORRECTED_AFTER_DECISION: translatable(
        "a fact was corrected after the Chairman's decision, which stands (reading 5)"
    ),
    MANDATORY_NOT_APPLICABLE: translatable("a mandatory criterion was confirmed as not applicable (reading 6)"),
}
"""Code → what it says."""

FlagRule = Callable[[Row, Event[Any]], list[str]]
"""Which flags an event raises, given its dossier's row."""


def _verification_flags(dossier: Row, event: Event[CriterionVerified | VerificationCorrected]) -> list[str]:
    fact = event.fact
    flags = []
    if is_or_belongs_to(fact.actor["agency"], dossier["unit_id"]):
        flags.append(SELF_VERIFICATION)
    if fact.finding.get("not_applicable_confirmed") is True and _is_mandatory(dossier, fact.criterion):
        flags.append(MANDATORY_NOT_APPLICABLE)
    return flags


def _is_mandatory(dossier: Row, code: str) -> bool:
    criteria = catalogue(dossier["catalogue_version"]).criteria_for(
        UnitKind(dossier["kind"]), Level(dossier["level"]), Level(dossier["one_column_level"])
    )
    return criteria[code].requirement is Requirement.MANDATORY


def _correction_flags(dossier: Row, event: Event[FactCorrected | VerificationCorrected]) -> list[str]:
    flags = [CORRECTED_AFTER_VERIFICATION] if dossier["has_results"] else []
    return [*flags, CORRECTED_AFTER_DECISION] if event.fact.after_decision else flags


def _corrected_verification_flags(dossier: Row, event: Event[VerificationCorrected]) -> list[str]:
    return _verification_flags(dossier, event) + _correction_flags(dossier, event)


def _forwarding_flags(_: Row, event: Event[DossierForwardedToCouncil]) -> list[str]:
    return [LATE_FORWARDING] if event.fact.days_late > 0 else []


_FLAG_RULES: Mapping[type[RecordedEvent], FlagRule] = {
    CriterionVerified: _verification_flags,
    VerificationCorrected: _corrected_verification_flags,
    FactCorrected: _correction_flags,
    DossierForwardedToCouncil: _forwarding_flags,
}

_CORRECTED_FIELDS = ("corrects", "revokes")
"""The fields in which an event names the version of the fact that it corrects or revokes."""


def _handler(step: Step) -> Handler:
    """The handler of one step's event: what it has in common with all, then what is its own."""
    event_type, name, clause = step.event, step.event.__name__, step.clause
    flag_rule = _FLAG_RULES.get(event_type)
    opens = issubclass(event_type, DossierCreated)
    own_fields = {each.name for each in fields(event_type)}
    corrected_field = next((name for name in _CORRECTED_FIELDS if name in own_fields), None)
    brings_results = event_type is CriterionVerified

    def handler(rows: RowCache, event: Event[Any]) -> None:
        if opens:
            _add_dossier(rows, event)
        flags: list[str] = []
        if flag_rule is not None:
            dossier = rows.require(DOSSIERS, event.dossier_id)
            flags = flag_rule(dossier, event)
            if brings_results and not dossier["has_results"]:
                dossier["has_results"] = 1
                rows.upsert_row(DOSSIERS, dossier)
        _record(rows, event, name, clause, flags)
        if corrected_field is not None:
            corrected = rows.require(EVENTS, (event.dossier_id, getattr(event.fact, corrected_field)))
            corrected["corrected_by"] = event.version
            rows.upsert_row(EVENTS, corrected)

    return handler


def _add_dossier(rows: RowCache, event: Event[DossierCreated]) -> None:
    fact = event.fact
    opened = fact if isinstance(fact, DossierOpened) else None
    rows.upsert_row(
        DOSSIERS,
        DOSSIERS.blank(
            dossier_id=event.dossier_id,
            number=fact.number,
            unit_id=fact.unit_id,
            kind=fact.unit_kind,
            level=fact.level,
            catalogue_version=opened.catalogue_version if opened else None,
            one_column_level=opened.one_column_level if opened else None,
            has_results=0,
        ),
    )


def _record(rows: RowCache, event: Event[RecordedEvent], name: str, clause: str, flags: list[str]) -> None:
    fact = event.fact
    actor = fact.actor
    rows.upsert_row(
        EVENTS,
        {
            "dossier_id": event.dossier_id,
            "version": event.version,
            "partition": event.partition,
            "position": event.position,
            "event": name,
            "took_place_on": fact.on.isoformat(),
            "recorded_at": moment(fact.timestamp),
            "person": actor["person"],
            "agency": actor["agency"],
            "role": actor["role"],
            "command_id": fact.command_id,
            "clause": clause,
            "documents": canonical(documents_of(fact)),
            "details": canonical(details_of(fact)),
            "flags": canonical(flags) if flags else "[]",
            "corrected_by": None,
        },
    )
    for flag in flags:
        rows.upsert_row(
            FLAGGED,
            {
                "dossier_id": event.dossier_id,
                "version": event.version,
                "flag": flag,
                "criterion": fact.criterion if isinstance(fact, CriterionVerified | VerificationCorrected) else None,
                "position": event.position,
            },
        )


AUDIT = Projection(
    name="audit",
    version=1,
    tables=(EVENTS, FLAGGED, DOSSIERS),
    handlers={step.event: _handler(step) for step in PROCEDURE},
)


def trail(views: Snapshot, dossier_id: UUID | str) -> list[dict[str, Any]]:
    """Every fact of a dossier (or, by its id, of the council) in order; empty for an unknown one."""
    found = views.select("SELECT * FROM {audit_events} WHERE dossier_id = ? ORDER BY version", (str(dossier_id),))
    return [EVENTS.readable(row) for row in found]


def flags(views: Snapshot, dossier_id: UUID | str) -> dict[str, list[str | int]]:
    """Flag → what it is about: the codes of criteria, or the versions of facts that are about no single one."""
    found = views.select(
        "SELECT flag, version, criterion FROM {audit_flags} WHERE dossier_id = ? ORDER BY version",
        (str(dossier_id),),
    )
    raised: dict[str, list[str | int]] = {}
    for flag in FLAGS:
        about = [row["criterion"] or row["version"] for row in found if row["flag"] == flag]
        if about:
            raised[flag] = list(dict.fromkeys(about))
    return raised


def flagged(views: Snapshot, flag: str | None = None) -> list[dict[str, Any]]:
    """The flagged facts of all dossiers, of one flag or of any, by dossier number and version.

    Each has dossier_id, number, unit_id, flag, criterion (or None), version, event, took_place_on, recorded_at, person,
    agency and role.
    """
    sql = (
        "SELECT f.dossier_id, d.number, d.unit_id, f.flag, f.criterion, f.version, e.event, e.took_place_on, "
        "e.recorded_at, e.person, e.agency, e.role FROM {audit_flags} f "
        "JOIN {audit_dossiers} d ON d.dossier_id = f.dossier_id "
        "JOIN {audit_events} e ON e.dossier_id = f.dossier_id AND e.version = f.version "
    )
    if flag is None:
        return views.select(sql + "ORDER BY d.number, f.version, f.flag")
    return views.select(sql + "WHERE f.flag = ? ORDER BY d.number, f.version", (flag,))
