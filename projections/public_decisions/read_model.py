"""Read model "decisions": the public decisions in the order of the log, as subscribers get them.

`projections.public_decisions.fold` says what becomes a decision; here it is stored, so that those without Kafka can
read on from where they stand, and so that a part can be replayed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from domain.recorded_event import RecordedEvent
from projections.engine.projection import Event, Projection
from projections.engine.rows import RowCache
from projections.engine.snapshot import Snapshot
from projections.engine.table import Kind, Table, canonical, moment
from projections.public_decisions.fold import HANDLERS, decisions_of
from projections.public_decisions.tables import DOSSIERS, UNITS, PublicDecision

DECISIONS_TABLE = Table(
    "decisions_made",
    {
        "partition": Kind.INTEGER,
        "position": Kind.INTEGER,
        "ordinal": Kind.INTEGER,
        "id": Kind.TEXT,
        "kind": Kind.TEXT,
        "unit_id": Kind.TEXT,
        "sequence": Kind.INTEGER,
        "took_place_on": Kind.TEXT,
        "recorded_at": Kind.TEXT,
        "record": Kind.JSON,
    },
    ("partition", "position", "ordinal"),
    (("id",), ("unit_id", "sequence"), ("recorded_at",)),
)
"""`ordinal` counts from 0 the decisions of one event; `record` is the decision, as the fold builds it."""


class FeedPosition(NamedTuple):
    """A position in one partition's feed: the log's, and which decision of that event. (0, 0) is before all."""

    position: int = 0
    ordinal: int = 0


BEGINNING: Final = FeedPosition()


def _add_decisions(rows: RowCache, event: Event[RecordedEvent]) -> None:
    # The log's own id is no column of the rows: it is the same for all of them, and the reader adds it.
    for ordinal, decision in enumerate(decisions_of(rows, event, "")):
        rows.upsert_row(
            DECISIONS_TABLE,
            {
                "partition": event.partition,
                "position": event.position,
                "ordinal": ordinal,
                "id": decision["id"],
                "kind": decision["kind"],
                "unit_id": decision["unit"]["id"],
                "sequence": decision["sequence"],
                "took_place_on": decision["took_place_on"].isoformat(),
                "recorded_at": moment(decision["recorded_at"]),
                "record": canonical(decision),
            },
        )


DECISIONS = Projection(
    name="decisions",
    version=1,
    tables=(DOSSIERS, UNITS, DECISIONS_TABLE),
    handlers=dict.fromkeys(HANDLERS, _add_decisions),
    by_unit=True,
)


class StoredDecision(NamedTuple):
    """A decision as it is stored: where it stands, and its record as JSON has it, without names and log id."""

    partition: int
    feed_position: FeedPosition
    record: PublicDecision


def after(views: Snapshot, partition: int, position: FeedPosition, limit: int) -> list[StoredDecision]:
    """At most `limit` decisions of a partition that come after a position, in order.

    An ordinal of -1 comes before all decisions of its log position.
    """
    found = views.select(
        "SELECT * FROM {decisions_made} WHERE partition = ? AND (position > ? OR (position = ? AND ordinal > ?)) "
        "ORDER BY position, ordinal LIMIT ?",
        (partition, position.position, position.position, position.ordinal, limit),
    )
    return [_read(row) for row in found]


def of_unit(views: Snapshot, unit_id: str, first: int, last: int) -> list[StoredDecision]:
    """A unit's decisions from one sequence number to another, both included."""
    found = views.select(
        "SELECT * FROM {decisions_made} WHERE unit_id = ? AND sequence BETWEEN ? AND ? ORDER BY sequence",
        (unit_id, first, last),
    )
    return [_read(row) for row in found]


def by_id(views: Snapshot, decision_id: str) -> StoredDecision | None:
    """The decision of an id, or None."""
    found = views.select("SELECT * FROM {decisions_made} WHERE id = ?", (decision_id,))
    return _read(found[0]) if found else None


def position_before(views: Snapshot, partition: int, recorded_from: str) -> FeedPosition:
    """The position of the last decision of a partition that was recorded before a moment (ISO text in UTC)."""
    found = views.select(
        "SELECT position, ordinal FROM {decisions_made} WHERE partition = ? AND recorded_at < ? "
        "ORDER BY position DESC, ordinal DESC LIMIT 1",
        (partition, recorded_from),
    )
    return FeedPosition(found[0]["position"], found[0]["ordinal"]) if found else BEGINNING


def last_position(views: Snapshot, partition: int) -> FeedPosition:
    """The position of the last decision of a partition."""
    found = views.select(
        "SELECT position, ordinal FROM {decisions_made} WHERE partition = ? "
        "ORDER BY position DESC, ordinal DESC LIMIT 1",
        (partition,),
    )
    return FeedPosition(found[0]["position"], found[0]["ordinal"]) if found else BEGINNING


def _read(row: dict[str, Any]) -> StoredDecision:
    return StoredDecision(row["partition"], FeedPosition(row["position"], row["ordinal"]), json.loads(row["record"]))


def sequences(views: Snapshot) -> Sequence[dict[str, Any]]:
    """Of each unit with decisions: unit_id, the sequence number and the id of its last one."""
    return views.select("SELECT unit_id, sequence, last_id FROM {decisions_units} ORDER BY unit_id")
