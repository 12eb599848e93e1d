"""What the doctor asks of the read models: whose they are, how far they have come, and what is parked.

`whole`: each is verified from the log's first event, and compared row by row with what folding makes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from domain.errors import InfrastructureError
from infra.diagnosis.findings import DossiersParked, RowsDiffer
from infra.diagnosis.report import Report
from projections.engine.errors import ViewsAheadOfLog
from projections.engine.verification import verify

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from projections.engine.snapshot import Snapshot


def look_at_read_models(report: Report, application: Application, heads: Mapping[int, int], *, whole: bool) -> bool:
    """Note what is wrong with the read models; whether all that are built stand at these heads.

    `heads`: partition → the last position of the log.
    """
    behind: dict[str, dict[int, int]] = {}
    try:
        with application.engine.reading() as snapshot:
            for name, positions in sorted(snapshot.positions.items()):
                behind[name] = {at: head - positions.get(at, 0) for at, head in heads.items()}
                for partition, missing in behind[name].items():
                    if missing < 0:
                        position, head = positions[partition], heads[partition]
                        report.add(
                            ViewsAheadOfLog(projection=name, partition=partition, position=position, head=head),
                            partition=partition,
                        )
            _look_at_parked(report, snapshot)
            ahead = any(missing < 0 for each in behind.values() for missing in each.values())
            verified = verify(application.engine, snapshot) if whole and not ahead else []
            built = tuple(snapshot.builds)
        for each in verified:
            for fault in each.findings:
                report.add(fault, partition=each.partition)
        if verified and not any(each.findings for each in verified):
            _compare_rows(report, application, built)
    except InfrastructureError as error:
        report.add(error)
        return False
    report.facts["behind"] = behind
    return all(not missing for found in behind.values() for missing in found.values())


def _look_at_parked(report: Report, snapshot: Snapshot) -> None:
    parked = snapshot.stale()
    for name, count in Counter(each.projection for each in parked).items():
        first = next(each for each in parked if each.projection == name)
        report.add(
            DossiersParked(
                projection=name, count=count, dossier=first.dossier, event=first.event, position=first.position
            ),
            partition=first.partition,
        )


def _compare_rows(report: Report, application: Application, names: tuple[str, ...]) -> None:
    """Build each once more beside what is served, and compare."""
    for outcome in application.rebuild(names, check=True).run():
        found = outcome.comparison
        if found is not None and not found.equal:
            first = found.listed[0] if found.listed else None
            report.add(
                RowsDiffer(
                    projection=outcome.projection,
                    different=found.different,
                    table=first.table if first else "",
                    key="/".join(map(str, first.key)) if first else "",
                )
            )
