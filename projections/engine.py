"""The engine: applies events to read models in batches and rebuilds them, the same way for all.

What holds, whatever is killed when:

- the rows of a batch and the position behind it are stored in one transaction;
- the write lock is taken before the position is read, so of two engines at work each event is applied once;
- a position only grows, and no event is passed over: one that is unknown or fails stops its projection there;
- a rebuild fills tables of its own, and one transaction puts them in place of the old ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from domain.errors import InfrastructureError
from projections.batch import Batch, fold
from projections.errors import RebuildSuperseded, ViewsAheadOfLog
from projections.generations import (
    Build,
    Snapshot,
    check_log,
    is_set_up,
    live_builds,
    live_rows,
    next_build,
    set_up,
)
from projections.ports import Decode, LogReader, Progress, Reader, Views
from projections.projection import Projection

BATCH_SIZE = 1000
"""Events per transaction: enough that a commit's cost is spread, few enough that memory stays flat."""


class Engine:
    """Keeps read models in step with one log.

    `decode` turns an event's topic and bytes into its fields. An engine holds no connection and no state of its own
    beyond these; several may work at once on the same store, in threads or processes.
    """

    def __init__(
        self,
        views: Views,
        log: LogReader,
        decode: Decode,
        projections: Sequence[Projection],
        *,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._views = views
        self._log = log
        self._decode = decode
        self._projections = {projection.name: projection for projection in projections}
        self._batch_size = batch_size

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """The read models as they stand, for queries. Raises ViewsOfAnotherLog."""
        with self._views.reading() as reader:
            if is_set_up(reader):
                check_log(reader, self._log.log_id)
            yield Snapshot(reader, tuple(self._projections.values()))

    def catch_up(self, up_to: Mapping[int, int] | None = None, progress: Progress | None = None) -> Mapping[int, int]:
        """Apply what the log held when this began, or as far as `up_to` says (partition → position).

        Returns partition → the position that every projection has reached. A projection of another revision is
        rebuilt first. Where one projection stops, the others go on to the end before the error is raised.

        Raises:
            UnknownEvent, CannotApply: a projection stopped; what comes before that event is applied.
            ViewsOfAnotherLog, ViewsAheadOfLog: these read models are not of this log.
        """
        targets = self._targets(up_to)
        if not self._reached(targets):
            self._prepare(progress)
            self._run(targets, lambda reader: live_builds(reader, self._projections.values()), progress)
        return self._lowest(targets)

    def rebuild(self, name: str, progress: Progress | None = None) -> None:
        """Build a projection's rows anew from the first event, then serve them instead of the old ones.

        On an error the old rows stay. Raises KeyError for an unknown name, RebuildSuperseded, and as `catch_up`.
        """
        projection = self._projections[name]
        with self._views.writing() as writer:
            set_up(writer, self._log.log_id)
            self._check_not_ahead(writer)
            build = next_build(writer, projection)
            build.create(writer, live=False)
        try:
            placed = False
            while not placed:
                self._run(self._targets(None), lambda reader: [self._surviving(build, reader)], progress)
                placed = self._swapped(build)
        except BaseException:
            # What is left of it goes at the next swap at the latest; the error that matters is the first one.
            with suppress(InfrastructureError), self._views.writing() as writer:
                build.drop(writer)
            raise

    def _targets(self, up_to: Mapping[int, int] | None) -> dict[int, int]:
        heads = {partition: self._log.head(partition) for partition in self._log.partitions}
        if up_to is None:
            return heads
        return {partition: min(position, heads[partition]) for partition, position in up_to.items()}

    def _reached(self, targets: Mapping[int, int]) -> bool:
        """Whether there is nothing to do, seen without the write lock: a query of a quiet log blocks nobody."""
        with self._views.reading() as reader:
            if not is_set_up(reader):
                return False
            check_log(reader, self._log.log_id)
            self._check_not_ahead(reader)
            builds = live_builds(reader, self._projections.values())
            positions = [build.positions(reader) for build in builds]
        return len(builds) == len(self._projections) and all(
            at.get(partition, 0) >= target for at in positions for partition, target in targets.items()
        )

    def _lowest(self, targets: Mapping[int, int]) -> dict[int, int]:
        with self._views.reading() as reader:
            builds = live_builds(reader, self._projections.values())
            positions = [build.positions(reader) for build in builds]
        return {partition: min((at.get(partition, 0) for at in positions), default=0) for partition in targets}

    def _prepare(self, progress: Progress | None) -> None:
        """Give each new projection empty live tables, and rebuild each whose rows are of another revision."""
        with self._views.writing() as writer:
            set_up(writer, self._log.log_id)
            self._check_not_ahead(writer)
            live = live_rows(writer)
            stale = []
            for projection in self._projections.values():
                if projection.name not in live:
                    next_build(writer, projection).create(writer, live=True)
                elif live[projection.name]["revision"] != projection.revision:
                    stale.append(projection.name)
        for name in stale:
            # Another process found the same and was first: its rows serve as well.
            with suppress(RebuildSuperseded):
                self.rebuild(name, progress)

    def _check_not_ahead(self, reader: Reader) -> None:
        for name, row in live_rows(reader).items():
            if name in self._projections:
                for partition, position in Build(self._projections[name], row["generation"]).positions(reader).items():
                    # Asked after the position was read: the log can only have grown meanwhile.
                    head = self._log.head(partition)
                    if position > head:
                        raise ViewsAheadOfLog(projection=name, partition=partition, position=position, head=head)

    def _run(
        self,
        targets: Mapping[int, int],
        builds: Callable[[Reader], list[Build]],
        progress: Progress | None,
    ) -> None:
        """Apply batches until each of `builds` has reached the targets or stopped; then raise what stopped one."""
        stopped: dict[str, InfrastructureError] = {}
        for partition, target in targets.items():
            reached = -1
            while reached < target:
                reached = self._apply_batch(partition, target, builds, stopped)
                if progress is not None:
                    progress(partition, reached, target)
        for error in stopped.values():
            raise error

    def _apply_batch(
        self,
        partition: int,
        target: int,
        builds: Callable[[Reader], list[Build]],
        stopped: dict[str, InfrastructureError],
    ) -> int:
        """One batch, in one transaction, for all builds that are behind; returns the lowest position reached.

        1. take the write lock, then read the positions; 2. read the log after the lowest; 3. fold in memory;
        4. store the changed rows and the new positions. A build that stops is noted in `stopped` and left alone.
        """
        with self._views.writing() as writer:  # 1
            positions = {
                build: build.positions(writer).get(partition, 0)
                for build in builds(writer)
                if build.name not in stopped
            }
            behind = {build: position for build, position in positions.items() if position < target}
            if not behind:
                return target
            events = self._log.read(partition, min(behind.values()), self._batch_size)  # 2
            batch = Batch(partition, events, target, self._decode)
            for build, (reached, error) in fold(behind, batch, writer).items():  # 3
                if error is not None:
                    stopped[build.name] = error
                if reached > behind[build]:
                    build.reach(writer, partition, reached)  # 4
                positions[build] = reached
        return min((at for build, at in positions.items() if build.name not in stopped), default=target)

    def _swapped(self, build: Build) -> bool:
        """Put a build in place, unless the live rows have meanwhile gone beyond it: a position only grows."""
        with self._views.writing() as writer:
            self._surviving(build, writer)
            live = live_rows(writer).get(build.name)
            if live is not None:
                reached = build.positions(writer)
                needed = Build(build.projection, live["generation"]).positions(writer)
                if any(reached.get(partition, 0) < position for partition, position in needed.items()):
                    return False
            build.go_live(writer)
        return True

    @staticmethod
    def _surviving(build: Build, reader: Reader) -> Build:
        if not build.exists(reader):
            raise RebuildSuperseded(projection=build.name)
        return build
