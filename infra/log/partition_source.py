"""Where a partition of the log stands, and how it is opened: one kind for each tape."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from infra.log.founding import Founder
from infra.log.index import Index
from infra.log.keys import LogKeys
from infra.log.partition_client import PartitionClient
from infra.log.partition_knowledge import PartitionAddress


class PartitionSource(Protocol):
    """One partition. `infra.log.kafka.source` and `infra.log.sqlite.source` have the two kinds."""

    @property
    def address(self) -> PartitionAddress:
        """Which partition it is."""
        ...

    @property
    def index_path(self) -> Path:
        """The file that holds its index."""
        ...

    @property
    def log_id(self) -> str:
        """What tells the log from every other, for ever; known once it was opened."""
        ...

    @property
    def keys(self) -> LogKeys:
        """The keys of this host."""
        ...

    def provide_schemas(self, *, required: bool) -> None:
        """Before a writer begins: let strangers have the schemas of what it writes, where the tape has room for them.

        `required`: whether the log has no record yet. Raises LogUnusable where they are required and cannot be had.
        """
        ...

    def name_tape(self) -> None:
        """See to it that the tape has a name, by which it can be closed. Raises LogUnusable."""
        ...

    def founder(self) -> Founder:
        """Who writes the genesis of the log."""
        ...

    def open(self) -> tuple[PartitionClient, Index]:
        """The tape and the index, for whoever writes and fills them. Raises LogUnusable."""
        ...

    def follower(self) -> PartitionClient:
        """The tape once more, for a thread of its own that follows it."""
        ...
