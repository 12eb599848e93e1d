"""One partition, open for reading and writing: a reader with a committer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from infra.log.append_requests import DismissalRequest, ReadRequest
from infra.log.committer import Committer
from infra.log.format import Append, Orphan, RecordedOutcome
from infra.log.partition import Partition
from infra.log.partition_reader import PartitionReader
from infra.log.partition_source import PartitionSource

_COMMIT_ID_LENGTH: Final = 16


class PartitionHandle(PartitionReader):
    """See `PartitionReader`. The committer's lead is what keeps its threads apart."""

    def __init__(self, source: PartitionSource) -> None:
        super().__init__(source)
        self.committer = Committer(self.partition, _writer_name())

    @contextmanager
    def leading(self) -> Iterator[Partition]:
        """The partition for this thread alone, between two rounds of the committer, with the index at its head."""
        with self.committer.leading() as partition:
            yield partition

    def refresh(self) -> None:
        """Read to the high watermark: what is in the log now is in the index afterwards."""
        self.committer.submit(ReadRequest())

    def dismiss(self, orphans: Sequence[Orphan]) -> None:
        """Go on without what open orphans were built on."""
        commit_id = os.urandom(_COMMIT_ID_LENGTH)
        self.committer.submit(DismissalRequest([Append(commit_id, RecordedOutcome.DISMISSED, dismissed=orphans)]))


def _writer_name() -> str:
    return f"{socket.gethostname()[:64]}/{os.getpid()}/{os.urandom(4).hex()}"
