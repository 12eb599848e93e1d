"""Where a log goes: a tape that no program takes for a log until the move is at its end. One kind for each tape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

from infra.log.keys import LogKeys
from infra.log.partition_client import PartitionClient, Record


class Target(Protocol):
    """See the module. Everything but `in_place` and `prepare` is for after one of them."""

    @property
    def name(self) -> str:
        """Where it is, for people; without secrets."""
        ...

    @property
    def app(self) -> str:
        """The log's name there, which every signature names."""
        ...

    @property
    def partitions(self) -> int:
        """How many there are, as every signature names them."""
        ...

    @property
    def identity(self) -> bytes | None:
        """The only identity that the settings or the keys there take; None: any."""
        ...

    @property
    def keys(self) -> LogKeys:
        """The keys of whoever writes there."""
        ...

    @property
    def tape(self) -> str:
        """The id of the tape."""
        ...

    def in_place(self) -> bool:
        """Whether a log with records stands there, and not what an earlier move has begun."""
        ...

    def prepare(self, largest: int) -> None:
        """Make it, or take up what an earlier move has begun; `largest` are the bytes of the largest record.

        Raises MoveTargetTaken, LogUnusable.
        """
        ...

    def client(self, partition: int) -> PartitionClient:
        """What stands there, for reading."""
        ...

    def write(self, partition: int, records: Iterator[Record], offset: int) -> int:
        """Append records, with their moments, behind an offset; how many they were. Raises LogUnusable."""
        ...

    def catch_up(self) -> None:
        """Do what can be done before the end, while the log is still in use elsewhere. Raises LogUnusable."""
        ...

    def finish(self) -> UUID | None:
        """Make it a log, which others may use from then on; done again it changes nothing.

        Returns the id of the queue's topic of commands, where there is one.
        """
        ...
