"""The garbage collector may end an application anywhere, also where a partition is being opened or followed."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from infra.errors import LogUnusable
from infra.finalizers import close_apart
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_pool import PartitionPool
from infra.log.partition_source import PartitionSource
from infra.log.recorder import LogApplicationRecorder
from infra.log.sqlite.source import SQLiteSource
from tests.support.waiting import wait_until

_HANGS_AFTER = 60.0


class _Unreachable:
    """An application that holds itself, so that the garbage collector alone ends it."""

    def __init__(self, pool: PartitionPool[Any], opened: PartitionHandle) -> None:
        self._itself = self
        self._end: Callable[[], None] = partial(pool.close, opened)

    def __del__(self) -> None:
        close_apart(self._end)


def _finishes(work: Callable[[], object]) -> bool:
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(_HANGS_AFTER)
    return not thread.is_alive()


class _Collecting(PartitionHandle):
    """The collector comes round while it is opened, and while it is closed: here, or in a thread that is waited for."""

    closed: list[Path]
    elsewhere: bool

    def __init__(self, source: PartitionSource) -> None:
        self._collect()
        super().__init__(source)

    def close(self) -> None:
        self._collect()
        super().close()
        self.closed.append(self.source.index_path)

    def _collect(self) -> None:
        if self.elsewhere:
            assert _finishes(gc.collect)
        else:
            gc.collect()


@pytest.fixture(params=[False, True], ids=["here", "in a thread that is waited for"])
def pool(request: pytest.FixtureRequest) -> PartitionPool[_Collecting]:
    _Collecting.closed, _Collecting.elsewhere = [], request.param
    return PartitionPool(_Collecting)


def _left(pool: PartitionPool[_Collecting], path: Path) -> None:
    """Open a log for an application that nobody holds any more."""
    _Unreachable(pool, pool.open(SQLiteSource(path)))


@pytest.mark.parametrize("meanwhile", ["opened", "closed", "not opened"])
def test_an_application_that_ends_while_something_is_done_with_another_log_is_closed_behind_that(
    pool: PartitionPool[_Collecting], tmp_path: Path, meanwhile: str
) -> None:
    """Also where that other log cannot be opened."""
    first, second = tmp_path / "first.sqlite", tmp_path / "second.sqlite"
    if meanwhile == "not opened":
        second.mkdir()

    def work() -> None:
        opened = pool.open(SQLiteSource(second)) if meanwhile == "closed" else None
        _left(pool, first)
        with suppress(LogUnusable):
            pool.close(opened or pool.open(SQLiteSource(second)))

    assert _finishes(work)
    expected = {first} if meanwhile == "not opened" else {first, second}
    wait_until(lambda: set(_Collecting.closed) == expected)
    assert len(_Collecting.closed) == len(expected)


def test_an_application_that_ends_while_its_own_log_is_opened_again_does_not_close_that(
    pool: PartitionPool[_Collecting], tmp_path: Path
) -> None:
    path, other = tmp_path / "log.sqlite", tmp_path / "other.sqlite"

    def work() -> None:
        _left(pool, path)
        again = pool.open(SQLiteSource(path))
        pool.close(pool.open(SQLiteSource(other)))
        again.refresh()
        assert _Collecting.closed == [other]
        pool.close(again)

    assert _finishes(work)
    wait_until(lambda: _Collecting.closed == [other, path])


class _Ending:
    """A listener in whose call the last user of its partition ends."""

    def __init__(self, last: list[_Unreachable]) -> None:
        self._last = last
        self.heard = Event()

    def notify(self) -> None:
        if current_thread().name.startswith("follow-"):
            self._last.clear()
            gc.collect()
            self.heard.set()

    def fail(self, error: Exception) -> None:
        raise error


def test_an_application_that_ends_in_the_thread_that_follows_its_log_is_closed_by_another(
    pool: PartitionPool[_Collecting], tmp_path: Path
) -> None:
    path = tmp_path / "log.sqlite"
    opened = pool.open(SQLiteSource(path))
    listener = _Ending([_Unreachable(pool, opened)])
    opened.listen(listener)
    other = PartitionHandle(SQLiteSource(path))
    LogApplicationRecorder(other).insert_events([StoredEvent(uuid4(), 1, "topic", b"state")])
    assert listener.heard.wait(_HANGS_AFTER)
    wait_until(lambda: _Collecting.closed == [path])
    with pytest.raises(LogUnusable):
        opened.index.head()
    other.close()


def test_whoever_closes_by_himself_finds_it_closed() -> None:
    closed: list[str] = []
    close_apart(lambda: closed.append(current_thread().name))
    assert closed == [current_thread().name]
