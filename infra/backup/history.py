"""The rule's state in flat memory: what was judged long ago is looked up in the backup itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infra.backup.manifest import Segment
from infra.backup.segments import recorded
from infra.backup.storage import BackupStorage
from infra.log.acceptance import History, RecordedAt
from infra.log.chain import Chain


def renewed(chain: Chain, history: History, *, strangers: bool = True) -> Chain:
    """The same chain, which remembers no record: `history` knows those up to here."""
    fresh = Chain(chain.state, chain.next_offset, history, strangers=strangers)
    fresh.unfounded = chain.unfounded
    fresh.unsigned = chain.unsigned
    return fresh


def history_of(storage: BackupStorage, partition: int, segments: Callable[[], Sequence[Segment]]) -> History:
    """What the files of a partition know of each record: read only where a void names one, which is rare."""

    def look_up(number: int) -> RecordedAt | None:
        return recorded(storage, partition, segments(), number)

    return look_up
