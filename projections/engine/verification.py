"""`dossier views verify`: the proof, from the log alone, that a read model folded every event once and skipped none.

Each partition is read once from its first event, and the counts and the running hash of each live generation are
computed anew. Where they differ, the marks narrow it down to a thousand positions, and every single cause is tried:
one event left out, one folded twice, a position moved; where the log itself has another history by now, that is said
first. That the rows are what folding makes of those events is another question, which `dossier rebuild --check`
answers.

Whoever serves read models looks at their ends alone, at most a thousand events behind the last mark (`verify_ends`).

    InfrastructureError
    └── Fault            base of what is found; none is ever raised
        ├── Skipped        one event is not in the read model
        ├── FoldedTwice    one event is in it twice
        ├── MovedAhead     the position is higher than what was folded
        ├── AheadOfLog     the position is higher than the log's
        ├── OtherEvents    what was folded is not what the log holds, between two positions
        ├── Miscounted     the counts do not add up to the log's
        └── ParkedOtherwise  the list of parked events does not fit the count or the log
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from eventsourcing.persistence import Notification

from domain.errors import InfrastructureError
from projections.engine.batch import dossier_text, event_name
from projections.engine.empty_positions import next_position
from projections.engine.errors import BrokenChain
from projections.engine.generations import Checkpoint, Generation
from projections.engine.hashchain import MARK, extend, initial
from projections.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from projections.engine.engine import Engine


class Fault(InfrastructureError):
    """A read model and the log contradict each other."""

    code = "READ_MODEL_FAULTY"


class Skipped(Fault):
    """One event is not in the read model."""

    code = "EVENT_SKIPPED"


class FoldedTwice(Fault):
    """One event is in it twice."""

    code = "EVENT_FOLDED_TWICE"


class MovedAhead(Fault):
    """The position is higher than what was folded."""

    code = "POSITION_MOVED_AHEAD"


class AheadOfLog(Fault):
    """The position is higher than the log's."""

    code = "POSITION_AHEAD_OF_LOG"


class OtherEvents(Fault):
    """What was folded is not what the log holds."""

    code = "OTHER_EVENTS_FOLDED"


class Miscounted(Fault):
    """The counts do not add up."""

    code = "MISCOUNTED"


class ParkedOtherwise(Fault):
    """The list of parked events does not fit."""

    code = "PARKED_OTHERWISE"


FAULTS: Final = (Skipped, FoldedTwice, MovedAhead, AheadOfLog, OtherEvents, Miscounted, ParkedOtherwise)


@dataclass(slots=True)
class VerifiedPartition:
    """What was found of one generation in one partition. `events` of the log were read, `hash` is its running hash."""

    projection: str
    generation: int
    partition: int
    checkpoint: Checkpoint
    events: int
    hash: str
    findings: list[InfrastructureError] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "projection": self.projection,
            "generation": self.generation,
            "partition": self.partition,
            "position": self.checkpoint.position,
            "applied": self.checkpoint.applied,
            "parked": self.checkpoint.parked,
            "ignored": self.checkpoint.ignored,
            "log": self.events,
            "hash": {"stored": self.checkpoint.digest.hex(), "log": self.hash},
            "complete": not self.findings,
            "findings": [{"code": each.code, "message": each.message(), **each.details} for each in self.findings],
        }


@dataclass(slots=True)
class PartitionScan:
    """One generation while the log is read past it."""

    build: Generation
    checkpoint: Checkpoint
    marks: dict[int, bytes]
    parked: dict[int, str]
    handled: int = 0
    passed: int = 0
    events: int = 0
    reached: int = 0
    digest: bytes = b""
    matches_at: int | None = None
    good_mark: tuple[int, bytes] = (0, b"")
    bad_mark: tuple[int, bytes] | None = None
    parked_found: int = 0


def verify(engine: Engine, snapshot: Snapshot) -> list[VerifiedPartition]:
    """Verify the live generation of each read model that is built, partition by partition.

    Raises what is wrong with the log as a whole.
    """
    found = []
    for partition in engine.log.partitions:
        engine.log.head(partition)
        scans = [_new_scan(snapshot, build, partition) for build in snapshot.builds.values()]
        _read(engine, partition, scans)
        for scan in scans:
            other = engine.histories.other_history(snapshot.reader, scan.build, partition)
            found.append(verify_partition(engine, partition, scan, other))
    return found


def verify_ends(engine: Engine, snapshot: Snapshot) -> None:
    """Compare what each read model folded behind its last mark with the log.

    Raises the Fault that is found, or BrokenChain where the log lacks one of these events.
    """
    ends: dict[tuple[int, int, int, bytes], bytes] = {}
    for build in snapshot.builds.values():
        for partition, checkpoint in snapshot.checkpoints(build.name).items():
            scan = _new_scan(snapshot, build, partition)
            marks = [(position, mark) for position, mark in scan.marks.items() if position <= checkpoint.position]
            scan.good_mark = mark = max([scan.good_mark, *marks])
            # Read models that are kept in step share their marks: their ends are read once.
            key = (partition, checkpoint.position, *mark)
            if key not in ends:
                ends[key] = _end(mark[1], _between(engine, partition, mark[0], checkpoint.position))
            if ends[key] != checkpoint.digest:
                raise locate_fault(engine, partition, scan)


def _between(engine: Engine, partition: int, after: int, last: int) -> Sequence[Notification]:
    """The events after one position up to another. Raises BrokenChain where one is not there."""
    found = engine.log.read(partition, after, last - after) if last > after else ()
    empty = engine.log.empty_positions(partition)
    events = [event for event in found if event.id <= last]
    expected = next_position(after, empty)
    for event in events:
        if event.id != expected:
            raise BrokenChain(partition=partition, position=expected, found=event.id)
        expected = next_position(expected, empty)
    if expected <= last:
        raise BrokenChain(partition=partition, position=expected, found=None)
    return events


def _new_scan(snapshot: Snapshot, build: Generation, partition: int) -> PartitionScan:
    place = (*build.key, partition)
    marks = snapshot.reader.select(
        "SELECT position, digest FROM views_marks WHERE projection = ? AND generation = ? AND partition = ?", place
    )
    parked = snapshot.reader.select(
        "SELECT position, dossier_id FROM views_parked WHERE projection = ? AND generation = ? AND partition = ?", place
    )
    scan = PartitionScan(
        build,
        snapshot.checkpoints(build.name)[partition],
        {row["position"]: bytes.fromhex(row["digest"]) for row in marks},
        {row["position"]: row["dossier_id"] for row in parked},
    )
    scan.good_mark = (0, initial(partition))
    return scan


def _read(engine: Engine, partition: int, scans: Sequence[PartitionScan]) -> None:
    """One pass over the log, as far as the furthest generation says it is."""
    digest, position = initial(partition), 0
    for scan in scans:
        _compare_digest(scan, position, digest)
    last = max((scan.checkpoint.position for scan in scans), default=0)
    empty = engine.log.empty_positions(partition)
    while position < last:
        events = engine.log.read(partition, position, min(engine.batch_size, last - position))
        if not events:
            break
        for event in events:
            expected = next_position(position, empty)
            if event.id != expected:
                raise BrokenChain(partition=partition, position=expected, found=event.id)
            position, digest = event.id, extend(digest, event)
            for scan in scans:
                if position <= scan.checkpoint.position:
                    _count(scan, event)
                    _compare_digest(scan, position, digest)


def _count(scan: PartitionScan, event: Notification) -> None:
    scan.events += 1
    scan.reached = event.id
    if event_name(event.topic) in scan.build.projection.ignored:
        scan.passed += 1
    else:
        scan.handled += 1
        scan.parked_found += scan.parked.get(event.id) == dossier_text(event.originator_id)


def _compare_digest(scan: PartitionScan, position: int, digest: bytes) -> None:
    scan.digest = digest
    if digest == scan.checkpoint.digest:
        scan.matches_at = position
    if position in scan.marks and scan.bad_mark is None:
        if scan.marks[position] == digest:
            scan.good_mark = position, digest
        else:
            scan.bad_mark = position, scan.marks[position]


def verify_partition(
    engine: Engine, partition: int, scan: PartitionScan, other_history: InfrastructureError | None = None
) -> VerifiedPartition:
    """Compare what a generation says of itself with what the scan of the log counted.

    `other_history`: the error for a generation of which it is known already that it was folded from another history.
    """
    checkpoint = scan.checkpoint
    verified = VerifiedPartition(
        scan.build.name, scan.build.generation, partition, checkpoint, scan.events, scan.digest.hex()
    )
    where: dict[str, Any] = {"projection": scan.build.name, "partition": partition}
    findings = verified.findings
    if scan.reached < checkpoint.position:
        findings.append(AheadOfLog(**where, position=checkpoint.position, head=scan.reached))
    elif scan.digest != checkpoint.digest:
        if scan.matches_at is not None:
            findings.append(MovedAhead(**where, position=checkpoint.position, folded=scan.matches_at))
        else:
            findings += [error for error in (other_history, locate_fault(engine, partition, scan)) if error is not None]
    if (checkpoint.applied + checkpoint.parked, checkpoint.ignored) != (scan.handled, scan.passed):
        counts = {name: getattr(checkpoint, name) for name in ("applied", "parked", "ignored", "position")}
        findings.append(Miscounted(**where, **counts, handled=scan.handled, passed=scan.passed))
    if checkpoint.parked != len(scan.parked) or scan.parked_found != len(scan.parked):
        strays = len(scan.parked) - scan.parked_found
        findings.append(ParkedOtherwise(**where, listed=len(scan.parked), parked=checkpoint.parked, strays=strays))
    return verified


def locate_fault(engine: Engine, partition: int, scan: PartitionScan) -> Fault:
    """Which one event, left out or folded twice, makes the hash what it is."""
    first, digest = scan.good_mark
    last, wanted = scan.bad_mark or (scan.checkpoint.position, scan.checkpoint.digest)
    events = engine.log.read(partition, first, min(last - first, 2 * MARK))
    place: dict[str, Any] = {"projection": scan.build.name, "partition": partition}
    for number, event in enumerate(events):
        found_event: dict[str, Any] = {
            "position": event.id,
            "event": event_name(event.topic),
            "dossier": dossier_text(event.originator_id),
        }
        if _end(digest, events[number + 1 :]) == wanted:
            return Skipped(**place, **found_event)
        digest = extend(digest, event)
        if _end(extend(digest, event), events[number + 1 :]) == wanted:
            return FoldedTwice(**place, **found_event)
    return OtherEvents(**place, first=first + 1, last=last)


def _end(digest: bytes, events: Sequence[Notification]) -> bytes:
    for event in events:
        digest = extend(digest, event)
    return digest
