"""One partition of a log, copied to a target as it stands, and compared with it record by record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

from domain.i18n import Text, pair
from infra.log.acceptance import ChainState, RecordedAt, start
from infra.log.chain import Chain
from infra.log.errors import RecordsUnsigned
from infra.log.partition_client import FetchResult, Record
from infra.log.partition_knowledge import check_chain
from infra.log.partition_source import PartitionSource
from infra.moving.errors import MoveDiffers, MoveTargetTaken
from infra.moving.target import Target


class PartitionMove:
    """`compare` and `copy` as often as wanted, in turn; `close` it at the end.

    What stands at the target is the log's, record by record, up to where `compare` has come.
    """

    def __init__(self, source: PartitionSource, target: Target) -> None:
        address = source.address
        self.source = source
        self._target = target
        self._begins = start(address.place, address.identity)
        self._ours = self._chain(self._begins, 0)
        """The log, as far as the target was compared with it."""
        self._theirs = Chain(self._begins, 0, _nothing)
        """The target."""
        self._next: Record | None = None
        """The log's next record, where that was looked at already."""
        self._written = False
        self._moments = 0
        with ExitStack() as opening:
            self._reading = source.follower()
            opening.callback(self._reading.close)
            self._copying = source.follower()
            opening.callback(self._copying.close)
            self._there = target.client(address.partition)
            opening.callback(self._there.close)
            self._resources = opening.pop_all()
        self._records = self._accepted()

    @property
    def state(self) -> ChainState:
        """The rule's state behind the last record that was compared."""
        return self._theirs.state

    @property
    def tape(self) -> str:
        """The id of the tape that the log is moved from."""
        return self._reading.tape

    @property
    def moments(self) -> int:
        """How many records bear another moment at the target."""
        return self._moments

    def close(self) -> None:
        """Let both tapes go."""
        self._resources.close()

    def compare(self, *, may_go_on: bool = False) -> None:
        """Read on at the target; `may_go_on`: up to the log's last record, behind which others may have appended.

        Raises MoveTargetTaken, MoveDiffers for a record that is not the log's next.
        """
        for fetched in self._there.read(self._theirs.next_offset):
            for record in fetched.records:
                if may_go_on and self._peek() is None:
                    return
                if record.offset >= self._theirs.next_offset:
                    self._compare(record)
        if self._theirs.state.orphans or self._theirs.unfounded is not None:
            at = min(self._theirs.state.orphans, default=self._theirs.unfounded)
            raise self._differs(pair("the record at offset {offset} is none of the log", offset=at))

    def copy(self) -> int:
        """Write what the target lacks of what the log holds by now; how many records that was."""
        self._written = True
        return self._target.write(self.source.address.partition, self._missing(), self._theirs.next_offset)

    def is_whole(self) -> bool:
        """Whether the target has all that the log holds by now."""
        return next(self._missing(), None) is None

    def _missing(self) -> Iterator[Record]:
        if self._next is not None:
            yield self._next
        chain = self._chain(self._ours.state, self._ours.next_offset)
        yield from _accepted(chain, self._copying.read(chain.next_offset))
        _check(self.source, chain, self.tape)

    def _accepted(self) -> Iterator[Record]:
        """The log's records, once each; where it ends, what it holds the next time."""
        yield from _accepted(self._ours, self._reading.read(self._ours.next_offset))

    def _peek(self) -> Record | None:
        if self._next is None:
            self._next = next(self._records, None)
            if self._next is None:
                self._records = self._accepted()
                self._next = next(self._records, None)
        return self._next

    def _compare(self, record: Record) -> None:
        expected = self._peek()
        is_same = expected is not None and record.value == expected.value
        number = self._theirs.state.number + 1
        # The log's own record was judged, and what is the same is the same there.
        _, header = self._theirs.take(record, known=is_same)
        if header is None:
            return
        if expected is None:
            raise self._differs(pair("the log there goes on behind record {number}", number=number - 1))
        if not is_same:
            raise self._differs(pair("record {number} there is another one", number=number))
        self._moments += record.appended_at != expected.appended_at
        self._next = None

    def _differs(self, reason: Text) -> MoveTargetTaken | MoveDiffers:
        kind = MoveDiffers if self._written else MoveTargetTaken
        return kind(target=f"{self._target.name}/{self.source.address.partition}", reason=reason)

    def _chain(self, state: ChainState, next_offset: int) -> Chain:
        history = self._ours.recorded if next_offset else _nothing
        return Chain(state, next_offset, history, strangers=self.source.address.strangers)


def examine(source: PartitionSource) -> tuple[Chain, int]:
    """Read a partition from its first record to its end: the chain there, and the bytes of its largest record.

    Raises LogBroken, RecordsUnsigned where strangers cannot append to it, and what reading raises.
    """
    address, largest = source.address, 0
    chain = Chain(start(address.place, address.identity), 0, _nothing, strangers=address.strangers)
    with closing(source.follower()) as client:
        for record in _accepted(chain, client.read(0)):
            largest = max(largest, len(record.value or b""))
        _check(source, chain, client.tape)
    return chain, largest


def _check(source: PartitionSource, chain: Chain, tape: str) -> None:
    """Raises LogBroken, RecordsUnsigned. Behind the closing of a tape nothing follows on it, whatever is sent there."""
    address, state = source.address, chain.state
    if tape in state.closed:
        return
    check_chain(address.name, state, chain.unfounded)
    if chain.unsigned and not address.strangers:
        raise RecordsUnsigned(
            log=address.name,
            offset=min(chain.unsigned),
            count=len(chain.unsigned),
            number=state.number,
            position=state.position,
        )


def _accepted(chain: Chain, fetches: Iterator[FetchResult]) -> Iterator[Record]:
    """The accepted records of what is read, each once the chain has taken it."""
    for fetched in fetches:
        for record in fetched.records:
            if record.offset >= chain.next_offset and chain.take(record)[1] is not None:
                yield record


def _nothing(_number: int) -> RecordedAt | None:
    """Before the first record there is none."""
    return None
