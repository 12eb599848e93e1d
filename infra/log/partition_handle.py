"""One partition, open for reading and writing: a reader with a committer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from infra.log.append_requests import ReadRequest
from infra.log.committer import Committer
from infra.log.founding import own_genesis
from infra.log.partition import Partition
from infra.log.partition_reader import PartitionReader
from infra.log.partition_source import PartitionSource


class PartitionHandle(PartitionReader):
    """See `PartitionReader`. The committer's lead is what keeps its threads apart."""

    def __init__(self, source: PartitionSource) -> None:
        super().__init__(source)
        keys = source.keys
        # Whoever only reads needs no key.
        self.committer = Committer(self.partition, _writer_name(), keys.writer)
        try:
            founds = self.partition.state.keys is None
            source.provide_schemas(required=founds)
            if founds:
                founder = source.founder()
                founder.found(source.address.partition, lambda: own_genesis(keys, founder), keys.writer())
                self.partition.read_on()
        except BaseException:
            super().close()
            raise

    @contextmanager
    def leading(self) -> Iterator[Partition]:
        """The partition for this thread alone, between two rounds of the committer, with the index at its head."""
        with self.committer.leading() as partition:
            yield partition

    def refresh(self) -> None:
        """Read to the high watermark: what is in the log now is in the index afterwards."""
        self.committer.submit(ReadRequest())


def _writer_name() -> str:
    return f"{socket.gethostname()[:64]}/{os.getpid()}/{os.urandom(4).hex()}"
