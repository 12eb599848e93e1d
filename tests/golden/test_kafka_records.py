"""The records of version 0.1 on Kafka, which nobody signed, are no log of today's, and nobody takes them for one."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from infra.kafka.topics import Identity
from infra.log.acceptance import Verdict, accept, start
from infra.log.errors import LogBroken
from infra.log.format import Place
from infra.log.founding import Founder
from infra.log.index_file import open_index
from infra.log.partition import Partition
from infra.log.partition_knowledge import PartitionAddress
from tests.golden.version_0_1 import APP, PARTITIONS, records
from tests.support.memory_log import MemoryLog, MemoryPartitionClient
from tests.support.signing import no_history


def _values(partition: int) -> list[bytes | None]:
    return [record.value for record in records("events") if record.partition == partition]


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_every_one_is_foreign(partition: int) -> None:
    """So no reader of today can be brought to accept one, in whatever log it is put."""
    state = start(Place(APP, PARTITIONS, partition))
    values = _values(partition)
    assert len(values) > 1
    for offset, value in enumerate(values):
        assert accept(state, offset, value, no_history) == (state, Verdict.FOREIGN)


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_they_are_not_taken_for_an_empty_log(partition: int, tmp_path: Path) -> None:
    """Nothing is served, and no genesis is put behind them."""
    log = MemoryLog(_values(partition))
    index = open_index(tmp_path / "index.sqlite", APP, Identity("cluster", UUID(int=1), PARTITIONS), partition)
    opened = Partition(PartitionAddress("golden", APP, PARTITIONS, partition), MemoryPartitionClient(log), index)
    with pytest.raises(LogBroken, match="genesis is not there"):
        opened.check_whole()
    index.close()
    founder = Founder("golden", APP, PARTITIONS, lambda _number: MemoryPartitionClient(log))
    with pytest.raises(LogBroken, match="genesis is not there"):
        founder.read(partition)
