"""`dossier log move`: a log to another tape as it stands, while it is in use.

    1. Have the move for this process alone.
    2. Read the log from its beginning: it must be whole, and the keys to close it must be here.
    3. Copy it record by record while others append, and compare what stands at the target, until little is missing.
    4. Close every partition: from its closing on nobody appends to this tape, and everybody is told where the log is.
    5. Copy the rest, the closing as the last record, and compare it.
    6. Put the target in place: only now it is a log. Its writers build on the closing.

Every record goes byte for byte, so chain, signatures, positions and identity stay. Whatever ends the process at any
point, a second run goes on: it compares what stands at the target from the beginning. Up to 4 the log is as it was and
serves; from 4 on it can be read, and nobody can append until the move is done.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from domain.i18n import pair
from infra.errors import LogUnusable
from infra.log.acceptance import ChainState, MovedTo
from infra.log.keys import Signer
from infra.log.partition_source import PartitionSource
from infra.moving.closing import check_can_close, check_not_elsewhere, close_partition
from infra.moving.errors import MoveDiffers, MoveInUse, MoveTargetTaken
from infra.moving.partition_move import PartitionMove, examine
from infra.moving.target import Target

_LITTLE: Final = 500
"""Records that may be missing when the log is closed: they are copied while nobody can append."""
_MOST_ROUNDS: Final = 20


class Moved(NamedTuple):
    """What was done: the rule's state behind the last record of each partition, and how many were written.

    `moments` is how many records bear another moment than before; `commands` the id of the queue's topic there.
    """

    states: Sequence[ChainState]
    added: Sequence[int]
    moments: int
    commands: UUID | None = None


@contextmanager
def moving(lock: Path) -> Iterator[None]:
    """Keep other processes of this machine from moving the same log. Raises MoveInUse, LogUnusable.

    From another machine it would do no harm: records that come twice change nothing, and the closing decides.
    """
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LogUnusable(log=str(lock), reason=error.strerror or str(error)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MoveInUse(lock=str(lock)) from error
        yield
    finally:
        os.close(descriptor)


def move_log(
    sources: Sequence[PartitionSource], target: Target, roots: Sequence[Signer], *, instead: bool = False
) -> Moved:
    """Move a log. To be called within `moving` (1).

    `instead`: even where the log was closed in favour of another tape, which is given up. Raises MoveTargetTaken,
    MoveDiffers, MoveNotClosed, LogClosed, RootsMissing, WriterNotRegistered, and what is wrong with the log itself.
    """
    sources[0].name_tape()
    _check_shape(sources, target)
    if target.in_place():
        return _moved_before(sources, target)
    writer = sources[0].keys.writer()
    examined = [examine(source) for source in sources]  # 2
    for source, (chain, _) in zip(sources, examined, strict=True):
        check_can_close(source.address.name, chain.state, roots, writer)
    target.prepare(max(largest for _, largest in examined))
    to = MovedTo(target.tape, target.name)
    with ExitStack() as stack:
        partitions = [stack.enter_context(closing(PartitionMove(source, target))) for source in sources]
        for partition, (chain, _) in zip(partitions, examined, strict=True):
            if not instead:
                check_not_elsewhere(partition.source.address.name, chain.state, partition.tape, to.tape)
            partition.compare()
        added = [0] * len(partitions)
        for _ in range(_MOST_ROUNDS):  # 3
            if _copied(partitions, added) <= _LITTLE:
                break
        target.catch_up()
        for source, (chain, _) in zip(sources, examined, strict=True):  # 4
            close_partition(source, chain, to, roots, writer, instead=instead)
        _copied(partitions, added)  # 5
        _check_whole(partitions, target)
        commands = target.finish()  # 6
        return Moved([each.state for each in partitions], added, sum(each.moments for each in partitions), commands)


def _copied(partitions: Sequence[PartitionMove], added: list[int]) -> int:
    """How many records were copied, and compared; each partition's are counted in `added`."""
    copied = 0
    for at, partition in enumerate(partitions):
        found = partition.copy()
        partition.compare()
        added[at] += found
        copied += found
    return copied


def _check_whole(partitions: Sequence[PartitionMove], target: Target) -> None:
    """Raises MoveDiffers where a record is missing at the target."""
    for partition in partitions:
        if not partition.is_whole():
            reason = pair("record {number} is missing there", number=partition.state.number + 1)
            raise MoveDiffers(target=f"{target.name}/{partition.source.address.partition}", reason=reason)


def _moved_before(sources: Sequence[PartitionSource], target: Target) -> Moved:
    """What stands there is this log, which an earlier run has put in place. Raises MoveTargetTaken, LogClosed."""
    with ExitStack() as stack:
        partitions = [stack.enter_context(closing(PartitionMove(source, target))) for source in sources]
        for partition in partitions:
            partition.compare(may_go_on=True)
            moved = partition.state.closed.get(partition.tape)
            if moved is None or moved.tape != target.tape or not partition.is_whole():
                raise MoveTargetTaken(target=target.name, reason=pair("a log is there"))
        commands = target.finish()
        return Moved([each.state for each in partitions], [0] * len(partitions), 0, commands)


def _check_shape(sources: Sequence[PartitionSource], target: Target) -> None:
    """Raises MoveTargetTaken where the settings or keys there take another log alone."""
    address = sources[0].address
    if (target.app, target.partitions) != (address.app, address.partitions):
        raise AssertionError("a log of another shape is a new one")
    genesis = sources[0].founder().read(0)
    if genesis is not None and target.identity not in {None, genesis.identity}:
        reason = pair("settings or keys there are those of the log {identity}", identity=target.identity.hex())
        raise MoveTargetTaken(target=target.name, reason=reason)
