"""What the doctor asks of the read models: whose they are, how far they have come, and what is parked.

`whole`: each is verified from the log's first event, and compared row by row with what folding makes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, cast

from domain.errors import InfrastructureError
from infra.diagnosis.findings import DossiersParked, RowsDiffer
from infra.diagnosis.marks import mark_rows
from infra.diagnosis.report import Report
from projections.engine.batch import stopped_at
from projections.engine.errors import ViewsAheadOfLog, ViewsOfAnotherHistory
from projections.engine.verification import verify
from schemas.avro.codec import decode_event

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from projections.engine.rebuild import RebuildResult
    from projections.engine.snapshot import Snapshot


def look_at_read_models(
    report: Report, application: Application, heads: Mapping[int, int], *, whole: bool, keep: bool = True
) -> bool:
    """Note what is wrong with the read models; whether all that are built stand at these heads.

    `heads`: partition → the last position of the log. `keep`: whether it is kept that log and read models contradict
    each other, which says nothing where the index is wrong.
    """
    behind: dict[str, dict[int, int]] = {}
    contradicting: dict[str, InfrastructureError] = {}
    try:
        with application.engine.reading() as snapshot:
            for name, positions in sorted(snapshot.positions.items()):
                behind[name] = {at: head - positions.get(at, 0) for at, head in heads.items()}
                for partition, missing in behind[name].items():
                    if missing < 0:
                        position, head = positions[partition], heads[partition]
                        wrong = ViewsAheadOfLog(projection=name, partition=partition, position=position, head=head)
                        report.add(wrong, partition=partition, position=head + 1)
                        contradicting.setdefault(name, wrong)
            ahead = bool(contradicting)
            for name, another in _of_another_history(application, snapshot, contradicting).items():
                report.add(another, partition=cast(int, another.details["partition"]))
                contradicting[name] = another
            _look_at_next(report, application, snapshot, heads)
            _look_at_parked(report, snapshot)
            verified = verify(application.engine, snapshot) if whole and not ahead else []
            built = tuple(snapshot.builds)
        for each in verified:
            for fault in each.findings:
                report.add(fault, partition=each.partition)
                contradicting.setdefault(each.projection, fault)
        if whole and keep:
            _note_contradictions(application, contradicting, built)
        if verified and not any(each.findings for each in verified):
            _compare_rows(report, application, built)
    except InfrastructureError as error:
        report.add(error)
        return False
    report.facts["behind"] = behind
    return all(not missing for found in behind.values() for missing in found.values())


def _of_another_history(
    application: Application, snapshot: Snapshot, ahead: Collection[str]
) -> dict[str, InfrastructureError]:
    """The read models that were folded from other events than the log holds by now, but for those that are ahead."""
    found: dict[str, InfrastructureError] = {}
    for name, build in snapshot.builds.items():
        if name not in ahead:
            try:
                application.engine.histories.check(snapshot.reader, [build])
            except ViewsOfAnotherHistory as error:
                found[name] = error
    return found


def _note_contradictions(
    application: Application, contradicting: Mapping[str, InfrastructureError], built: Collection[str]
) -> None:
    """Keep which read models the log contradicts, so that neither is served; of those that are gone, keep nothing."""
    for name in application.engine.projections:
        if name in contradicting or name not in built:
            mark_rows(application.settings.state_dir, name, contradicting.get(name))


def _look_at_next(report: Report, application: Application, snapshot: Snapshot, heads: Mapping[int, int]) -> None:
    """Whether a newer release wrote the event before which a read model stands."""
    for name, build in snapshot.builds.items():
        for partition, at in snapshot.checkpoints(name).items():
            behind = at.position < heads.get(partition, 0)
            for event in application.log.read(partition, at.position, 1) if behind else ():
                stopped = stopped_at(build, event, partition, decode_event)
                if stopped is not None:
                    report.add(stopped, partition=partition, position=event.id)


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
        different = note_rows(application, outcome)
        if different is not None:
            report.add(different)


def note_rows(application: Application, outcome: RebuildResult) -> RowsDiffer | None:
    """Keep what a comparison found, so that rows that differ are not served; None where they do not."""
    found, different = outcome.comparison, None
    if found is not None and not found.equal and not outcome.swapped:
        first = found.listed[0] if found.listed else None
        different = RowsDiffer(
            projection=outcome.projection,
            different=found.different,
            table=first.table if first else "",
            key="/".join(map(str, first.key)) if first else "",
        )
    mark_rows(application.settings.state_dir, outcome.projection, different)
    return different
