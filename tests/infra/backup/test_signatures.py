from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.backup import signatures
from infra.backup.errors import BackupAltered
from infra.log.control_records import StatementKind
from infra.log.format import Format, encode_body, seal
from infra.log.key_statements import state_keys
from infra.log.partition_handle import PartitionHandle
from tests.infra.backup.logs import contents, happen, looked_at, take
from tests.infra.backup.test_killed import is_killed
from tests.infra.backup.test_verifying import WHOLE, forge
from tests.infra.log.sqlite.conftest import open_log, path
from tests.support.signing import STRANGER
from tests.support.waiting import wait_until

__all__ = ["open_log", "path"]


@pytest.fixture
def opened(open_log: Callable[[], PartitionHandle]) -> PartitionHandle:
    """A log in which a writer is added, appends, is retired, and then appends what is a stranger's."""
    opened = open_log()
    happen(opened, 5)
    _state(opened, StatementKind.ADD_WRITER)
    _append(opened)
    happen(opened, 3)
    _state(opened, StatementKind.RETIRE_WRITER)
    _append(opened)
    happen(opened, 5)
    return opened


def _state(opened: PartitionHandle, kind: StatementKind) -> None:
    keys = opened.source.keys
    state_keys([opened.source], kind, STRANGER.public, keys.folder.roots(), keys.writer())
    opened.refresh()


def _append(opened: PartitionHandle) -> None:
    """A record on the head by somebody who may write or not."""
    opened.refresh()
    state, tape = opened.partition.state, opened.source.follower()
    value = seal(
        state.place, STRANGER, Format.APPENDS, (state.head, state.number + 1, state.position, 0), encode_body("s", [])
    )
    assert [*tape.read(0)]
    pending = tape.send(value)
    assert pending is not None
    pending.result()
    tape.close()
    opened.refresh()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[ProcessPoolExecutor]:
    """Processes from the first record on, two records at a time; those that were begun."""
    begun: list[ProcessPoolExecutor] = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            begun.append(self)

    monkeypatch.setattr(signatures, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(signatures, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(signatures, "_AT_ONCE", 2)
    return begun


def test_processes_find_what_one_finds(
    opened: PartitionHandle, tmp_path: Path, at_once: list[ProcessPoolExecutor]
) -> None:
    """Though writers come and go while the records are on their way."""
    taken = take(tmp_path / "several", [opened.source])
    looked_at(tmp_path / "several")
    assert len(at_once) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signatures, "WORTH_PROCESSES", 1 << 60)
        take(tmp_path / "one", [opened.source])
    assert len(at_once) == 2
    assert contents(tmp_path / "several") == contents(tmp_path / "one")
    assert taken.manifest.partitions[0].records == opened.partition.state.number == 17


def test_a_forged_record_is_found_by_them(
    opened: PartitionHandle, tmp_path: Path, at_once: list[ProcessPoolExecutor]
) -> None:
    take(tmp_path / "backup", [opened.source], largest=WHOLE)
    forge(tmp_path / "backup", 12, b"\xf9" + bytes(200))
    with pytest.raises(BackupAltered) as found:
        looked_at(tmp_path / "backup")
    assert found.value.details["record"] == 12
    assert len(at_once) == 2


def test_the_work_goes_on_without_a_process_that_was_killed(
    opened: PartitionHandle, tmp_path: Path, at_once: list[ProcessPoolExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = signatures.SignatureChecks._ended

    def ended(checks: signatures.SignatureChecks, group: Any) -> Any:
        for pool in at_once:
            for process in [*(pool._processes or {}).values()]:
                process.kill()
                process.join()
        return original(checks, group)

    monkeypatch.setattr(signatures.SignatureChecks, "_ended", ended)
    assert take(tmp_path / "backup", [opened.source]).manifest.partitions[0].records == 17


def test_they_end_with_the_process_that_began_them(
    opened: PartitionHandle, tmp_path: Path, at_once: list[ProcessPoolExecutor]
) -> None:
    """Even where it is killed."""
    assert at_once == []
    opened.close()
    noted = tmp_path / "noted"

    def begin() -> None:
        original = signatures.SignatureChecks.__exit__

        def noting(checks: signatures.SignatureChecks, *arguments: Any) -> None:
            pool = checks._pool
            assert pool is not None
            noted.write_text(" ".join(str(each) for each in pool._processes or {}), encoding="ascii")
            os.kill(os.getpid(), signal.SIGKILL)
            original(checks, *arguments)

        signatures.SignatureChecks.__exit__ = noting  # type: ignore[method-assign]
        take(tmp_path / "backup", [opened.source])

    assert is_killed((signatures, "_groups"), 0, begin)
    pids = [int(each) for each in noted.read_text(encoding="ascii").split()]
    assert pids
    wait_until(lambda: not any(map(_runs, pids)))


def _runs(pid: int) -> bool:
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
