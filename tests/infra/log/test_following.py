"""Whoever holds an index follows the log for as long as anybody listens, whatever came between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from infra.errors import LogUnusable
from infra.log.acceptance import start
from infra.log.index import Index
from infra.log.index_file import open_index
from infra.log.partition_client import FetchResult
from infra.log.partition_knowledge import PartitionAddress
from infra.log.partition_reader import PartitionReader
from infra.log.partition_source import PartitionSource
from infra.timeouts import Timeout
from tests.infra.log.machine import ADDRESS, GENESIS, IDENTITY, OPERATOR
from tests.support.memory_log import MemoryLog, MemoryPartitionClient
from tests.support.signing import PLACE, founded
from tests.support.waiting import wait_until


class Follower(MemoryPartitionClient):
    """It follows only now and then."""

    fails: Callable[[], None] = staticmethod(lambda: None)

    def follow(self, start: int, seconds: float) -> FetchResult:
        self.fails()
        return super().follow(start, seconds)


class Source:
    """A log in memory."""

    address: PartitionAddress = ADDRESS

    def __init__(self, folder: Path) -> None:
        self.log = MemoryLog([founded(start(PLACE), GENESIS, by=OPERATOR)])
        self.following = Follower(self.log)
        self._folder = folder

    def open(self) -> tuple[MemoryPartitionClient, Index]:
        return MemoryPartitionClient(self.log), open_index(self._folder / "index.sqlite", "app", IDENTITY, 0)

    def follower(self) -> Follower:
        return self.following


class Listener:
    """What it is told."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def notify(self) -> None:
        pass

    def fail(self, error: LogUnusable) -> None:
        self.failures.append(error.code)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.fixture
def reader(source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[PartitionReader]:
    monkeypatch.setattr(Timeout.RESTART, "seconds", 0.01)
    made = PartitionReader(cast(PartitionSource, source))
    yield made
    made.close()


@pytest.mark.parametrize("error", [LogUnusable(log="memory", reason="away"), OSError("away"), ValueError("a fault")])
def test_a_log_that_could_not_be_followed_for_a_while_is_followed_again(
    source: Source, reader: PartitionReader, error: Exception
) -> None:
    """Others wait for an index that its holder does not fill, and cannot take it as long as he lives."""
    tries = 0

    def fail_twice() -> None:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise error

    source.following.fails = fail_twice
    listener = Listener()
    reader.listen(listener)
    wait_until(lambda: tries > 2)
    source.log.append(b"a stranger's")
    wait_until(lambda: reader.partition.next_offset == len(source.log.records))
    assert listener.failures == (["LOG_UNUSABLE"] * 2 if isinstance(error, LogUnusable) else [])
