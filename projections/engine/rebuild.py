"""A rebuild: a new generation of read models beside the live ones, compared with them, then put in their place.

It can be killed at any point and begun again: the build keeps its own positions, and the next rebuild of the same
projection continues it. Several may work on one build at once, in threads or processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from projections.engine.comparison import Comparison, compare
from projections.engine.errors import NoOldGeneration, OldOfAnotherVersion, RebuildSuperseded
from projections.engine.generations import (
    Generation,
    GenerationState,
    dropped,
    is_set_up,
    live_rows,
    next_build,
    retire,
    retired,
    row_in,
    rows_of,
    set_up,
    tables_of,
)
from projections.engine.ports import InvalidRow, Progress, Reader

if TYPE_CHECKING:
    from projections.engine.engine import Engine

_TRIES = 20
"""How often two builds are brought to the same position before readers of the log must wait a moment for it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A part of a rebuild: some builds (projection → generation), one partition, up to a position."""

    generations: Mapping[str, int]
    partition: int
    target: int


ProgressCallback = Callable[[Task, int], None]
"""Told after each batch of a task: the lowest position that its builds have reached."""

TaskExecutor = Callable[[Sequence[Task], ProgressCallback], None]
"""Carries out every task, wherever; raises what stopped one."""


@dataclass(slots=True)
class RebuildResult:
    """What became of one read model's rebuild.

    events       how many events of the log the build was folded from
    continued    whether an unfinished build was continued
    comparison   with what is live; None where nothing of this version was
    swapped      whether the build is served now
    seconds      step ("build", "compare") → how long it took
    """

    projection: str
    generation: int
    continued: bool
    events: int = 0
    comparison: Comparison | None = None
    swapped: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "projection": self.projection,
            "generation": self.generation,
            "continued": self.continued,
            "events": self.events,
            "swapped": self.swapped,
            "seconds": {step: round(seconds, 3) for step, seconds in self.seconds.items()},
            "comparison": self.comparison.as_json() if self.comparison else None,
        }


class Rebuild:
    """One run over some read models. `check`: compare only, and let the build go.

    `spread` carries out the tasks (default: here, one after another); `jobs` is into how many parts the projections of
    one partition may be split.
    """

    def __init__(
        self,
        engine: Engine,
        names: Sequence[str],
        *,
        check: bool = False,
        spread: TaskExecutor | None = None,
        jobs: int = 1,
        progress: Progress | None = None,
        told: ProgressCallback | None = None,
    ) -> None:
        self._engine = engine
        self._projections = [engine.projections[name] for name in names]
        self._check = check
        self._spread = spread or self._here
        self._jobs = jobs
        self._progress = progress
        self._told = told or (lambda _task, _reached: None)

    def run(self) -> list[RebuildResult]:
        """Rebuild; returns what became of each read model.

        1. begin a generation of each, or find the unfinished one;
        2. fold the whole log into them;
        3. compare each with the live one, both at the same position;
        4. fold what came meanwhile and swap, in one transaction;
        5. drop what nobody reads any more.

        Raises RebuildSuperseded where a build was dropped meanwhile, and as `Engine.catch_up`. What is built stays, and
        the next rebuild continues it.
        """
        outcomes = self._begin()  # 1
        builds = {
            outcome.projection: Generation(projection, outcome.generation)
            for projection, outcome in zip(self._projections, outcomes, strict=True)
        }
        begun = perf_counter()
        self._fold(builds)  # 2
        for outcome in outcomes:
            outcome.seconds["build"] = perf_counter() - begun
        for outcome in outcomes:
            self._finish(builds[outcome.projection], outcome)  # 3, 4
        purge(self._engine)  # 5
        return outcomes

    def _begin(self) -> list[RebuildResult]:
        engine = self._engine
        outcomes = []
        with engine.views.exclusive_transaction() as writer:
            set_up(writer, engine.log.log_id)
            engine.check_not_ahead(writer)
            for projection in self._projections:
                unfinished = row_in(writer, projection.name, GenerationState.BUILDING)
                if unfinished is not None and unfinished["revision"] == projection.revision:
                    outcomes.append(RebuildResult(projection.name, unfinished["generation"], continued=True))
                    continue
                if unfinished is not None:
                    retire(writer, unfinished)
                build = next_build(writer, projection)
                build.create(writer, GenerationState.BUILDING, engine.beginnings())
                outcomes.append(RebuildResult(projection.name, build.generation, continued=False))
        purge(engine)
        return outcomes

    def _fold(self, builds: Mapping[str, Generation]) -> None:
        """Up to the head, as often as the log grew by more than a batch meanwhile."""
        behind = True
        while behind:
            targets = self._engine.targets()
            self._spread(self._tasks(builds, targets), self._told)
            heads = self._engine.targets()
            behind = any(heads[partition] - target > self._engine.batch_size for partition, target in targets.items())
        with self._engine.views.transaction() as writer:
            for build in builds.values():
                check_surviving(build, writer)
                build.index(writer)

    def _tasks(self, builds: Mapping[str, Generation], targets: Mapping[int, int]) -> list[Task]:
        """By partition; where there are fewer partitions than jobs, by projection too, the largest alone."""
        parts = min(max(1, self._jobs // max(1, len(targets))), len(builds))
        # A projection that ignores no event has the most to do.
        ordered = sorted(builds.values(), key=lambda build: len(build.projection.ignored))
        groups: list[dict[str, int]] = [{} for _ in range(parts)]
        for place, build in enumerate(ordered):
            groups[min(place, parts - 1)][build.name] = build.generation
        return [Task(group, partition, target) for partition, target in targets.items() for group in groups]

    def _here(self, tasks: Sequence[Task], told: ProgressCallback) -> None:
        for task in tasks:
            run_task(self._engine, task, told, self._progress)

    def _finish(self, build: Generation, outcome: RebuildResult) -> None:
        begun = perf_counter()
        outcome.comparison = self._compared(build)
        outcome.seconds["compare"] = perf_counter() - begun
        if self._check:
            with self._engine.views.exclusive_transaction() as writer:
                outcome.events = sum(build.positions(writer).values())
                if build.state(writer) == GenerationState.BUILDING:
                    retire(writer, build.row(writer))
            return
        promote(self._engine, build, GenerationState.BUILDING)
        outcome.swapped = True
        with self._engine.views.reading() as reader:
            outcome.events = sum(build.positions(reader).values())

    def _compared(self, build: Generation) -> Comparison | None:
        """Bring the build and the live one to the same positions, then compare both in one snapshot.

        None where nothing of the same revision is live.
        """
        engine = self._engine
        for _ in range(_TRIES):
            live = self._bring_up(build)
            if live is None:
                return None
            with engine.views.reading() as reader:
                if live.state(reader) == GenerationState.LIVE and live.positions(reader) == build.positions(reader):
                    reader.hold([name for each in (live, build) for name in each.physical.values()])
                    return compare(reader, live, build)
        with engine.views.exclusive_transaction() as writer:
            # Nobody else moves them now.
            live = self._live_beside(build, writer)
            if live is None:
                return None
            there, here = live.positions(writer), build.positions(writer)
            for partition in there:
                engine.fold_within(writer, [live, build], partition, max(there[partition], here[partition]))
            return compare(writer, live, build)

    @staticmethod
    def _live_beside(build: Generation, reader: Reader) -> Generation | None:
        """What is live, if it is another generation of the same revision."""
        row = live_rows(reader).get(build.name)
        if row is None or row["revision"] != build.projection.revision or row["generation"] == build.generation:
            return None
        return Generation(build.projection, row["generation"])

    def _bring_up(self, build: Generation) -> Generation | None:
        """Bring the build to where the live one stands, or the live one to where the build does; returns that one."""
        with self._engine.views.reading() as reader:
            live = self._live_beside(build, reader)
            if live is None:
                return None
            there, here = live.positions(reader), build.positions(reader)
        targets = {partition: max(position, here.get(partition, 0)) for partition, position in there.items()}
        self._engine.advance(targets, lambda reader: [check_surviving(build, reader), live])
        return live


def check_surviving(build: Generation, reader: Reader) -> Generation:
    """The build itself. Raises RebuildSuperseded where it was dropped."""
    if build.state(reader) in (GenerationState.DROPPING, GenerationState.DROPPED):
        raise RebuildSuperseded(projection=build.name)
    return build


def run_task(engine: Engine, task: Task, told: ProgressCallback, progress: Progress | None = None) -> None:
    """Do one task here."""
    builds = [Generation(engine.projections[name], generation) for name, generation in task.generations.items()]

    def heard(partition: int, reached: int, target: int) -> None:
        told(task, reached)
        if progress is not None:
            progress(partition, reached, target)

    engine.advance({task.partition: task.target}, lambda reader: [check_surviving(b, reader) for b in builds], heard)


def promote(engine: Engine, build: Generation, was: GenerationState) -> None:
    """Serve a build instead of what is live, once it has come as far: a position only grows.

    Most of the way it is brought up beside the others; the last events and the swap are one transaction, alone.
    """
    while True:
        with engine.views.reading() as reader:
            needed = _needed(reader, build)
        engine.advance(needed, lambda reader: [check_surviving(build, reader)])
        # A row that the store refuses is found and parked outside of this transaction.
        with suppress(InvalidRow), engine.views.exclusive_transaction() as writer:
            state = build.state(writer)
            if state == GenerationState.LIVE:
                # Another process worked on the same build, and was first.
                return
            if state != was:
                raise RebuildSuperseded(projection=build.name)
            needed = _needed(writer, build)
            reached = build.positions(writer)
            missing = {at: position - reached[at] for at, position in needed.items() if position > reached[at]}
            if sum(missing.values()) > engine.batch_size:
                continue
            for partition in missing:
                engine.fold_within(writer, [build], partition, needed[partition])
            build.go_live(writer)
            return


def _needed(reader: Reader, build: Generation) -> dict[int, int]:
    """Partition → the position that is served now."""
    row = live_rows(reader).get(build.name)
    return Generation(build.projection, row["generation"]).positions(reader) if row else {}


def undo(engine: Engine, name: str) -> int:
    """Serve again what was served before the last swap, brought up to the same position; returns its generation.

    What is live now becomes the old one: a second undo takes the first one back. Raises NoOldGeneration,
    OldOfAnotherVersion.
    """
    projection = engine.projections[name]
    with engine.views.reading() as reader:
        row = row_in(reader, name, GenerationState.OLD) if is_set_up(reader) else None
    if row is None:
        raise NoOldGeneration(projection=name)
    if row["revision"] != projection.revision:
        raise OldOfAnotherVersion(projection=name, theirs=row["revision"], revision=projection.revision)
    build = Generation(projection, row["generation"])
    promote(engine, build, GenerationState.OLD)
    return build.generation


def drop(engine: Engine, names: Sequence[str]) -> dict[str, list[int]]:
    """Let the old and the unfinished generations of read models go; projection → which ones."""
    gone: dict[str, list[int]] = {}
    with engine.views.exclusive_transaction() as writer:
        set_up(writer, engine.log.log_id)
        for name in names:
            for row in rows_of(writer, name):
                if row["state"] in (GenerationState.OLD, GenerationState.BUILDING):
                    retire(writer, row)
                    gone.setdefault(name, []).append(row["generation"])
    purge(engine)
    return gone


def purge(engine: Engine) -> None:
    """Drop the tables of retired generations, except those that a snapshot still reads: they go the next time."""
    with engine.views.reading() as reader:
        waiting = retired(reader)
    for row in waiting:
        if engine.views.drop(tables_of(row)):
            with engine.views.exclusive_transaction() as writer:
                dropped(writer, row)
