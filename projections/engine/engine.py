"""The engine: applies events to read models in batches, the same way for all.

Invariants, even if the process is killed at any point:

- the rows of a batch, the position behind it, its counts and its hash are stored in one transaction;
- that transaction commits only if the position still is what it was when the rows were read: of several engines at
  work, in threads or processes, each event is applied once;
- a position only grows, and no event is passed over: one that fails parks its dossier, one that a newer release wrote
  stops its projection there;
- nothing is folded into rows, and nothing is served, that other events than the log's have led to;
- the rows that an event changes belong to its own dossier: so dossiers are folded, parked and retried apart, and
  partitions side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic, sleep

from domain.errors import InfrastructureError
from projections.engine.batch import Batch, BatchApplier, fold
from projections.engine.errors import (
    BrokenChain,
    NothingParked,
    NotYetReflected,
    ViewsAheadOfLog,
    ViewsOfNewerProgram,
)
from projections.engine.generations import (
    Checkpoint,
    CheckpointConflict,
    Generation,
    GenerationState,
    check_log,
    is_set_up,
    live_builds,
    live_rows,
    next_build,
    set_up,
)
from projections.engine.hashchain import initial
from projections.engine.history import HistoryCheck, note_confirmed
from projections.engine.ports import Decode, InvalidRow, LogReader, Progress, Reader, SnapshotExpired, Views, Writer
from projections.engine.projection import Projection
from projections.engine.snapshot import Snapshot

BATCH_SIZE = 2000
"""Events per transaction: enough that a commit's cost is spread, few enough that memory stays flat."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25
"""Seconds between two checks of a position that is waited for."""

BuildsOf = Callable[[Reader], Sequence[Generation]]


class Engine:
    """Keeps read models in step with one log.

    `decode` turns a stored event into the domain's event. An engine holds no connection, and no state of its own but
    what it has looked at; several may work at once on the same store, in threads or processes.
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
        self.views = views
        self.log = log
        self.decode = decode
        self.projections = {projection.name: projection for projection in projections}
        self.batch_size = batch_size
        self.unreadable: set[tuple[int, int]] = set()
        """Partition and position of parked events that this program cannot read either."""
        self._ends_verified = False
        self.histories = HistoryCheck(log)

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """The read models as they stand, whatever they were folded from. Raises ViewsOfAnotherLog."""
        with ExitStack() as stack:
            yield self._snapshot(stack)

    @contextmanager
    def serving(self) -> Iterator[Snapshot]:
        """The read models for queries. Raises ViewsOfAnotherLog, ViewsOfAnotherHistory, ViewsAheadOfLog."""
        with self.reading() as snapshot:
            self.histories.check_at(
                snapshot.reader, {build: snapshot.checkpoints(name) for name, build in snapshot.builds.items()}
            )
            yield snapshot

    def check_kept(self, partition: int) -> None:
        """What the read models keep of one partition's history, for whoever is about to append to it.

        Raises ViewsOfAnotherLog, ViewsOfAnotherHistory, ViewsAheadOfLog.
        """
        with self.reading() as snapshot:
            for build in snapshot.builds.values():
                self.histories.check_kept(snapshot.reader, build, partition)

    def _snapshot(self, stack: ExitStack) -> Snapshot:
        while True:
            with ExitStack() as attempt:
                reader = attempt.enter_context(self.views.reading())
                if is_set_up(reader):
                    check_log(reader, self.log.log_id)
                try:
                    snapshot = Snapshot(reader, tuple(self.projections.values()))
                except SnapshotExpired:
                    # A swap and a drop came between the snapshot and its first look: the next one sees the new rows.
                    continue
                stack.push(attempt.pop_all())
                return snapshot

    def catch_up(self, up_to: Mapping[int, int] | None = None, progress: Progress | None = None) -> Mapping[int, int]:
        """Apply what the log held when this began, or as far as `up_to` says (partition → position).

        Returns partition → the position that every projection has reached. A projection of another revision is
        rebuilt first. Where one projection stops, the others go on to the end before the error is raised.

        Raises:
            ProgramTooOld, BrokenChain: a projection stopped; what comes before that event is applied.
            ViewsOfAnotherHistory: a read model was folded from other events than the log holds by now.
            Fault: at the first call, what it folded last is not what the log holds there.
            ViewsOfAnotherLog, ViewsAheadOfLog, ViewsOfNewerProgram: these read models are not for this program.
        """
        targets = self.targets(up_to)
        reached, parking = self._look(targets)
        self._verify_ends()
        if parking:
            self._retry_readable(parking)
        if not reached:
            for name in self._prepare():
                # Imported where it is needed: a rebuild is an engine's work, and seldom.
                from projections.engine.rebuild import Rebuild  # noqa: PLC0415

                Rebuild(self, [name], progress=progress).run()
            self.advance(targets, lambda reader: live_builds(reader, self.projections.values()), progress)
        return self._lowest(targets)

    def wait(self, positions: Mapping[int, int], timeout: float, names: Sequence[str] | None = None) -> None:
        """Wait until read models (default: all) reflect these positions (partition → position), whoever applies them.

        `timeout` in seconds. Raises NotYetReflected, which is a TimeoutError, as the library's `wait` does.
        """
        deadline, pause = monotonic() + timeout, _FIRST_PAUSE
        asked = tuple(self.projections) if names is None else names
        while (late := self._late(positions, asked)) is not None:
            if monotonic() >= deadline:
                name, partition, position = late
                raise NotYetReflected(
                    projection=name,
                    partition=partition,
                    position=position,
                    wanted=positions[partition],
                    seconds=timeout,
                )
            sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _late(self, positions: Mapping[int, int], names: Sequence[str]) -> tuple[str, int, int] | None:
        with self.reading() as snapshot:
            for name in names:
                reached = snapshot.positions.get(name, {})
                for partition, wanted in positions.items():
                    if reached.get(partition, 0) < wanted:
                        return name, partition, reached.get(partition, 0)
        return None

    def targets(self, up_to: Mapping[int, int] | None = None) -> dict[int, int]:
        """Partition → the position to reach: the log's head, or less where `up_to` asks for less."""
        heads = {partition: self.log.head(partition) for partition in self.log.partitions}
        if up_to is None:
            return heads
        return {partition: min(position, heads[partition]) for partition, position in up_to.items()}

    def _look(self, targets: Mapping[int, int]) -> tuple[bool, list[Generation]]:
        """Whether there is nothing to apply, and the builds with parked events.

        It is seen without the write lock: a query of a quiet log blocks nobody.
        """
        with self.views.reading() as reader:
            if not is_set_up(reader):
                return False, []
            check_log(reader, self.log.log_id)
            self.check_not_ahead(reader)
            builds = {build: build.checkpoints(reader) for build in live_builds(reader, self.projections.values())}
            confirmed = self.histories.check_at(reader, builds)
        note_confirmed(self.views, self.log.log_id, confirmed)
        reached = len(builds) == len(self.projections) and all(
            partition in at and at[partition].position >= target
            for at in builds.values()
            for partition, target in targets.items()
        )
        return reached, [build for build, found in builds.items() if any(at.parked for at in found.values())]

    def _verify_ends(self) -> None:
        """Once, before anything is served: whether the last events of each read model are those of the log."""
        if self._ends_verified:
            return
        # It needs what a run needs no more.
        from projections.engine.verification import verify_ends  # noqa: PLC0415

        with self.reading() as snapshot:
            verify_ends(self, snapshot)
        self._ends_verified = True

    def _retry_readable(self, parking: Sequence[Generation]) -> None:
        """Apply what an older program parked because a newer one had written it."""
        # Most read models have nothing parked.
        from projections.engine.parking import readable_by_now, retry  # noqa: PLC0415

        with self.views.reading() as reader:
            waiting = readable_by_now(self, reader, parking)
        for name, dossier in waiting:
            # Another process may have been first.
            with suppress(NothingParked):
                retry(self, dossier, [name], store=True)

    def _lowest(self, targets: Mapping[int, int]) -> dict[int, int]:
        with self.views.reading() as reader:
            builds = live_builds(reader, self.projections.values())
            positions = [build.positions(reader) for build in builds]
        return {partition: min((at.get(partition, 0) for at in positions), default=0) for partition in targets}

    def _prepare(self) -> list[str]:
        """Give each new projection empty live tables; returns those whose rows are of another revision."""
        stale = []
        with self.views.exclusive_transaction() as writer:
            set_up(writer, self.log.log_id)
            self.check_not_ahead(writer)
            live = live_rows(writer)
            for projection in self.projections.values():
                row = live.get(projection.name)
                if row is None:
                    build = next_build(writer, projection)
                    build.create(writer, GenerationState.LIVE, self.beginnings())
                    build.index(writer)
                elif row["revision"] != projection.revision:
                    if row["version"] > projection.version:
                        raise ViewsOfNewerProgram(
                            projection=projection.name, theirs=row["version"], version=projection.version
                        )
                    stale.append(projection.name)
        return stale

    def beginnings(self) -> dict[int, bytes]:
        """Each partition of the log, with the running hash of no event."""
        return {partition: initial(partition) for partition in self.log.partitions}

    def check_not_ahead(self, reader: Reader) -> None:
        """Raises ViewsAheadOfLog where a live read model knows more than the log holds."""
        for name, row in live_rows(reader).items():
            if name in self.projections:
                for partition, position in (
                    Generation(self.projections[name], row["generation"]).positions(reader).items()
                ):
                    # Asked after the position was read: the log can only have grown meanwhile.
                    head = self.log.head(partition)
                    if position > head:
                        raise ViewsAheadOfLog(projection=name, partition=partition, position=position, head=head)

    def advance(self, targets: Mapping[int, int], builds: BuildsOf, progress: Progress | None = None) -> None:
        """Apply batches until each of `builds` has reached the targets or stopped; then raise what stopped one."""
        stopped: dict[str, InfrastructureError] = {}
        for partition, target in targets.items():
            reached = -1
            while reached < target:
                try:
                    reached = self._apply_batch(partition, target, builds, stopped, size=self.batch_size)
                except (CheckpointConflict, SnapshotExpired):
                    continue
                except _RowRefused:
                    self._apply_one_by_one(partition, target, builds, stopped)
                    continue
                if progress is not None:
                    progress(partition, reached, target)
        for error in stopped.values():
            raise error

    def _apply_batch(
        self,
        partition: int,
        target: int,
        builds: BuildsOf,
        stopped: dict[str, InfrastructureError],
        *,
        size: int,
        refused: Mapping[str, tuple[int, str]] | None = None,
    ) -> int:
        """One batch for all builds that are behind; returns the lowest position reached. Raises CheckpointConflict.

        1. in a snapshot, read the positions; 2. read the log after the lowest; 3. fold in memory; 4. in a transaction
        that holds only where those positions still are what they were, store rows and positions. A build that stops is
        noted in `stopped` and left alone.
        """
        with self.views.reading() as reader:
            checkpoints = {
                build: found[partition]
                for build in builds(reader)
                if build.name not in stopped and (found := build.checkpoints(reader))
            }  # 1
            behind = {build: found for build, found in checkpoints.items() if found.position < target}
            if not behind:
                return target
            reader.pin([physical for build in behind for physical in build.physical.values()])
            folds = self._folded(partition, target, behind, reader, size=size, refused=refused)  # 2, 3
        with self.views.transaction() as writer:  # 4
            for each in folds:
                try:
                    each.store(writer)
                except InvalidRow as error:
                    raise _RowRefused(each.build.name, each.after.position, str(error)) from error
        for each in folds:
            if each.error is not None:
                stopped[each.build.name] = each.error
            checkpoints[each.build] = each.after
        return min((each.position for build, each in checkpoints.items() if build.name not in stopped), default=target)

    def _folded(
        self,
        partition: int,
        target: int,
        behind: Mapping[Generation, Checkpoint],
        reader: Reader,
        *,
        size: int,
        refused: Mapping[str, tuple[int, str]] | None = None,
    ) -> list[BatchApplier]:
        after = min(each.position for each in behind.values())
        events = self.log.read(partition, after, min(size, target - after))
        # Asked afterwards: what was read may be newer than what was known before.
        empty = self.log.empty_positions(partition)
        if empty:
            events = [event for event in events if event.id <= target]
            if any(first <= event.id <= last for first, last in empty for event in events):
                # Voided since they were read.
                raise CheckpointConflict
        if not events:
            raise BrokenChain(partition=partition, position=after + 1, found=None)
        self.histories.check_at(reader, {build: {partition: each} for build, each in behind.items()})
        folds = fold(behind, Batch(partition, after, events, self.decode, empty), reader, refused)
        moved = {each.last for each in folds if each.last > each.before.position}
        histories = {reached: self.log.history(partition, reached) for reached in moved}
        if None in histories.values() or self.log.empty_positions(partition) != empty:
            # Records were voided or lost since these events were read.
            raise CheckpointConflict
        for each in folds:
            each.history = histories.get(each.last)
        return folds

    def fold_within(self, writer: Writer, builds: Sequence[Generation], partition: int, target: int) -> None:
        """Bring builds up to a position within a transaction that is alone. Raises InvalidRow, or what stops one."""
        while True:
            checkpoints = {build: build.checkpoints(writer)[partition] for build in builds}
            behind = {build: checkpoint for build, checkpoint in checkpoints.items() if checkpoint.position < target}
            if not behind:
                return
            try:
                folds = self._folded(partition, target, behind, writer, size=self.batch_size)
            except CheckpointConflict:
                continue
            for each in folds:
                each.store(writer)
                if each.error is not None:
                    raise each.error

    def _apply_one_by_one(
        self, partition: int, target: int, builds: BuildsOf, stopped: dict[str, InfrastructureError]
    ) -> None:
        """A batch as single events: that whose rows the store does not take is found, and parks its dossier."""
        refused: dict[str, tuple[int, str]] = {}
        done = 0
        while done < self.batch_size:
            try:
                reached = self._apply_batch(partition, target, builds, stopped, size=1, refused=refused)
            except _RowRefused as error:
                refused[error.projection] = (error.position, error.cause)
                continue
            except (CheckpointConflict, SnapshotExpired):
                continue
            done += 1
            if reached >= target:
                break


class _RowRefused(Exception):  # never leaves the engine
    """The store refused a row of one build's batch, whose last event stands at `position`."""

    def __init__(self, projection: str, position: int, cause: str) -> None:
        super().__init__(cause)
        self.projection, self.position, self.cause = projection, position, cause
