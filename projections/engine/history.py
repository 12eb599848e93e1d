"""Whether a read model was folded from what the log holds by now.

A log that is restored from an older copy goes on with other events at the same positions. A position alone cannot tell;
so beside each position a read model keeps what the log said of itself up to there (`LogReader.history`), and whoever
serves it or folds more into it asks the log again, each time. Where that is the same, all before it is.

Where it is not, or not known (an earlier release moved the position), the running hash of the read model is compared
with that of the log's events, from the first one on or from where the history is known. Records that led to no event
may differ, as they do in a log that was written anew with the same events: such a read model is right, and its history
is noted for the next time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from projections.engine.empty_positions import next_position
from projections.engine.errors import BrokenChain, ViewsAheadOfLog, ViewsOfAnotherHistory
from projections.engine.generations import MARKS, Checkpoint, Generation, KeptHistory, histories, set_up
from projections.engine.hashchain import MARK, extend, initial
from projections.engine.ports import LogReader, Reader, Views

_READ_BATCH: Final = 2000
_CACHED: Final = 64

Checkpoints = Mapping[Generation, Mapping[int, Checkpoint]]
"""Build → partition → how far it has come."""


class Confirmed(NamedTuple):
    """A build whose events turned out to be the log's, and what is to be kept of it."""

    build: Generation
    partition: int
    kept: KeptHistory


class _Hashes(NamedTuple):
    """The running hash of the log's events up to a position, and as it stood at each mark."""

    digest: bytes
    marks: dict[int, bytes]


class HistoryCheck:
    """Compares read models with one log. It keeps what reading the log told it."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._hashes: dict[tuple[int, int, bytes, int], _Hashes] = {}

    def check(self, reader: Reader, builds: Iterable[Generation]) -> list[Confirmed]:
        """Those of these builds of which it was not known that they are of the log's history, and is by now.

        Raises ViewsOfAnotherHistory, ViewsAheadOfLog, BrokenChain.
        """
        return self.check_at(reader, {build: build.checkpoints(reader) for build in builds})

    def check_at(self, reader: Reader, builds: Checkpoints) -> list[Confirmed]:
        """The same for builds of which it has been read how far they have come."""
        confirmed = []
        known = histories(reader)
        asked: dict[tuple[int, int], bytes] = {}
        for build, checkpoints in builds.items():
            for partition, at in checkpoints.items():
                if not at.position:
                    continue
                place = partition, at.position
                if place not in asked:
                    asked[place] = self._of_log(build, *place)
                history, kept = asked[place], known.get((*build.key, partition))
                if kept is None or (kept.position, kept.history) != (at.position, history):
                    self._compare(reader, build, partition, at, history=history, kept=kept)
                    confirmed.append(Confirmed(build, partition, KeptHistory(at.position, at.digest, history)))
        return confirmed

    def check_kept(self, reader: Reader, build: Generation, partition: int) -> None:
        """Compare no more than what a build keeps of its history, unless that is wrong.

        Raises ViewsOfAnotherHistory, ViewsAheadOfLog.
        """
        position = build.positions(reader).get(partition)
        if position:
            self._of_log(build, partition, position)
            error = self.other_history(reader, build, partition)
            if error is not None:
                raise error

    def other_history(self, reader: Reader, build: Generation, partition: int) -> ViewsOfAnotherHistory | None:
        """The error where what a build keeps of its history is not what the log says, and its events neither."""
        at = build.checkpoints(reader)[partition]
        kept = histories(reader).get((*build.key, partition))
        if kept is None or kept.position != at.position:
            return None
        if self._log.history(partition, at.position) in (None, kept.history):
            return None
        try:
            self.check_at(reader, {build: {partition: at}})
        except ViewsOfAnotherHistory as error:
            return error
        return None

    def is_known(self, reader: Reader, build: Generation) -> bool:
        """Whether a build is known to be of the log's history. Nothing but what is kept is compared."""
        known = histories(reader)
        for partition, at in build.checkpoints(reader).items():
            kept = known.get((*build.key, partition))
            if at.position and (kept is None or kept.position != at.position or not self._is_of_log(partition, kept)):
                return False
        return True

    def _is_of_log(self, partition: int, kept: KeptHistory) -> bool:
        return self._log.history(partition, kept.position) == kept.history

    def _of_log(self, build: Generation, partition: int, position: int) -> bytes:
        history = self._log.history(partition, position)
        if history is None:
            head = self._log.head(partition)
            raise ViewsAheadOfLog(projection=build.name, partition=partition, position=position, head=head)
        return history

    def _compare(
        self,
        reader: Reader,
        build: Generation,
        partition: int,
        at: Checkpoint,
        *,
        history: bytes,
        kept: KeptHistory | None,
    ) -> None:
        """Compare the running hash with that of the log's events, from where what is `kept` is the log's.

        Raises ViewsOfAnotherHistory.
        """
        begin, digest = 0, initial(partition)
        if kept is not None and kept.position < at.position and self._is_of_log(partition, kept):
            begin, digest = kept.position, kept.digest
        hashes = self._hashes_of(partition, at.position, history, begin, digest)
        if hashes.digest == at.digest:
            return
        rows = reader.select(
            f"SELECT position, digest FROM {MARKS.name} "  # noqa: S608  # our own names
            "WHERE projection = ? AND generation = ? AND partition = ? AND position > ? AND position <= ? "
            "ORDER BY position",
            (*build.key, partition, begin, at.position),
        )
        first, last = begin + 1, at.position
        for row in rows:
            if hashes.marks.get(row["position"]) != bytes.fromhex(row["digest"]):
                last = row["position"]
                break
            first = row["position"] + 1
        raise ViewsOfAnotherHistory(
            projection=build.name, partition=partition, position=at.position, first=first, last=last
        )

    def _hashes_of(self, partition: int, position: int, history: bytes, begin: int, digest: bytes) -> _Hashes:
        key = partition, position, history + digest, begin
        if key not in self._hashes:
            if len(self._hashes) >= _CACHED:
                self._hashes.clear()
            self._hashes[key] = _read(self._log, partition, begin, digest, position)
        return self._hashes[key]


def _read(log: LogReader, partition: int, position: int, digest: bytes, last: int) -> _Hashes:
    """Read the log behind a position with its running hash, up to another. Raises BrokenChain where an event lacks."""
    marks: dict[int, bytes] = {}
    empty = log.empty_positions(partition)
    while (expected := next_position(position, empty)) <= last:
        events = [event for event in log.read(partition, position, _READ_BATCH) if event.id <= last]
        if not events:
            raise BrokenChain(partition=partition, position=expected, found=None)
        for event in events:
            if event.id != expected:
                raise BrokenChain(partition=partition, position=expected, found=event.id)
            position, digest = event.id, extend(digest, event)
            if position % MARK == 0:
                marks[position] = digest
            expected = next_position(position, empty)
    return _Hashes(digest, marks)


def note_confirmed(views: Views, log_id: str, confirmed: Sequence[Confirmed]) -> None:
    """Keep the histories that were found to be right, of those builds that stand where they stood."""
    if not confirmed:
        return
    with views.exclusive_transaction() as writer:
        set_up(writer, log_id)
        for build, partition, kept in confirmed:
            if build.positions(writer).get(partition) == kept.position:
                build.keep_history(writer, partition, kept)
