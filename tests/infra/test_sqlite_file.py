"""Whoever opens a file while others make it or write in it waits for them, as SQLite alone does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier, Timer
from uuid import UUID

import pytest

from infra import sqlite_file
from infra.bootstrap import Application
from infra.delivery.webhooks.store import WebhookStore
from infra.kafka.topics import Identity
from infra.log.index_file import open_index
from infra.retry import Retry
from infra.settings import load
from infra.sqlite_file import open_in_wal_mode
from infra.views.sqlite import SQLiteViews


def opens_views(path: Path) -> None:
    with SQLiteViews(path) as views, views.exclusive_transaction() as writer:
        writer.execute("CREATE TABLE IF NOT EXISTS some (value TEXT)")


def opens_webhooks(path: Path) -> None:
    with WebhookStore(path) as store:
        assert store.subscriptions() == []


def opens_a_log(path: Path) -> None:
    with Application(load({}, log=f"sqlite:///{path}"), create=True) as made:
        assert made.log.head(0) == 0


def opens_an_index(path: Path) -> None:
    with closing(open_index(path, "app", Identity("cluster", UUID(int=1), 1), 0)) as index:
        assert index.head() is None


def mode_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


SHARED = [opens_views, opens_webhooks, opens_a_log]
"""An index has one process and one thread that opens it."""


@pytest.mark.parametrize("opens", [*SHARED, opens_an_index])
def test_a_new_file_that_somebody_writes_in_is_waited_for(
    opens: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says at once that it is locked; the other one's transaction ends before the second try."""
    path = tmp_path / "new.sqlite"
    pauses: list[float] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            other.execute("COMMIT")

        monkeypatch.setattr(sqlite_file, "Retry", partial(Retry, sleep=pause))
        opens(path)
    assert len(pauses) == 1


@pytest.mark.parametrize("opens", SHARED)
def test_a_file_that_somebody_writes_in_is_waited_for(opens: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    opens(path)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        # Whoever comes only after that finds nobody who writes, and has nothing to wait for.
        ends = Timer(0.2, other.execute, ["COMMIT"])
        ends.start()
        opens(path)
        ends.join()
    assert mode_of(path) == "wal"


@pytest.mark.parametrize("opens", SHARED)
def test_many_make_one_file_at_once(opens: Callable[[Path], None], tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            together = Barrier(4)

            def work(path: Path = tmp_path / f"{number}.sqlite", together: Barrier = together) -> None:
                together.wait()
                opens(path)

            for each in [threads.submit(work) for _ in range(4)]:
                each.result()
            assert mode_of(tmp_path / f"{number}.sqlite") == "wal"


def test_the_wait_ends_with_the_time_out(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            open_in_wal_mode(path, timeout=0)


def test_what_is_no_database_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retry, "pause", lambda _: pytest.fail("tried again"))
    path = tmp_path / "text"
    path.write_text("This is no database, however often it is opened.\n" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        open_in_wal_mode(path)
