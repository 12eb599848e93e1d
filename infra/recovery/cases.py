"""What leads out of each thing that `dossier doctor` finds after a loss."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final


class Remedy(Enum):
    """What is done about a finding."""

    INDEXES = auto()
    """Indexes that are not the log's are put aside, and made anew from its records."""
    VIEWS = auto()
    """The read models are made anew from the log, and what was served stays in the store."""
    QUEUE = auto()
    """The queue is filled up to the last handled command, as `dossier log recover queue` does."""
    ITSELF = auto()
    """It goes by itself once the rest is done, or by what a person starts: nothing stands in the way of the rest."""
    BY_HAND = auto()
    """A person mends it first, as its page says: the log itself, or its keys, are what is wrong."""


_CASES: Final[Mapping[str, Remedy]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("LOG_CHANGED", "INDEX_ALTERED", "INDEX_DIFFERS", "OWN_INDEX_DIFFERS", "INDEX_UNUSABLE"), Remedy.INDEXES
        ),
        **dict.fromkeys(
            (
                "VIEWS_AHEAD_OF_LOG",
                "POSITION_AHEAD_OF_LOG",
                "VIEWS_OF_ANOTHER_HISTORY",
                "VIEWS_NOT_BUILT",
                "ROWS_DIFFER",
                "FACT_DIFFERS",
                "FACT_MISSING",
                "BROKEN_CHAIN",
            ),
            Remedy.VIEWS,
        ),
        "QUEUE_CUT": Remedy.QUEUE,
        **dict.fromkeys(
            ("PROCESS_HALTED", "NO_WORKER", "COMMANDS_WAITING", "READING_BEHIND", "DISK_LOW", "STREAM_UNDECIDED"),
            Remedy.ITSELF,
        ),
    }
)


def remedy_of(code: str) -> Remedy:
    """What is done about a finding of this code: by hand, where nothing else is known to lead out of it."""
    return _CASES.get(code, Remedy.BY_HAND)
