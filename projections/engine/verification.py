"""`dossier views verify`: the proof, from the log alone, that a read model folded every event once and skipped none.

Each partition is read once from its first event, and the counts and the running hash of each live generation are
computed anew. Where they differ, the marks narrow it down to a thousand positions, and every single cause is tried:
one event left out, one folded twice, a position moved. That the rows are what folding makes of those events is another
question, which `dossier rebuild --check` answers.

    InfrastructureError
    └── Finding            base of what is found; none is ever raised
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
from typing import TYPE_CHECKING, Any

from eventsourcing.persistence import Notification

from domain.errors import InfrastructureError
from projections.engine.batch import dossier_text, event_name
from projections.engine.errors import BrokenChain
from projections.engine.generations import Checkpoint, Generation
from projections.engine.hashchain import MARK, extend, initial
from projections.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from projections.engine.engine import Engine


class Finding(InfrastructureError):
    """Something that must not be."""

    code = "READ_MODEL_FAULTY"


class Skipped(Finding):
    """One event is not in the read model."""

    code = "EVENT_SKIPPED"


class FoldedTwice(Finding):
    """One event is in it twice."""

    code = "EVENT_FOLDED_TWICE"


class MovedAhead(Finding):
    """The position is higher than what was folded."""

    code = "POSITION_MOVED_AHEAD"


class AheadOfLog(Finding):
    """The position is higher than the log's."""

    code = "POSITION_AHEAD_OF_LOG"


class OtherEvents(Finding):
    """What was folded is not what the log holds."""

    code = "OTHER_EVENTS_FOLDED"


class Miscounted(Finding):
    """The counts do not add up."""

    code = "MISCOUNTED"


class ParkedOtherwise(Finding):
    """The list of parked events does not fit."""

    code = "PARKED_OTHERWISE"


@dataclass(slots=True)
class Verified:
    """What was found of one generation in one partition. `events` of the log were read, `hash` is its running hash."""

    projection: str
    generation: int
    partition: int
    at: Checkpoint
    events: int
    hash: str
    findings: list[Finding] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "projection": self.projection,
            "generation": self.generation,
            "partition": self.partition,
            "position": self.at.position,
            "applied": self.at.applied,
            "parked": self.at.parked,
            "ignored": self.at.ignored,
            "log": self.events,
            "hash": {"stored": self.at.digest.hex(), "log": self.hash},
            "complete": not self.findings,
            "findings": [{"code": each.code, "message": each.message(), **each.details} for each in self.findings],
        }


@dataclass(slots=True)
class PartitionScan:
    """One generation while the log is read past it."""

    build: Generation
    at: Checkpoint
    marks: dict[int, bytes]
    parked: dict[int, str]
    handled: int = 0
    passed: int = 0
    events: int = 0
    digest: bytes = b""
    same_at: int | None = None
    good_mark: tuple[int, bytes] = (0, b"")
    bad_mark: tuple[int, bytes] | None = None
    met: int = 0


def verify(engine: Engine, snapshot: Snapshot) -> list[Verified]:
    """Verify the live generation of each read model that is built, partition by partition."""
    found = []
    for partition in engine.log.partitions:
        walks = [_begun(snapshot, build, partition) for build in snapshot.builds.values()]
        _read(engine, partition, walks)
        found += [verify_partition(engine, partition, walk) for walk in walks]
    return found


def _begun(snapshot: Snapshot, build: Generation, partition: int) -> PartitionScan:
    place = (*build.key, partition)
    marks = snapshot.reader.select(
        "SELECT position, digest FROM views_marks WHERE projection = ? AND generation = ? AND partition = ?", place
    )
    parked = snapshot.reader.select(
        "SELECT position, dossier_id FROM views_parked WHERE projection = ? AND generation = ? AND partition = ?", place
    )
    walk = PartitionScan(
        build,
        snapshot.at(build.name)[partition],
        {row["position"]: bytes.fromhex(row["digest"]) for row in marks},
        {row["position"]: row["dossier_id"] for row in parked},
    )
    walk.good_mark = (0, initial(partition))
    return walk


def _read(engine: Engine, partition: int, walks: Sequence[PartitionScan]) -> None:
    """One pass over the log, as far as the furthest generation says it is."""
    digest, position = initial(partition), 0
    for walk in walks:
        _note(walk, position, digest)
    last = max((walk.at.position for walk in walks), default=0)
    while position < last:
        events = engine.log.read(partition, position, min(engine.batch_size, last - position))
        if not events:
            break
        for event in events:
            if event.id != position + 1:
                raise BrokenChain(partition=partition, position=position + 1, found=event.id)
            position, digest = event.id, extend(digest, event)
            for walk in walks:
                if position <= walk.at.position:
                    _count(walk, event)
                    _note(walk, position, digest)


def _count(walk: PartitionScan, event: Notification) -> None:
    walk.events += 1
    if event_name(event.topic) in walk.build.projection.ignored:
        walk.passed += 1
    else:
        walk.handled += 1
        walk.met += walk.parked.get(event.id) == dossier_text(event.originator_id)


def _note(walk: PartitionScan, position: int, digest: bytes) -> None:
    walk.digest = digest
    if digest == walk.at.digest:
        walk.same_at = position
    if position in walk.marks and walk.bad_mark is None:
        if walk.marks[position] == digest:
            walk.good_mark = position, digest
        else:
            walk.bad_mark = position, walk.marks[position]


def verify_partition(engine: Engine, partition: int, walk: PartitionScan) -> Verified:
    at = walk.at
    verified = Verified(walk.build.name, walk.build.generation, partition, at, walk.events, walk.digest.hex())
    where: dict[str, Any] = {"projection": walk.build.name, "partition": partition}
    findings = verified.findings
    if walk.events < at.position:
        findings.append(AheadOfLog(**where, position=at.position, head=walk.events))
    elif walk.digest != at.digest:
        if walk.same_at is not None:
            findings.append(MovedAhead(**where, position=at.position, folded=walk.same_at))
        else:
            findings.append(locate_fault(engine, partition, walk))
    if (at.applied + at.parked, at.ignored) != (walk.handled, walk.passed):
        counts = {name: getattr(at, name) for name in ("applied", "parked", "ignored", "position")}
        findings.append(Miscounted(**where, **counts, handled=walk.handled, passed=walk.passed))
    if at.parked != len(walk.parked) or walk.met != len(walk.parked):
        strays = len(walk.parked) - walk.met
        findings.append(ParkedOtherwise(**where, listed=len(walk.parked), parked=at.parked, strays=strays))
    return verified


def locate_fault(engine: Engine, partition: int, walk: PartitionScan) -> Finding:
    """Which one event, left out or folded twice, makes the hash what it is."""
    first, digest = walk.good_mark
    last, wanted = walk.bad_mark or (walk.at.position, walk.at.digest)
    events = engine.log.read(partition, first, min(last - first, 2 * MARK))
    place: dict[str, Any] = {"projection": walk.build.name, "partition": partition}
    for number, event in enumerate(events):
        told: dict[str, Any] = {
            "position": event.id,
            "event": event_name(event.topic),
            "dossier": dossier_text(event.originator_id),
        }
        if _end(digest, events[number + 1 :]) == wanted:
            return Skipped(**place, **told)
        digest = extend(digest, event)
        if _end(extend(digest, event), events[number + 1 :]) == wanted:
            return FoldedTwice(**place, **told)
    return OtherEvents(**place, first=first + 1, last=last)


def _end(digest: bytes, events: Sequence[Notification]) -> bytes:
    for event in events:
        digest = extend(digest, event)
    return digest
