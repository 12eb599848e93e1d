"""What the doctor asks of every event of a partition: whether it is there, can be read, and when it was recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from domain.errors import InfrastructureError
from infra.diagnosis.findings import PositionsMissing
from infra.diagnosis.moments import doubtful
from infra.diagnosis.report import Report
from projections.engine.empty_positions import next_position
from projections.engine.errors import FactMissing
from schemas.avro.codec import decode_event

if TYPE_CHECKING:
    from infra.bootstrap import Application

_BATCH: Final = 5000


def look_at_events(report: Report, application: Application, partition: int) -> None:
    """Read a partition from its first event on. The first thing of each kind that is wrong is named."""
    moments: list[tuple[int, datetime]] = []
    versions: dict[UUID | str, int] = {}
    position, head = 0, application.log.head(partition)
    empty = application.log.empty_positions(partition)
    found: set[type[InfrastructureError]] = set()

    def note(error: InfrastructureError, at: int) -> None:
        if type(error) not in found:
            found.add(type(error))
            report.add(error, partition=partition, position=at)

    while position < head and (events := application.log.read(partition, position, _BATCH)):
        for event in events:
            following = next_position(position, empty)
            if event.id != following:
                note(PositionsMissing(first=following, last=event.id - 1), following)
            position = event.id
            dossier, version = event.originator_id, event.originator_version
            expected = versions.get(dossier, 0) + 1
            if version != expected:
                note(FactMissing(dossier=str(dossier), version=expected, found=version), position)
            versions[dossier] = version
            try:
                moments.append((position, decode_event(event).timestamp))
            except InfrastructureError as error:
                note(error, position)
    wrong = doubtful([moment for _, moment in moments], application.clock())
    doubted = [{"partition": partition, "position": moments[at][0], "recorded_at": moments[at][1]} for at in wrong]
    report.facts.setdefault("doubtful_moments", []).extend(doubted)
