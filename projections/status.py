"""Read model "status": where each dossier stands, who must act next, and how much is done. One row per dossier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

from domain.authorization import Role
from domain.catalogue import Level, UnitKind, catalogue
from domain.dossier.aggregate import DossierCreated, DossierEvent
from domain.dossier.application import (
    DossierOpened,
    OwnMeetingRecorded,
    SelfAssessmentRecorded,
)
from domain.dossier.appraisal import CriterionVerified, VerificationCorrected
from domain.dossier.corrections import FactCorrected
from domain.dossier.decision import (
    DecisionCorrected,
    EarlierRecognitionRecorded,
    RecognitionApproved,
    RecognitionRejected,
)
from domain.dossier.reception import DossierForwardedToCouncil, DossierReceived, DossierReturned
from domain.dossier.states import DECIDED, State
from domain.policy.recognition import Counts
from domain.procedure import PROCEDURE
from domain.recorded_event import RecordedEvent
from domain.step import CouncilStep, Step
from projections.engine.projection import Event, Handler, Projection
from projections.engine.rows import RowCache
from projections.engine.snapshot import Snapshot
from projections.engine.table import Kind, Row, Table, Value, moment

DOSSIERS = Table(
    "status_dossiers",
    {
        "dossier_id": Kind.TEXT,
        "number": Kind.TEXT,
        "unit_id": Kind.TEXT,
        "kind": Kind.TEXT,
        "district": Kind.TEXT,
        "level": Kind.TEXT,
        "year": Kind.INTEGER,
        "attempt": Kind.INTEGER,
        "state": Kind.TEXT,
        "step_on": Kind.TEXT,
        "next_role": Kind.TEXT,
        "returned_by": Kind.TEXT,
        "due_on": Kind.TEXT,
        "days_late": Kind.INTEGER,
        "criteria_total": Kind.INTEGER,
        "criteria_verified": Kind.INTEGER,
        "counts_by": Kind.TEXT,
        "mandatory_met": Kind.INTEGER,
        "mandatory_of": Kind.INTEGER,
        "extended_met": Kind.INTEGER,
        "extended_of": Kind.INTEGER,
        "extended_needed": Kind.INTEGER,
        "holds": Kind.TRUTH,
        "decision_number": Kind.TEXT,
        "decided_on": Kind.TEXT,
        "version": Kind.INTEGER,
        "recorded_at": Kind.TEXT,
    },
    ("dossier_id",),
    (("state",), ("district",), ("unit_id",), ("due_on",)),
)
"""What needs a word:

district           the commune's district, the district itself, None for a department
step_on            the day of the step that led to the state
next_role          who must act next (domain.authorization.Role), None when nobody must
due_on             the last of the 15 days, while that clock runs (state received)
days_late          by how many days the forwarding was late, 0 in time; None before it
counts_by          whose figures the counts are: claimed, district (its council's findings), members (results)
holds              whether the rule of I.1 holds by these counts
recorded_at        the moment at which the last fact was recorded
"""

CLAIMED, BY_DISTRICT, BY_MEMBERS = "claimed", "district", "members"

_NEXT: Mapping[str, Role | Mapping[str, Role]] = {
    State.OPENED: Role.APPLICANT,  # completes its self-assessment (II.1.1)
    State.SELF_ASSESSED: {
        UnitKind.DEPARTMENT: Role.STEERING_COMMITTEE,  # meets (II.1.1.a)
        UnitKind.DISTRICT: Role.DISTRICT_COUNCIL,  # meets on the district itself (II.1.1.b)
        UnitKind.COMMUNE: Role.APPLICANT,  # no meeting: sends to the district council (II.1.1.c)
    },
    State.OWN_MEETING: Role.APPLICANT,  # submits with form 01, 02 and 03 (II.1.2)
    State.SUBMITTED: Role.STANDING_AGENCY,  # receives or returns (II.2)
    State.AT_DISTRICT_COUNCIL: Role.DISTRICT_COUNCIL,  # appraises, returns or refuses (II.1.1.b)
    State.DISTRICT_MET: Role.DISTRICT_COMMITTEE,  # sends on with the district's letter (II.1.1.b)
    State.FORWARDED_TO_PROVINCE: Role.STANDING_AGENCY,  # receives or returns (II.2)
    State.RECEIVED: Role.STANDING_AGENCY,  # writes to the members within 15 days (II.2)
    State.FORWARDED_TO_MEMBERS: Role.COUNCIL_MEMBER,  # verifies what its agency leads (II.3)
    State.VERIFYING: Role.COUNCIL_MEMBER,
    State.VERIFIED: Role.STANDING_AGENCY,  # sums up (II.3)
    State.COUNCIL_MET: Role.STANDING_AGENCY,  # proposes, or closes what the council did not recommend (II.3)
    State.PROPOSED: Role.CHAIRMAN,  # decides (I.2)
    State.APPROVED: Role.APPLICANT,  # announces (II.4)
}
"""Who must act in a state. Missing: nobody, or it depends on more than the state (`_next_role`)."""


_TEXT = {role: role.value for role in Role}


def _next_role(row: Row) -> str | None:
    state, kind = row["state"], row["kind"]
    if state == State.RETURNED:
        # A commune's dossier that the province returned comes back through its district (II.1.1.b).
        through_district = kind == UnitKind.COMMUNE and row["returned_by"] != Role.DISTRICT_COUNCIL
        return _TEXT[Role.DISTRICT_COMMITTEE if through_district else Role.APPLICANT]
    if state == State.SUMMED_UP:
        # The council is convened only after a favourable sum; else the attempt is closed (reading 3).
        return _TEXT[Role.PROVINCIAL_COUNCIL if row["holds"] else Role.STANDING_AGENCY]
    who = _NEXT.get(state)
    return None if who is None else _TEXT[who if isinstance(who, Role) else who[kind]]


def _store(rows: RowCache, event: Event[DossierEvent], row: Row) -> None:
    row["version"] = event.version
    row["recorded_at"] = moment(event.fact.timestamp)
    row["next_role"] = _next_role(row)
    rows.upsert_row(DOSSIERS, row)


def _enter(row: Row, event: Event[DossierEvent], state: State) -> None:
    row["state"] = state.value
    row["step_on"] = event.fact.on.isoformat()


def _set_counts(row: Row, counts: Counts, counts_by: str) -> None:
    row["counts_by"] = counts_by
    row["mandatory_met"], row["mandatory_of"] = counts["mandatory_met"], counts["mandatory_of"]
    row["extended_met"], row["extended_of"] = counts["extended_met"], counts["extended_of"]
    row["extended_needed"], row["holds"] = counts["extended_needed"], int(counts["holds"])


def _new_row(event: Event[DossierCreated]) -> Row:
    fact = event.fact
    kind = fact.unit_kind
    return DOSSIERS.blank(
        dossier_id=event.dossier_id,
        number=fact.number,
        unit_id=fact.unit_id,
        kind=kind,
        district=fact.unit_id if kind == UnitKind.DISTRICT else fact.parent_id,
        level=fact.level,
        year=fact.year,
        attempt=fact.attempt,
    )


def _opened(rows: RowCache, event: Event[DossierOpened]) -> None:
    row, fact = _new_row(event), event.fact
    bound = catalogue(fact.catalogue_version)
    criteria = bound.criteria_for(UnitKind(fact.unit_kind), Level(fact.level), Level(fact.one_column_level))
    row["criteria_total"], row["criteria_verified"] = len(criteria), 0
    _enter(row, event, State.OPENED)
    _store(rows, event, row)


def _recognised_earlier(rows: RowCache, event: Event[EarlierRecognitionRecorded]) -> None:
    row = _new_row(event)
    _enter(row, event, State.RECOGNISED_EARLIER)
    row["decision_number"], row["decided_on"] = event.fact.decision["number"], row["step_on"]
    _store(rows, event, row)


def _moves_to(state: State, *, counts_by: str | None = None) -> Handler:
    """The handler of a plain step: to a state, on a day, perhaps with new counts; the 15 days are over."""

    def handler(rows: RowCache, event: Event[Any]) -> None:
        row = rows.require(DOSSIERS, event.dossier_id)
        _enter(row, event, state)
        row["due_on"] = None
        if counts_by is not None:
            _set_counts(row, event.fact.counts, counts_by)
        _store(rows, event, row)

    return handler


def _self_assessed(rows: RowCache, event: Event[SelfAssessmentRecorded]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    returned = row["state"] == State.RETURNED
    assessed = State.SELF_ASSESSED if event.fact.complete else State.OPENED
    _enter(row, event, State.RETURNED if returned else assessed)
    _store(rows, event, row)


def _own_meeting(rows: RowCache, event: Event[OwnMeetingRecorded]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    _enter(row, event, State.RETURNED if row["state"] == State.RETURNED else State.OWN_MEETING)
    _store(rows, event, row)


def _received(rows: RowCache, event: Event[DossierReceived]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    _enter(row, event, State.RECEIVED)
    row["due_on"] = event.fact.due_on.isoformat()
    _store(rows, event, row)


def _returned(rows: RowCache, event: Event[DossierReturned]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    _enter(row, event, State.RETURNED)
    row["due_on"] = None
    row["returned_by"] = event.fact.actor["role"]
    _store(rows, event, row)


def _forwarded(rows: RowCache, event: Event[DossierForwardedToCouncil]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    _enter(row, event, State.FORWARDED_TO_MEMBERS)
    row["due_on"] = None
    row["days_late"] = event.fact.days_late
    _store(rows, event, row)


def _verified(rows: RowCache, event: Event[CriterionVerified]) -> None:
    # A second result of a criterion is a VerificationCorrected, so each of these adds one.
    row = rows.require(DOSSIERS, event.dossier_id)
    row["criteria_verified"] += 1
    row["state"] = (State.VERIFIED if event.fact.complete else State.VERIFYING).value
    _store(rows, event, row)


def _verification_corrected(rows: RowCache, event: Event[VerificationCorrected]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    if row["state"] not in DECIDED:
        row["state"] = (State.VERIFIED if event.fact.complete else State.VERIFYING).value
        row["step_on"] = max(row["step_on"], event.fact.on.isoformat())
    _store(rows, event, row)


def _approved(rows: RowCache, event: Event[RecognitionApproved]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    _enter(row, event, State.APPROVED)
    row["decision_number"], row["decided_on"] = event.fact.decision["number"], row["step_on"]
    _set_counts(row, event.fact.counts, BY_MEMBERS)
    _store(rows, event, row)


def _rejected(rows: RowCache, event: Event[RecognitionRejected]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    _enter(row, event, State.REJECTED)
    row["decision_number"], row["decided_on"] = event.fact.decision["number"], row["step_on"]
    _store(rows, event, row)


def _decision_corrected(rows: RowCache, event: Event[DecisionCorrected]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    corrected = event.fact.corrected
    row["decision_number"], row["decided_on"] = corrected["number"], corrected["date"].isoformat()
    _store(rows, event, row)


def _fact_corrected(rows: RowCache, event: Event[FactCorrected]) -> None:
    row = rows.require(DOSSIERS, event.dossier_id)
    if event.fact.due_on is not None:
        row["due_on"] = event.fact.due_on.isoformat()
    _store(rows, event, row)


def _recorded(rows: RowCache, event: Event[DossierEvent]) -> None:
    """A fact that moves nothing on: only version and moment change."""
    _store(rows, event, rows.require(DOSSIERS, event.dossier_id))


_COUNTED_BY = {
    Role.APPLICANT: CLAIMED,
    Role.DISTRICT_COUNCIL: BY_DISTRICT,
    Role.DISTRICT_COMMITTEE: BY_DISTRICT,
}
"""Who took a step → whose figures its counts are; of all others they are the members'."""


def _handler(step: Step) -> Handler:
    """What a step does to the row by its row of the procedure: to its next state, with its counts where it has some."""
    if not step.becomes:
        return _recorded
    (state,) = step.becomes
    has_counts = any(field.name == "counts" for field in fields(step.event))
    return _moves_to(state, counts_by=_COUNTED_BY.get(step.roles[0], BY_MEMBERS) if has_counts else None)


_SPECIAL: Mapping[type[RecordedEvent], Handler] = {
    DossierOpened: _opened,
    SelfAssessmentRecorded: _self_assessed,
    OwnMeetingRecorded: _own_meeting,
    DossierReceived: _received,
    DossierReturned: _returned,
    DossierForwardedToCouncil: _forwarded,
    CriterionVerified: _verified,
    VerificationCorrected: _verification_corrected,
    RecognitionApproved: _approved,
    RecognitionRejected: _rejected,
    FactCorrected: _fact_corrected,
    DecisionCorrected: _decision_corrected,
    EarlierRecognitionRecorded: _recognised_earlier,
}
"""The events that do more than the procedure says of their step."""

STATUS = Projection(
    name="status",
    version=1,
    tables=(DOSSIERS,),
    handlers={
        step.event: _SPECIAL.get(step.event) or _handler(step)
        for step in PROCEDURE
        if not isinstance(step, CouncilStep)
    },
)


def get(views: Snapshot, dossier_id: UUID | str) -> dict[str, Any] | None:
    """A dossier's row, or None for an unknown dossier."""
    found = views.select("SELECT * FROM {status_dossiers} WHERE dossier_id = ?", (str(dossier_id),))
    return DOSSIERS.readable(found[0]) if found else None


def find(
    views: Snapshot,
    *,
    state: str | None = None,
    kind: str | None = None,
    district: str | None = None,
    unit: str | None = None,
    overdue_on: date | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The dossiers that match all that is given, by unit, level, year and attempt.

    `district` finds the district itself and its communes; `overdue_on` those that the standing agency should have
    forwarded before that day. `limit` and `offset` count rows.
    """
    conditions: list[tuple[str, Value]] = [
        ("state = ?", state),
        ("kind = ?", kind),
        ("district = ?", district),
        ("unit_id = ?", unit),
        ("due_on < ?", overdue_on.isoformat() if overdue_on else None),
    ]
    given = [(condition, value) for condition, value in conditions if value is not None]
    sql = "SELECT * FROM {status_dossiers}"
    if given:
        sql += " WHERE " + " AND ".join(condition for condition, _ in given)
    sql += " ORDER BY unit_id, level, year, attempt"
    parameters = [value for _, value in given]
    if limit is not None:
        sql += " LIMIT ? OFFSET ?"
        parameters += [limit, offset]
    return [DOSSIERS.readable(row) for row in views.select(sql, parameters)]


def summary(views: Snapshot) -> dict[str, dict[str, int]]:
    """How many dossiers are in each state: state → kind → number, states in the order of the procedure."""
    found = views.select("SELECT state, kind, COUNT(*) AS dossiers FROM {status_dossiers} GROUP BY state, kind")
    counted: dict[str, dict[str, int]] = {}
    for state in State:
        kinds = {row["kind"]: row["dossiers"] for row in found if row["state"] == state}
        if kinds:
            counted[state.value] = {kind.value: kinds[kind] for kind in UnitKind if kind in kinds}
    return counted


def days_left(row: Mapping[str, Any], today: date) -> int | None:
    """Days until `due_on`: 0 on the last day, negative when overdue, None while the clock does not run (II.2)."""
    return (date.fromisoformat(row["due_on"]) - today).days if row["due_on"] else None
