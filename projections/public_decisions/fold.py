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
from domain.identity import unit_uuid
from domain.policy.support import PERIOD, RESOLUTION, Entitlement, NotEligible, Recognition, entitlement
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
    Decision,
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


def decisions_of(kept: RowStore, event: Event, log_id: str) -> list[Decision]:
    """The public decisions that an event leads to, in order; none for most.

    Raises KeyError for a type of event that is in neither FOLDED nor IGNORED, LookupError for an event of a dossier
    whose beginning was not folded.
    """
    fold = FOLDED.get(event.name)
    if fold is None:
        if event.name not in IGNORED:
            raise KeyError(event.name)
        return []
    return fold(DecisionBuilder(kept, event, log_id))


class DecisionBuilder:
    """One event with the rows of its dossier and unit, and the decisions made of it so far."""

    def __init__(self, kept: RowStore, event: Event, log_id: str) -> None:
        self.kept, self.event, self.data, self.log_id = kept, event, event.data, log_id
        self.made: list[Decision] = []

    def begin(self) -> Row:
        """The new row of a dossier that begins."""
        data = self.data
        row = DOSSIERS.blank(
            dossier_id=self.event.dossier_id,
            number=data["number"],
            unit_id=data["unit_id"],
            unit_kind=data["unit_kind"],
            district=data["unit_id"] if data["unit_kind"] == UnitKind.DISTRICT else data["parent_id"],
            level=data["level"],
            year=data["year"],
            attempt=data["attempt"],
        )
        self.kept.upsert_row(DOSSIERS, row)
        return row

    def dossier(self) -> Row:
        """The row of a dossier that began before."""
        row = self.kept.get(DOSSIERS, self.event.dossier_id)
        if row is None:
            raise LookupError(f"dossier {self.event.dossier_id} never began")
        return row

    def unit(self, dossier: Row) -> Row:
        """The row of the dossier's unit."""
        return self.kept.get(UNITS, dossier["unit_id"]) or UNITS.blank(
            unit_id=dossier["unit_id"], sequence=0, recognitions="{}"
        )

    def decide(self, kind: str, dossier: Row, decision: Decision, **more: Any) -> str:
        """Make a decision, number it within the unit, and return its id."""
        unit = self.unit(dossier)
        made: Decision = {
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
            "took_place_on": self.data["on"],
            "recorded_at": self.data["recorded_at"],
            "decision": decision,
            "legal_basis": _basis(kind),
            "counts": _parsed(dossier["counts"]),
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
        unit["sequence"], unit["last_id"] = made["sequence"], made["id"]
        self.kept.upsert_row(UNITS, unit)
        self.made.append(made)
        return str(made["id"])

    def hold(self, dossier: Row, because: str, decision: Decision, *, in_force: bool = True) -> None:
        """Note what a dossier's unit holds by a decision, or no longer by it, and say so if that changes its support.

        `because` is the id of the public decision that `decision` was part of.
        """
        unit = self.unit(dossier)
        held = json.loads(unit["recognitions"])
        before = _entitled(held)
        held.pop(dossier["dossier_id"], None)
        if in_force:
            held[dossier["dossier_id"]] = {
                "kind": dossier["unit_kind"],
                "level": dossier["level"],
                "number": decision["number"],
                "date": decision["date"].isoformat(),
            }
        unit["recognitions"] = canonical(held)
        self.kept.upsert_row(UNITS, unit)
        after = _entitled(held)
        if _support(before) != _support(after):
            self.decide(
                ELIGIBILITY_CHANGED,
                dossier,
                decision,
                refers_to=because,
                eligibility=_eligibility(before, after),
            )


def _entitled(held: Mapping[str, Mapping[str, str]]) -> Entitlement:
    return entitlement(
        [
            Recognition(UnitKind(each["kind"]), Level(each["level"]), each["number"], date.fromisoformat(each["date"]))
            for _, each in sorted(held.items())
        ]
    )


def _support(entitled: Entitlement) -> list[tuple[str, date]]:
    return [(held.tier, held.since) for held in entitled.held]


def _eligibility(before: Entitlement, after: Entitlement) -> Decision:
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


def _basis(kind: str) -> list[Decision]:
    name, day = GUIDANCE
    basis: list[Decision] = [{"document": name, "date": day, "clause": clause} for clause in _CLAUSES[kind]]
    if kind == ELIGIBILITY_CHANGED:
        name, day = _RESOLUTION
        basis.append({"document": name, "date": day, "clause": "Điều 1"})
    return basis


def _signed(data: Mapping[str, Any], name: str = "decision", *, signed: bool = True) -> Decision:
    """A decision document of an event with who signed it."""
    document = data[name]
    return {
        "number": document.get("number"),
        "date": document["date"],
        "issuer": document["issuer"],
        "signer": data.get("signer") if signed else None,
        "capacity": data.get("capacity") if signed else None,
        "title": document.get("title"),
        "sha256": document["sha256"],
    }


def _document(text: str) -> Decision:
    document: Decision = json.loads(text)
    return document | {"date": date.fromisoformat(document["date"])}


def _parsed(text: str | None) -> Decision | None:
    found: Decision | None = None if text is None else json.loads(text)
    return found


def _opened(case: DecisionBuilder) -> list[Decision]:
    case.begin()
    return case.made


def _summed_up(case: DecisionBuilder) -> list[Decision]:
    dossier = case.dossier()
    dossier["counts"] = canonical(case.data["counts"])
    case.kept.upsert_row(DOSSIERS, dossier)
    return case.made


def _decided(case: DecisionBuilder, kind: str, dossier: Row) -> tuple[str, Decision]:
    decision = _signed(case.data)
    dossier["decision"] = canonical(decision)
    dossier["decision_id"] = case.decide(kind, dossier, decision, reasons=case.data.get("reasons"))
    case.kept.upsert_row(DOSSIERS, dossier)
    return dossier["decision_id"], decision


def _approved(case: DecisionBuilder) -> list[Decision]:
    dossier = case.dossier()
    dossier["counts"] = canonical(case.data["counts"])
    decision_id, decision = _decided(case, APPROVED, dossier)
    case.hold(dossier, decision_id, decision)
    return case.made


def _earlier(case: DecisionBuilder) -> list[Decision]:
    dossier = case.begin()
    decision_id, decision = _decided(case, RECOGNISED_EARLIER, dossier)
    case.hold(dossier, decision_id, decision)
    return case.made


def _rejected(case: DecisionBuilder) -> list[Decision]:
    _decided(case, REJECTED, case.dossier())
    return case.made


def _announced(case: DecisionBuilder) -> list[Decision]:
    dossier = case.dossier()
    announcement = {"date": case.data["on"], "place": case.data["place"], "form": case.data["form"]}
    dossier["announcement"] = canonical(announcement)
    dossier["announced_id"] = case.decide(
        ANNOUNCED,
        dossier,
        _document(dossier["decision"]),
        refers_to=dossier["decision_id"],
        announcement=announcement,
    )
    case.kept.upsert_row(DOSSIERS, dossier)
    return case.made


def _decision_corrected(case: DecisionBuilder) -> list[Decision]:
    dossier = case.dossier()
    present = _document(dossier["decision"])
    # What the correction does not speak of stays: who signed the decision, and in which capacity.
    reads_now = _signed(case.data, "corrected", signed=False)
    reads_now |= {"signer": present["signer"], "capacity": present["capacity"]}
    dossier["decision"] = canonical(reads_now)
    decision_id = case.decide(
        CORRECTED,
        dossier,
        _signed(case.data),
        reasons=case.data["reason"],
        refers_to=dossier["decision_id"],
        reads_now=reads_now,
    )
    case.kept.upsert_row(DOSSIERS, dossier)
    if dossier["dossier_id"] in json.loads(case.unit(dossier)["recognitions"]):
        case.hold(dossier, decision_id, reads_now)
    return case.made


def _revoked(case: DecisionBuilder) -> list[Decision]:
    dossier = case.dossier()
    revoking = _signed(case.data)
    decision_id = case.decide(REVOKED, dossier, revoking, reasons=case.data["reason"], refers_to=dossier["decision_id"])
    case.hold(dossier, decision_id, revoking, in_force=False)
    return case.made


def _fact_corrected(case: DecisionBuilder) -> list[Decision]:
    # Of the facts that are corrected by this, the announcement alone is public (II.4).
    if case.data["fact"] != "RecognitionAnnounced":
        return case.made
    dossier = case.dossier()
    announcement = json.loads(dossier["announcement"]) | json.loads(case.data["correction"])
    announcement["date"] = case.data["took_place_on"] or date.fromisoformat(announcement["date"])
    dossier["announcement"] = canonical(announcement)
    case.kept.upsert_row(DOSSIERS, dossier)
    case.decide(
        CORRECTED,
        dossier,
        _document(dossier["decision"]),
        reasons=case.data["reason"],
        refers_to=dossier["announced_id"],
        announcement=announcement,
    )
    return case.made


FOLDED: Final[Mapping[str, Callable[[DecisionBuilder], list[Decision]]]] = {
    "DossierOpened": _opened,
    "ResultsSummedUp": _summed_up,
    "RecognitionApproved": _approved,
    "RecognitionRejected": _rejected,
    "RecognitionAnnounced": _announced,
    "DecisionCorrected": _decision_corrected,
    "DecisionRevoked": _revoked,
    "EarlierRecognitionRecorded": _earlier,
    "FactCorrected": _fact_corrected,
}
"""Event → what it leads to. An opening and a sum lead to none: they are what later decisions repeat."""

IGNORED: Final = frozenset(
    {
        "CouncilEstablished",
        "CouncilChanged",
        "SelfAssessmentRecorded",
        "OwnMeetingRecorded",
        "DossierSubmitted",
        "DossierSubmittedToDistrictCouncil",
        "DossierAppraised",
        "DossierSentToProvince",
        "DossierRefusedByDistrictCouncil",
        "DossierReceived",
        "DossierReturned",
        "DossierForwardedToCouncil",
        "FieldInspectionRecorded",
        "CriterionVerified",
        "VerificationCorrected",
        "DossierClosedAsUnfavourable",
        "CouncilMeetingRecorded",
        "RecognitionProposed",
        "DossierWithdrawn",
    }
)
"""Steps on the way to a decision. After it a corrected result is flagged, and the decision stands (reading 5)."""
