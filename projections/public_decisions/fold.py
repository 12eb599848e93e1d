"""From the log's events to the public decisions: one fold, the same for the read model and for the stream.

What is public is what the Chairman decided, how a unit announced it, and what a unit is entitled to because of it. The
record of a decision has the shape of the public schema but for names, which are no facts of the log
(`consumers.cloudevents` adds them). Everything in it follows from the events alone, so a fold from the first event
gives the same decisions, ids, sequences and all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from domain.catalogue import Level, UnitKind
from domain.dossier.aggregate import DossierCreated
from domain.dossier.application import DossierOpened
from domain.dossier.corrections import FactCorrected
from domain.dossier.decision import (
    DecisionCorrected,
    DecisionRevoked,
    EarlierRecognitionRecorded,
    RecognitionAnnounced,
    RecognitionApproved,
    RecognitionRejected,
)
from domain.dossier.recommendation import ResultsSummedUp
from domain.identity import unit_uuid
from domain.policy.support import PERIOD, RESOLUTION, Entitlement, NotEligible, Recognition, entitlement
from domain.recorded_event import RecordedEvent
from domain.values import Document
from projections.engine.projection import Event
from projections.engine.table import Row, canonical
from projections.public_decisions.tables import (
    ANNOUNCED,
    APPROVED,
    CORRECTED,
    DOSSIERS,
    ELIGIBILITY_CHANGED,
    RECOGNISED_EARLIER,
    REJECTED,
    REVOKED,
    UNITS,
    PublicDecision,
    RowStore,
)

GUIDANCE: Final = ("Hướng dẫn số 02/HD-UBND", date(2024, 6, 10))
_RESOLUTION: Final = (f"Nghị quyết số {RESOLUTION}", date(2022, 12, 9))
_CLAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    APPROVED: ("I.1", "I.2", "II.3"),
    REJECTED: ("I.2", "II.3"),
    ANNOUNCED: ("II.4",),
    CORRECTED: ("I.2",),
    REVOKED: ("I.2",),
    ELIGIBILITY_CHANGED: ("I.1", "III.1"),
    RECOGNISED_EARLIER: ("I.2",),
}

DecisionDocument = dict[str, Any]
"""A decision as a document: number, date, issuer, signer, capacity, title, sha256."""


def decisions_of(store: RowStore, event: Event[RecordedEvent], log_id: str) -> list[PublicDecision]:
    """The public decisions that an event leads to, in order; none for most.

    Raises LookupError for an event of a dossier whose first event was not folded into this store.
    """
    handler = HANDLERS.get(type(event.fact))
    if handler is None:
        return []
    builder = DecisionBuilder(store, event, log_id)
    handler(builder, event.fact)
    return builder.decisions


class DecisionBuilder:
    """The rows of one event's dossier and unit, and the public decisions built from the event so far."""

    def __init__(self, store: RowStore, event: Event[RecordedEvent], log_id: str) -> None:
        self.store, self.event, self.log_id = store, event, log_id
        self.decisions: list[PublicDecision] = []

    def add_dossier(self, fact: DossierCreated) -> Row:
        """Add the row of a new dossier."""
        row = DOSSIERS.blank(
            dossier_id=self.event.dossier_id,
            number=fact.number,
            unit_id=fact.unit_id,
            unit_kind=fact.unit_kind,
            district=fact.unit_id if fact.unit_kind == UnitKind.DISTRICT else fact.parent_id,
            level=fact.level,
            year=fact.year,
            attempt=fact.attempt,
        )
        self.store.upsert_row(DOSSIERS, row)
        return row

    def dossier(self) -> Row:
        """The row of the event's dossier. Raises LookupError where its first event was not folded."""
        row = self.store.get(DOSSIERS, self.event.dossier_id)
        if row is None:
            raise LookupError(f"the first event of dossier {self.event.dossier_id} was not folded")
        return row

    def unit(self, dossier: Row) -> Row:
        """The row of the dossier's unit."""
        return self.store.get(UNITS, dossier["unit_id"]) or UNITS.blank(
            unit_id=dossier["unit_id"], sequence=0, recognitions="{}"
        )

    def add(self, kind: str, dossier: Row, document: DecisionDocument, **more: Any) -> str:
        """Build a public decision, numbered within its unit; returns its id. `document` is the decision it is about."""
        unit = self.unit(dossier)
        decision: PublicDecision = {
            # From the event alone: the same in every fold, on every log that holds it.
            "id": str(unit_uuid(dossier["unit_id"], f"{self.event.dossier_id}/{self.event.version}/{kind}")),
            "kind": kind,
            "sequence": unit["sequence"] + 1,
            "previous_id": unit["last_id"],
            "unit": {"id": dossier["unit_id"], "kind": dossier["unit_kind"], "district": dossier["district"]},
            "dossier_id": self.event.dossier_id,
            "dossier_number": dossier["number"],
            "level": dossier["level"],
            "year": dossier["year"],
            "attempt": dossier["attempt"],
            "took_place_on": self.event.fact.on,
            "recorded_at": self.event.fact.timestamp,
            "decision": document,
            "legal_basis": _legal_basis(kind),
            "counts": None if dossier["counts"] is None else json.loads(dossier["counts"]),
            "reasons": None,
            "refers_to": None,
            "reads_now": None,
            "announcement": None,
            "eligibility": None,
            "log": {
                "log_id": self.log_id,
                "partition": self.event.partition,
                "position": self.event.position,
                "dossier_version": self.event.version,
            },
            **more,
        }
        unit["sequence"], unit["last_id"] = decision["sequence"], decision["id"]
        self.store.upsert_row(UNITS, unit)
        self.decisions.append(decision)
        return str(decision["id"])

    def set_recognition(self, dossier: Row, cause: str, document: DecisionDocument, *, in_force: bool = True) -> None:
        """Record that the dossier's recognition is in force by a decision, or no longer by it.

        Where that changes what the unit is entitled to, a public decision says so; it refers to the public decision
        `cause` that `document` was part of.
        """
        unit = self.unit(dossier)
        recognitions = json.loads(unit["recognitions"])
        before = _entitlement(recognitions)
        recognitions.pop(dossier["dossier_id"], None)
        if in_force:
            recognitions[dossier["dossier_id"]] = {
                "kind": dossier["unit_kind"],
                "level": dossier["level"],
                "number": document["number"],
                "date": document["date"].isoformat(),
            }
        unit["recognitions"] = canonical(recognitions)
        self.store.upsert_row(UNITS, unit)
        after = _entitlement(recognitions)
        if _tiers(before) != _tiers(after):
            self.add(ELIGIBILITY_CHANGED, dossier, document, refers_to=cause, eligibility=_eligibility(before, after))


def _entitlement(recognitions: Mapping[str, Mapping[str, str]]) -> Entitlement:
    return entitlement(
        [
            Recognition(UnitKind(each["kind"]), Level(each["level"]), each["number"], date.fromisoformat(each["date"]))
            for _, each in sorted(recognitions.items())
        ]
    )


def _tiers(entitled: Entitlement) -> list[tuple[str, date]]:
    return [(held.tier, held.since) for held in entitled.held]


def _eligibility(before: Entitlement, after: Entitlement) -> dict[str, Any]:
    return {
        "eligible": after.eligible,
        "tier": after.tier,
        "tier_before": before.tier,
        "held": [
            {"tier": held.tier, "since": held.since, "decision_number": held.recognition.decision_number}
            for held in after.held
        ],
        # Of a unit that was recognised: without any decision left it was revoked.
        "reason": {None: None, NotEligible.NEVER_RECOGNISED: REVOKED.upper()}.get(after.reason, after.reason),
        "resolution": RESOLUTION,
        "first_year": PERIOD[0],
        "last_year": PERIOD[1],
    }


def _legal_basis(kind: str) -> list[dict[str, Any]]:
    name, day = GUIDANCE
    basis = [{"document": name, "date": day, "clause": clause} for clause in _CLAUSES[kind]]
    if kind == ELIGIBILITY_CHANGED:
        name, day = _RESOLUTION
        basis.append({"document": name, "date": day, "clause": "Điều 1"})
    return basis


def _decision_document(document: Document, signer: str | None, capacity: str | None) -> DecisionDocument:
    """A decision document of an event with who signed it, in which capacity."""
    return {
        "number": document.get("number"),
        "date": document["date"],
        "issuer": document["issuer"],
        "signer": signer,
        "capacity": capacity,
        "title": document.get("title"),
        "sha256": document["sha256"],
    }


def _stored_document(text: str) -> DecisionDocument:
    document: DecisionDocument = json.loads(text)
    return document | {"date": date.fromisoformat(document["date"])}


def _opened(builder: DecisionBuilder, fact: DossierOpened) -> None:
    builder.add_dossier(fact)


def _summed_up(builder: DecisionBuilder, fact: ResultsSummedUp) -> None:
    dossier = builder.dossier()
    dossier["counts"] = canonical(fact.counts)
    builder.store.upsert_row(DOSSIERS, dossier)


def _add_decision(
    builder: DecisionBuilder, kind: str, dossier: Row, document: DecisionDocument, reasons: str | None = None
) -> str:
    dossier["decision"] = canonical(document)
    dossier["decision_id"] = decision_id = builder.add(kind, dossier, document, reasons=reasons)
    builder.store.upsert_row(DOSSIERS, dossier)
    return decision_id


def _approved(builder: DecisionBuilder, fact: RecognitionApproved) -> None:
    dossier = builder.dossier()
    dossier["counts"] = canonical(fact.counts)
    document = _decision_document(fact.decision, fact.signer, fact.capacity)
    decision_id = _add_decision(builder, APPROVED, dossier, document)
    builder.set_recognition(dossier, decision_id, document)


def _recognised_earlier(builder: DecisionBuilder, fact: EarlierRecognitionRecorded) -> None:
    dossier = builder.add_dossier(fact)
    document = _decision_document(fact.decision, fact.signer, fact.capacity)
    decision_id = _add_decision(builder, RECOGNISED_EARLIER, dossier, document)
    builder.set_recognition(dossier, decision_id, document)


def _rejected(builder: DecisionBuilder, fact: RecognitionRejected) -> None:
    document = _decision_document(fact.decision, fact.signer, fact.capacity)
    _add_decision(builder, REJECTED, builder.dossier(), document, fact.reasons)


def _announced(builder: DecisionBuilder, fact: RecognitionAnnounced) -> None:
    dossier = builder.dossier()
    announcement = {"date": fact.on, "place": fact.place, "form": fact.form}
    dossier["announcement"] = canonical(announcement)
    dossier["announced_id"] = builder.add(
        ANNOUNCED,
        dossier,
        _stored_document(dossier["decision"]),
        refers_to=dossier["decision_id"],
        announcement=announcement,
    )
    builder.store.upsert_row(DOSSIERS, dossier)


def _decision_corrected(builder: DecisionBuilder, fact: DecisionCorrected) -> None:
    dossier = builder.dossier()
    before = _stored_document(dossier["decision"])
    # What the correction does not speak of stays: who signed the decision, and in which capacity.
    reads_now = _decision_document(fact.corrected, before["signer"], before["capacity"])
    dossier["decision"] = canonical(reads_now)
    decision_id = builder.add(
        CORRECTED,
        dossier,
        _decision_document(fact.decision, fact.signer, fact.capacity),
        reasons=fact.reason,
        refers_to=dossier["decision_id"],
        reads_now=reads_now,
    )
    builder.store.upsert_row(DOSSIERS, dossier)
    if dossier["dossier_id"] in json.loads(builder.unit(dossier)["recognitions"]):
        builder.set_recognition(dossier, decision_id, reads_now)


def _revoked(builder: DecisionBuilder, fact: DecisionRevoked) -> None:
    dossier = builder.dossier()
    revoking = _decision_document(fact.decision, fact.signer, fact.capacity)
    decision_id = builder.add(REVOKED, dossier, revoking, reasons=fact.reason, refers_to=dossier["decision_id"])
    builder.set_recognition(dossier, decision_id, revoking, in_force=False)


def _fact_corrected(builder: DecisionBuilder, fact: FactCorrected) -> None:
    # Of the facts that are corrected by this, the announcement alone is public (II.4).
    if fact.fact != RecognitionAnnounced.__name__:
        return
    dossier = builder.dossier()
    announcement = json.loads(dossier["announcement"]) | json.loads(fact.correction)
    announcement["date"] = fact.took_place_on or date.fromisoformat(announcement["date"])
    dossier["announcement"] = canonical(announcement)
    builder.store.upsert_row(DOSSIERS, dossier)
    builder.add(
        CORRECTED,
        dossier,
        _stored_document(dossier["decision"]),
        reasons=fact.reason,
        refers_to=dossier["announced_id"],
        announcement=announcement,
    )


HANDLERS: Final[Mapping[type[RecordedEvent], Callable[[DecisionBuilder, Any], None]]] = {
    DossierOpened: _opened,
    ResultsSummedUp: _summed_up,
    RecognitionApproved: _approved,
    RecognitionRejected: _rejected,
    RecognitionAnnounced: _announced,
    DecisionCorrected: _decision_corrected,
    DecisionRevoked: _revoked,
    EarlierRecognitionRecorded: _recognised_earlier,
    FactCorrected: _fact_corrected,
}
"""Event → what it leads to. An opening and a sum lead to none: they are what later decisions repeat.

All others are steps on the way to a decision. After it a corrected result is flagged, and the decision stands
(reading 5).
"""

DECIDING: Final = frozenset(
    kind.__name__ for kind in HANDLERS if kind not in {DossierOpened, ResultsSummedUp, FactCorrected}
)
"""The names of the events without which there is no public decision."""
