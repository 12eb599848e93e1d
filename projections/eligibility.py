"""Read model "eligibility": the recognitions of each unit, and of a unit without one why it has none (I.1, III.1).

Eligible is not paid: what the tier is worth is an operator's setting, handed to the queries as `amounts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from domain.catalogue import Level, UnitKind
from domain.dossier.aggregate import DossierCreated, DossierEvent
from domain.dossier.application import DossierOpened
from domain.dossier.decision import (
    DecisionCorrected,
    DecisionRevoked,
    EarlierRecognitionRecorded,
    RecognitionApproved,
)
from domain.dossier.states import CLOSED, State
from domain.i18n import Text, pair, translatable
from domain.policy.support import PERIOD, RESOLUTION, NotEligible, Recognition, entitlement
from domain.procedure import PROCEDURE
from domain.units import Unit
from projections.engine.projection import Event, Handler, Projection
from projections.engine.rows import RowCache
from projections.engine.snapshot import Snapshot
from projections.engine.table import Kind, Row, Table

DOSSIERS = Table(
    "eligibility_dossiers",
    {
        "dossier_id": Kind.TEXT,
        "number": Kind.TEXT,
        "unit_id": Kind.TEXT,
        "kind": Kind.TEXT,
        "district": Kind.TEXT,
        "level": Kind.TEXT,
        "state": Kind.TEXT,
        "partition": Kind.INTEGER,
        "position": Kind.INTEGER,
    },
    ("dossier_id",),
    (("unit_id", "position"),),
)
"""`state` is how the attempt ended (domain.dossier.states.State), `opened` before that; `position` is its beginning."""

RECOGNITIONS = Table(
    "eligibility_recognitions",
    {
        "dossier_id": Kind.TEXT,
        "number": Kind.TEXT,
        "unit_id": Kind.TEXT,
        "kind": Kind.TEXT,
        "district": Kind.TEXT,
        "level": Kind.TEXT,
        "source": Kind.TEXT,
        "decision_number": Kind.TEXT,
        "decided_on": Kind.TEXT,
        "corrected": Kind.TRUTH,
        "revoked_on": Kind.TEXT,
        "partition": Kind.INTEGER,
        "position": Kind.INTEGER,
    },
    ("dossier_id",),
    (("unit_id",),),
)
"""Decisions of recognition. What needs a word:

source            `decided` by a dossier of this system, or `earlier`: from before it
decision_number, decided_on   as a later decision corrected them, if one did (`corrected`)
revoked_on        the day of the decision that revoked it; None while it is in force
position          of the event that recorded it
"""

DECIDED_HERE, EARLIER = "decided", "earlier"


class Reason(StrEnum):
    """Why a unit is not eligible. Of a unit without a recognition in force, its latest dossier says why."""

    NO_DOSSIER = "NO_DOSSIER"
    UNDER_WAY = "UNDER_WAY"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    REFUSED_BY_DISTRICT_COUNCIL = "REFUSED_BY_DISTRICT_COUNCIL"
    CLOSED_AS_UNFAVOURABLE = "CLOSED_AS_UNFAVOURABLE"
    REVOKED = "REVOKED"
    OUTSIDE_PERIOD = "OUTSIDE_PERIOD"

    @property
    def text(self) -> Text:
        """The reason as a sentence."""
        return NotEligible.OUTSIDE_PERIOD.text if self is Reason.OUTSIDE_PERIOD else pair(_REASONS[self])


_REASONS: Mapping[Reason, str] = {
    Reason.NO_DOSSIER: translatable("the unit is not recognised: it has not opened a dossier"),
    Reason.UNDER_WAY: translatable("the unit is not recognised: its dossier is still under way"),
    Reason.REJECTED: translatable("the unit is not recognised: the Chairman rejected its dossier"),
    Reason.WITHDRAWN: translatable("the unit is not recognised: its dossier was withdrawn"),
    Reason.REFUSED_BY_DISTRICT_COUNCIL: translatable(
        "the unit is not recognised: the district council did not send its dossier on"
    ),
    Reason.CLOSED_AS_UNFAVOURABLE: translatable(
        "the unit is not recognised: the results of its dossier were not sufficient"
    ),
    Reason.REVOKED: translatable("the recognition was revoked by a later decision"),
}

_REASON_OF_STATE: Mapping[str, Reason] = {
    State.OPENED: Reason.UNDER_WAY,
    State.REJECTED: Reason.REJECTED,
    State.WITHDRAWN: Reason.WITHDRAWN,
    State.REFUSED_BY_DISTRICT_COUNCIL: Reason.REFUSED_BY_DISTRICT_COUNCIL,
    State.CLOSED_AS_UNFAVOURABLE: Reason.CLOSED_AS_UNFAVOURABLE,
    State.REVOKED: Reason.REVOKED,
}


_SHARED = ("dossier_id", "number", "unit_id", "kind", "district", "level")
"""The columns that a recognition has from its dossier."""


def _add_dossier(rows: RowCache, event: Event[DossierCreated], state: State) -> Row:
    fact = event.fact
    kind = fact.unit_kind
    row: Row = {
        "dossier_id": event.dossier_id,
        "number": fact.number,
        "unit_id": fact.unit_id,
        "kind": kind,
        "district": fact.unit_id if kind == UnitKind.DISTRICT else fact.parent_id,
        "level": fact.level,
        "state": state.value,
        "partition": event.partition,
        "position": event.position,
    }
    rows.upsert_row(DOSSIERS, row)
    return row


def _end_attempt(rows: RowCache, event: Event[DossierEvent], state: State) -> Row:
    dossier = rows.require(DOSSIERS, event.dossier_id)
    dossier["state"] = state.value
    rows.upsert_row(DOSSIERS, dossier)
    return dossier


def _add_recognition(
    rows: RowCache, event: Event[RecognitionApproved | EarlierRecognitionRecorded], dossier: Row, source: str
) -> None:
    fact = event.fact
    rows.upsert_row(
        RECOGNITIONS,
        RECOGNITIONS.blank(
            **{name: dossier[name] for name in _SHARED},
            source=source,
            decision_number=fact.decision["number"],
            decided_on=fact.on.isoformat(),
            corrected=0,
            partition=event.partition,
            position=event.position,
        ),
    )


def _opened(rows: RowCache, event: Event[DossierOpened]) -> None:
    _add_dossier(rows, event, State.OPENED)


def _recognised_earlier(rows: RowCache, event: Event[EarlierRecognitionRecorded]) -> None:
    _add_recognition(rows, event, _add_dossier(rows, event, State.RECOGNISED_EARLIER), EARLIER)


def _approved(rows: RowCache, event: Event[RecognitionApproved]) -> None:
    _add_recognition(rows, event, _end_attempt(rows, event, State.APPROVED), DECIDED_HERE)


def _ends_as(state: State) -> Handler:
    """The handler of an event that ends the attempt without a recognition."""

    def handler(rows: RowCache, event: Event[DossierEvent]) -> None:
        _end_attempt(rows, event, state)

    return handler


def _decision_corrected(rows: RowCache, event: Event[DecisionCorrected]) -> None:
    # A rejection can be corrected too, and has no row here.
    recognition = rows.get(RECOGNITIONS, event.dossier_id)
    if recognition is not None:
        corrected = event.fact.corrected
        recognition["decision_number"] = corrected["number"]
        recognition["decided_on"] = corrected["date"].isoformat()
        recognition["corrected"] = 1
        rows.upsert_row(RECOGNITIONS, recognition)


def _revoked(rows: RowCache, event: Event[DecisionRevoked]) -> None:
    _end_attempt(rows, event, State.REVOKED)
    recognition = rows.require(RECOGNITIONS, event.dossier_id)
    recognition["revoked_on"] = event.fact.on.isoformat()
    rows.upsert_row(RECOGNITIONS, recognition)


ELIGIBILITY = Projection(
    name="eligibility",
    version=1,
    tables=(DOSSIERS, RECOGNITIONS),
    handlers={step.event: _ends_as(state) for step in PROCEDURE for state in step.becomes if state in CLOSED}
    | {
        DossierOpened: _opened,
        RecognitionApproved: _approved,
        DecisionCorrected: _decision_corrected,
        DecisionRevoked: _revoked,
        EarlierRecognitionRecorded: _recognised_earlier,
    },
)


def recognitions(views: Snapshot, on: date | None = None) -> list[dict[str, Any]]:
    """The recognitions in force on a day, by unit and day: decided on or before it and not yet revoked on it.

    Without a day: those that no recorded decision has revoked.
    """
    sql = "SELECT * FROM {eligibility_recognitions} WHERE "
    order = " ORDER BY unit_id, decided_on, dossier_id"
    if on is None:
        found = views.select(sql + "revoked_on IS NULL" + order)
    else:
        day = on.isoformat()
        found = views.select(sql + "decided_on <= ? AND (revoked_on IS NULL OR revoked_on > ?)" + order, (day, day))
    return [RECOGNITIONS.readable(row) for row in found]


def of_unit(views: Snapshot, unit: Unit, amounts: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What a unit is entitled to, or why it is not.

    unit, name, kind   the unit
    eligible           whether any recognition in force was decided in the period
    tier, since        the level that counts (advanced before basic) and the ISO day of its decision
    earlier, later     other tiers held, each {tier, since, …}: before, or lower and after the one that counts
    decision           {number, decided_on, dossier_id, dossier, source} of the tier, or None
    period, resolution the first and last year in which a decision gives support, and under which resolution
    amount             VND as configured, keyed `kind.level` in `amounts`; None where none is
    says               {en, vi}: sentences that a report must say beside the figures
    reason             {code, en, vi, dossier, state} of a unit that is not eligible, else None
    """
    held = views.select("SELECT * FROM {eligibility_recognitions} WHERE unit_id = ? AND revoked_on IS NULL", (unit.id,))
    latest = views.select(
        "SELECT * FROM {eligibility_dossiers} WHERE unit_id = ? ORDER BY position DESC LIMIT 1", (unit.id,)
    )
    return _answer(unit, held, latest[0] if latest else None, amounts)


def all_units(views: Snapshot, units: Iterable[Unit], amounts: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """The answer of `of_unit` for each unit, in their order."""
    held: dict[str, list[Row]] = {}
    for row in views.select("SELECT * FROM {eligibility_recognitions} WHERE revoked_on IS NULL"):
        held.setdefault(row["unit_id"], []).append(row)
    ordered = views.select("SELECT * FROM {eligibility_dossiers} ORDER BY position")
    latest = {row["unit_id"]: row for row in ordered}
    return [_answer(unit, held.get(unit.id, []), latest.get(unit.id), amounts) for unit in units]


def _answer(unit: Unit, held: list[Row], latest: Row | None, amounts: Mapping[str, int] | None) -> dict[str, Any]:
    by_dossier = {row["dossier_id"]: row for row in held}
    entitled = entitlement(
        [
            Recognition(
                UnitKind(row["kind"]),
                Level(row["level"]),
                row["decision_number"],
                date.fromisoformat(row["decided_on"]),
                row["dossier_id"],
            )
            for row in sorted(held, key=lambda row: row["position"])
        ],
        amounts,
    )
    counted = by_dossier[entitled.held[0].recognition.dossier_id or ""] if entitled.held else None
    answer: dict[str, Any] = {"unit": unit.id, "name": unit.name, "kind": unit.kind.value}
    answer |= entitled.as_json()
    answer |= {
        "decision": _decision(counted) if counted else None,
        "period": list(PERIOD),
        "resolution": RESOLUTION,
        "reason": None,
    }
    if entitled.reason is not None:
        reason = _reason(entitled.reason, latest)
        answer["reason"] = {
            "code": reason.value,
            "en": reason.text.en,
            "vi": reason.text.vi,
            "dossier": latest["number"] if latest else None,
            "state": latest["state"] if latest else None,
        }
        answer["says"] = {"en": [reason.text.en], "vi": [reason.text.vi]}
    return answer


def _decision(row: Row) -> dict[str, Any]:
    return {
        "number": row["decision_number"],
        "decided_on": row["decided_on"],
        "dossier_id": row["dossier_id"],
        "dossier": row["number"],
        "source": row["source"],
    }


def _reason(reason: NotEligible, latest: Row | None) -> Reason:
    if reason is NotEligible.OUTSIDE_PERIOD:
        return Reason.OUTSIDE_PERIOD
    return Reason.NO_DOSSIER if latest is None else _REASON_OF_STATE[latest["state"]]
