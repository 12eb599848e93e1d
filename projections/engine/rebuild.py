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
from projections.engine.errors import (
    NoOldGeneration,
    OldOfAnotherVersion,
    RebuildSuperseded,
    ViewsOfAnotherHistory,
)
from projections.engine.generations import (
    Generation,
    GenerationState,
    check_log,
    generation_in,
    generations_of,
    is_set_up,
    live_builds,
    live_rows,
    mark_dropped,
    next_build,
    retire,
    retired,
    set_up,
    tables_of,
)
from projections.engine.history import note_confirmed
from projections.engine.ports import InvalidRow, Progress, Reader
from projections.engine.projection import Projection
from projections.engine.table import Row

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
"""Called after each batch of a task with the lowest position that its builds have reached."""

TaskExecutor = Callable[[Sequence[Task], ProgressCallback], None]
"""Runs every task, in this process or others; raises what stopped one."""


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

    `executor` runs the tasks (default: in this thread, one after another); `jobs` is into how many parts the
    projections of one partition may be split.
    """

    def __init__(
        self,
        engine: Engine,
        names: Sequence[str],
        *,
        check: bool = False,
        executor: TaskExecutor | None = None,
        jobs: int = 1,
        progress: Progress | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self._engine = engine
        self._projections = [engine.projections[name] for name in names]
        self._check = check
        self._executor = executor or self._run_here
        self._jobs = jobs
        self._progress = progress
        self._on_progress = on_progress or (lambda _task, _reached: None)

    def run(self) -> list[RebuildResult]:
        """Rebuild; returns what became of each read model.

        1. begin a generation of each, or find the unfinished one;
        2. fold the whole log into them;
        3. compare each with the live one, both at the same position;
        4. fold what came meanwhile and swap, in one transaction;
        5. drop what nobody reads any more.

        Raises RebuildSuperseded where a build was dropped meanwhile, and as `Engine.catch_up`; ViewsOfAnotherHistory
        where it was to compare alone. What is built stays, and the next rebuild continues it.
        """
        if self._check:
            self._check_live()
        results = self._start_builds()  # 1
        builds = {
            result.projection: Generation(projection, result.generation)
            for projection, result in zip(self._projections, results, strict=True)
        }
        begun = perf_counter()
        self._fold(builds)  # 2
        for result in results:
            result.seconds["build"] = perf_counter() - begun
        for result in results:
            self._finish(builds[result.projection], result)  # 3, 4
        purge(self._engine)  # 5
        return results

    def _check_live(self) -> None:
        """Raises ViewsOfAnotherHistory where what is live cannot be compared with this log."""
        engine = self._engine
        with engine.views.reading() as reader:
            if is_set_up(reader):
                check_log(reader, engine.log.log_id)
                engine.histories.check(reader, live_builds(reader, self._projections))

    def _start_builds(self) -> list[RebuildResult]:
        engine = self._engine
        results = []
        with engine.views.exclusive_transaction() as writer:
            set_up(writer, engine.log.log_id)
            engine.check_not_ahead(writer)
            for projection in self._projections:
                unfinished = generation_in(writer, projection.name, GenerationState.BUILDING)
                if unfinished is not None and self._can_be_continued(unfinished, projection, writer):
                    results.append(RebuildResult(projection.name, unfinished["generation"], continued=True))
                    continue
                if unfinished is not None:
                    retire(writer, unfinished)
                build = next_build(writer, projection)
                build.create(writer, GenerationState.BUILDING, engine.beginnings())
                results.append(RebuildResult(projection.name, build.generation, continued=False))
        purge(engine)
        return results

    def _can_be_continued(self, unfinished: Row, projection: Projection, reader: Reader) -> bool:
        """Whether it is of this version, and was folded from what the log holds by now as far as it goes."""
        build = Generation(projection, unfinished["generation"])
        return unfinished["revision"] == projection.revision and self._engine.histories.is_known(reader, build)

    def _fold(self, builds: Mapping[str, Generation]) -> None:
        """Up to the head, as often as the log grew by more than a batch meanwhile."""
        behind = True
        while behind:
            targets = self._engine.targets()
            self._executor(self._tasks(builds, targets), self._on_progress)
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

    def _run_here(self, tasks: Sequence[Task], on_progress: ProgressCallback) -> None:
        for task in tasks:
            run_task(self._engine, task, on_progress, self._progress)

    def _finish(self, build: Generation, result: RebuildResult) -> None:
        begun = perf_counter()
        result.comparison = self._compared(build)
        result.seconds["compare"] = perf_counter() - begun
        if self._check:
            with self._engine.views.exclusive_transaction() as writer:
                result.events = sum(build.positions(writer).values())
                if build.state(writer) == GenerationState.BUILDING:
                    retire(writer, build.row(writer))
            return
        promote(self._engine, build, GenerationState.BUILDING)
        result.swapped = True
        with self._engine.views.reading() as reader:
            result.events = sum(build.positions(reader).values())

    def _compared(self, build: Generation) -> Comparison | None:
        """Bring the build and the live one to the same positions, then compare both in one snapshot.

        None where nothing of the same revision is live.
        """
        engine = self._engine
        for _ in range(_TRIES):
            live = self._align(build)
            if live is None:
                return None
            with engine.views.reading() as reader:
                if live.state(reader) == GenerationState.LIVE and live.positions(reader) == build.positions(reader):
                    reader.pin([name for each in (live, build) for name in each.physical.values()])
                    return compare(reader, live, build)
        with engine.views.exclusive_transaction() as writer:
            # Nobody else moves them now.
            live = self._other_live(build, writer)
            if live is None:
                return None
            there, here = live.positions(writer), build.positions(writer)
            for partition in there:
                engine.fold_within(writer, [live, build], partition, max(there[partition], here[partition]))
            return compare(writer, live, build)

    def _other_live(self, build: Generation, reader: Reader) -> Generation | None:
        """What is live, if it is another generation of the same revision, folded from the events of this log.

        Raises ViewsOfAnotherHistory where the live one is to be compared and nothing else.
        """
        row = live_rows(reader).get(build.name)
        if row is None or row["revision"] != build.projection.revision or row["generation"] == build.generation:
            return None
        live = Generation(build.projection, row["generation"])
        try:
            self._engine.histories.check(reader, [live])
        except ViewsOfAnotherHistory:
            if self._check:
                raise
            # What this build takes the place of says nothing about it.
            return None
        return live

    def _align(self, build: Generation) -> Generation | None:
        """Bring the build to where the live one stands, or the live one to where the build does; returns that one."""
        with self._engine.views.reading() as reader:
            live = self._other_live(build, reader)
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


def run_task(engine: Engine, task: Task, on_progress: ProgressCallback, progress: Progress | None = None) -> None:
    """Run one task in this thread."""
    builds = [Generation(engine.projections[name], generation) for name, generation in task.generations.items()]

    def report(partition: int, reached: int, target: int) -> None:
        on_progress(task, reached)
        if progress is not None:
            progress(partition, reached, target)

    engine.advance({task.partition: task.target}, lambda reader: [check_surviving(b, reader) for b in builds], report)


def promote(engine: Engine, build: Generation, was: GenerationState) -> None:
    """Serve a build instead of what is live, once it has come as far: a position only grows.

    Most of the way it is brought up beside the others; the last events and the swap are one transaction, alone.
    """
    while True:
        with engine.views.reading() as reader:
            served = _served_positions(reader, build)
        engine.advance(served, lambda reader: [check_surviving(build, reader)])
        # A row that the store refuses is found and parked outside of this transaction.
        with suppress(InvalidRow), engine.views.exclusive_transaction() as writer:
            state = build.state(writer)
            if state == GenerationState.LIVE:
                # Another process worked on the same build, and was first.
                return
            if state != was:
                raise RebuildSuperseded(projection=build.name)
            served = _served_positions(writer, build)
            reached = build.positions(writer)
            missing = {at: position - reached[at] for at, position in served.items() if position > reached[at]}
            if sum(missing.values()) > engine.batch_size:
                continue
            for partition in missing:
                engine.fold_within(writer, [build], partition, served[partition])
            build.go_live(writer)
            return


def _served_positions(reader: Reader, build: Generation) -> dict[int, int]:
    """Partition → the position that is served now."""
    row = live_rows(reader).get(build.name)
    return Generation(build.projection, row["generation"]).positions(reader) if row else {}


def undo(engine: Engine, name: str) -> int:
    """Serve again what was served before the last swap, brought up to the same position; returns its generation.

    What is live now becomes the old one: a second undo takes the first one back. Raises NoOldGeneration,
    OldOfAnotherVersion, ViewsOfAnotherHistory.
    """
    projection = engine.projections[name]
    with engine.views.reading() as reader:
        row = generation_in(reader, name, GenerationState.OLD) if is_set_up(reader) else None
        if row is None:
            raise NoOldGeneration(projection=name)
        if row["revision"] != projection.revision:
            raise OldOfAnotherVersion(projection=name, theirs=row["revision"], revision=projection.revision)
        build = Generation(projection, row["generation"])
        confirmed = engine.histories.check(reader, [build])
    with engine.views.exclusive_transaction() as writer:
        # An earlier release may have made the store.
        set_up(writer, engine.log.log_id)
    note_confirmed(engine.views, engine.log.log_id, confirmed)
    promote(engine, build, GenerationState.OLD)
    return build.generation


def drop(engine: Engine, names: Sequence[str]) -> dict[str, list[int]]:
    """Let the old and the unfinished generations of read models go; projection → which ones."""
    gone: dict[str, list[int]] = {}
    with engine.views.exclusive_transaction() as writer:
        set_up(writer, engine.log.log_id)
        for name in names:
            for row in generations_of(writer, name):
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
                mark_dropped(writer, row)
