"""Read model "council": the compositions of the provincial council, one row per decision (II.3, III.1)."""

from __future__ import annotations

from datetime import date
from typing import Any

from domain.council.aggregate import CouncilEvent
from domain.council.composition import CouncilChanged, CouncilEstablished
from projections.engine.projection import Event, Projection
from projections.engine.rows import RowCache
from projections.engine.snapshot import Snapshot
from projections.engine.table import Kind, Table, canonical, moment

COMPOSITIONS = Table(
    "council_compositions",
    {
        "version": Kind.INTEGER,
        "decided_on": Kind.TEXT,
        "decision_number": Kind.TEXT,
        "decision": Kind.JSON,
        "signer": Kind.TEXT,
        "capacity": Kind.TEXT,
        "chair": Kind.JSON,
        "standing_vice_chair": Kind.JSON,
        "members": Kind.JSON,
        "reason": Kind.TEXT,
        "recorded_at": Kind.TEXT,
        "partition": Kind.INTEGER,
        "position": Kind.INTEGER,
    },
    ("version",),
    (("decided_on",),),
)
"""`decided_on` is the day from which the composition is in force; `members` are {name, position, agency}."""


def _composed(rows: RowCache, event: Event[CouncilEvent]) -> None:
    fact = event.fact
    rows.upsert_row(
        COMPOSITIONS,
        COMPOSITIONS.blank(
            version=event.version,
            decided_on=fact.on.isoformat(),
            decision_number=fact.decision.get("number"),
            decision=canonical(fact.decision),
            signer=fact.signer,
            capacity=fact.capacity,
            chair=canonical(fact.chair),
            standing_vice_chair=canonical(fact.standing_vice_chair),
            members=canonical(fact.members),
            reason=fact.reason if isinstance(fact, CouncilChanged) else None,
            recorded_at=moment(fact.timestamp),
            partition=event.partition,
            position=event.position,
        ),
    )


COUNCIL = Projection(
    name="council",
    version=1,
    tables=(COMPOSITIONS,),
    handlers={CouncilEstablished: _composed, CouncilChanged: _composed},
)


def compositions(views: Snapshot) -> list[dict[str, Any]]:
    """Every composition, the first one first."""
    found = views.select("SELECT * FROM {council_compositions} ORDER BY version")
    return [COMPOSITIONS.readable(row) for row in found]


def in_force(views: Snapshot, on: date) -> dict[str, Any] | None:
    """The composition in force on a day: the latest that was decided on or before it; None before the first."""
    found = views.select(
        "SELECT * FROM {council_compositions} WHERE decided_on <= ? ORDER BY decided_on DESC, version DESC LIMIT 1",
        (on.isoformat(),),
    )
    return COMPOSITIONS.readable(found[0]) if found else None
