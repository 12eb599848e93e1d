from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a log may be made."""
    return tmp_path / "log.sqlite"


@pytest.fixture
def open_log(path: Path) -> Iterator[Callable[[], PartitionHandle]]:
    """Opens the log as another process would: with connections of its own."""
    made: list[PartitionHandle] = []

    def make() -> PartitionHandle:
        made.append(PartitionHandle(SQLiteSource(path, lock_seconds=0.2)))
        return made[-1]

    yield make
    for handle in made:
        handle.close()
