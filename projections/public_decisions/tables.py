"""What the fold of public decisions keeps, and where: the same rows in a read model and in a publisher's store."""

from __future__ import annotations

from typing import Any, Final, Protocol

from projections.engine.table import Key, Kind, Row, Table

PublicDecision = dict[str, Any]
"""A public decision, in the shape of the public schema but for names (`consumers.cloudevents` adds them)."""

APPROVED: Final = "approved"
REJECTED: Final = "rejected"
ANNOUNCED: Final = "announced"
CORRECTED: Final = "corrected"
REVOKED: Final = "revoked"
ELIGIBILITY_CHANGED: Final = "eligibility_changed"
RECOGNISED_EARLIER: Final = "recognised_earlier"
KINDS: Final = (APPROVED, REJECTED, ANNOUNCED, CORRECTED, REVOKED, ELIGIBILITY_CHANGED, RECOGNISED_EARLIER)

DOSSIERS = Table(
    "decisions_dossiers",
    {
        "dossier_id": Kind.TEXT,
        "number": Kind.TEXT,
        "unit_id": Kind.TEXT,
        "unit_kind": Kind.TEXT,
        "district": Kind.TEXT,
        "level": Kind.TEXT,
        "year": Kind.INTEGER,
        "attempt": Kind.INTEGER,
        "counts": Kind.JSON,
        "decision": Kind.JSON,
        "decision_id": Kind.TEXT,
        "announcement": Kind.JSON,
        "announced_id": Kind.TEXT,
    },
    ("dossier_id",),
)
"""What later decisions of a dossier repeat: the decision document and the announcement as they read now.

`decision_id` and `announced_id` are the ids of the public decisions that first stated them.
"""

UNITS = Table(
    "decisions_units",
    {"unit_id": Kind.TEXT, "sequence": Kind.INTEGER, "last_id": Kind.TEXT, "recognitions": Kind.JSON},
    ("unit_id",),
)
"""How far a unit's decisions have come, and its recognitions in force: {dossier_id: {kind, level, number, date}}."""


class RowStore(Protocol):
    """Where the fold keeps its rows: `RowCache` for the read model, a `FoldStore` for a publisher."""

    def get(self, table: Table, key: Key) -> Row | None:
        """The row of a key, or None."""

    def upsert_row(self, table: Table, row: Row) -> None:
        """Make or replace a row."""
