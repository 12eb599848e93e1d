from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from infra.dev.kafka import KafkaCluster
from infra.kafka.settings import KafkaSettings
from infra.log.kafka.source import close_partition, open_partition
from infra.log.partition_handle import PartitionHandle


@pytest.fixture
def settings(broker: KafkaCluster, tmp_path: Path) -> KafkaSettings:
    """A log of one partition that nobody else uses, its keys in a folder that all processes of the host share."""
    app = f"t{uuid4().hex[:12]}"
    return KafkaSettings(broker.bootstrap, app, index_dir=tmp_path, own_keys_dir=tmp_path / "keys")


@pytest.fixture
def opened(settings: KafkaSettings) -> Iterator[PartitionHandle]:
    partition = open_partition(settings, 0)
    yield partition
    close_partition(partition)


@pytest.fixture
def another(settings: KafkaSettings, tmp_path: Path) -> Iterator[Callable[[], PartitionHandle]]:
    """Opens the same partition once more, as another process would: with an index of its own."""
    made: list[PartitionHandle] = []

    def open_another() -> PartitionHandle:
        own = tmp_path / f"other-{len(made)}"
        made.append(open_partition(replace(settings, index_dir=own), 0))
        return made[-1]

    yield open_another
    for partition in made:
        close_partition(partition)
