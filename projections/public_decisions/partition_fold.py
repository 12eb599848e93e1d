"""The fold of one partition, event by event: what a publisher goes by.

InfrastructureError
├── UnknownEvent   the partition holds a type of event that this program does not know
└── CannotApply    an event contradicts those before it
"""

from __future__ import annotations

from typing import Any, Final

from eventsourcing.persistence import Notification

from projections.engine.batch import event_name
from projections.engine.errors import CannotApply, UnknownEvent
from projections.engine.ports import Decode
from projections.engine.projection import Event
from projections.public_decisions.fold import decisions_of
from projections.public_decisions.read_model import DECISIONS
from projections.public_decisions.tables import PublicDecision, RowStore

_READER: Final = "publisher"


class PartitionFold:
    """Folds the stored events of one partition, in their order, into rows that hold what those before them led to."""

    def __init__(self, partition: int, log_id: str, decode: Decode, rows: RowStore) -> None:
        self._partition = partition
        self._log_id = log_id
        self._decode = decode
        self._rows = rows

    def apply(self, stored: Notification) -> list[PublicDecision]:
        """The public decisions that the next event leads to.

        Raises UnknownEvent, CannotApply, and what `decode` raises.
        """
        name = event_name(stored.topic)
        # Most events lead to nothing: they are not even decoded.
        if name in DECISIONS.ignored:
            return []
        if name not in DECISIONS.handled:
            raise UnknownEvent(**self._where(name, stored))
        event = Event(
            self._decode(stored), str(stored.originator_id), stored.originator_version, self._partition, stored.id
        )
        try:
            return decisions_of(self._rows, event, self._log_id)
        except LookupError as cause:
            raise CannotApply(cause=str(cause), **self._where(name, stored)) from cause

    def _where(self, name: str, stored: Notification) -> dict[str, Any]:
        return {
            "projection": _READER,
            "event": name,
            "dossier": str(stored.originator_id),
            "version": stored.originator_version,
            "partition": self._partition,
            "position": stored.id,
        }
