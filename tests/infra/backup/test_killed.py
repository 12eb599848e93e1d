"""Backups and restores that are killed (SIGKILL) at each of their steps, and the next run after each."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.backup import restoring_embedded, restoring_kafka
from infra.backup.errors import BackupMissing, BackupUnusable
from infra.backup.folder import FileDraft, FolderStorage
from infra.backup.manifest import MANIFEST, Manifest
from infra.backup.restoring_embedded import restore_embedded
from infra.backup.segments import SegmentWriter
from infra.backup.verifying import verify
from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.log.full_scan import check_whole
from infra.log.kafka.source import KafkaSource
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource
from tests.infra.backup.logs import contents, happen, looked_at, take
from tests.infra.backup.test_restoring_kafka import forget, put, sources

Step = tuple[object, str]


def is_killed(step: Step, number: int, run: Callable[[], Any]) -> bool:
    """Run something in a process of its own, which is killed right before its so-manieth step; else it has ended."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0
        return False
    ended = 1
    try:
        where, name = step
        original, calls = getattr(where, name), count(1)

        def dying(*arguments: Any, **named: Any) -> Any:
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        setattr(where, name, dying)
        run()
        ended = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(ended)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def source(tmp_path: Path) -> SQLiteSource:
    return SQLiteSource(tmp_path / "log.sqlite")


def grow(source: SQLiteSource, records: int) -> None:
    opened = PartitionHandle(source)
    happen(opened, records)
    opened.close()


def whole(folder: Path) -> Manifest | None:
    """The backup as it stands, verified; None where there is none yet."""
    try:
        return looked_at(folder).manifest
    except BackupMissing:
        return None


BACKUP_STEPS: list[Step] = [
    (SegmentWriter, "add"),
    (FileDraft, "publish"),
    (FolderStorage, "put"),
    (Path, "rename"),
    (FolderStorage, "remove"),
]


@pytest.mark.parametrize("step", BACKUP_STEPS, ids=lambda step: step[1])
def test_a_backup_that_is_killed_leaves_the_last_whole_one(
    source: SQLiteSource, folder: Path, tmp_path: Path, step: Step
) -> None:
    """At whichever step: the first one, one that grows, and the one after; the files are those of one run."""
    for grown in (5, 6):
        grow(source, grown)
        before = whole(folder)
        for number in count(1):
            killed = is_killed(step, number, lambda: take(folder, [source]))
            after = whole(folder)
            if not killed:
                break
            taken = after is not None and after != before
            assert after == before or taken
            if taken or number % 3 == 0:
                # Go on from what is there, and not from what the last run was killed at.
                before = after
        take(tmp_path / "once", [source])
        take(folder, [source])
        assert contents(folder) == contents(tmp_path / "once")
        shutil.rmtree(tmp_path / "once")
    assert after is not None
    assert after.partitions[0].records == 12


def test_a_full_disk_ends_a_backup_and_not_the_last_one(source: SQLiteSource, folder: Path, tmp_path: Path) -> None:
    """What was begun is taken away as far as that is possible, and the next run goes on."""
    grow(source, 3)
    before = take(folder, [source], largest=1 << 20).manifest
    grow(source, 300)

    def without_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        with pytest.raises(BackupUnusable):
            take(folder, [source], largest=1 << 20)

    assert not is_killed((FileDraft, "publish"), 0, without_room)
    assert looked_at(folder).manifest == before
    taken = take(folder, [source], largest=1 << 20)
    assert {*contents(folder)} == {MANIFEST, *taken.manifest.files()}
    take(tmp_path / "once", [source], largest=1 << 20)
    assert contents(folder) == contents(tmp_path / "once")


EMBEDDED_STEPS: list[Step] = [
    (restoring_embedded, "compare_target"),
    (restoring_embedded, "writing"),
    (restoring_embedded, "check_read_back"),
    (restoring_embedded, "put_in_place"),
    (os, "link"),
    (Path, "unlink"),
]


@pytest.mark.parametrize("step", EMBEDDED_STEPS, ids=lambda step: step[1])
def test_a_restore_that_is_killed_goes_on(
    source: SQLiteSource, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    """Whatever stands at the path is the whole log, at every moment."""
    monkeypatch.setattr(restoring_embedded, "_AT_ONCE", 2)
    grow(source, 6)
    records = take(folder, [source]).manifest.partitions[0].records
    target = tmp_path / "new" / "log.sqlite"

    def put_back() -> None:
        storage = FolderStorage(folder)
        with storage.reading():
            restore_embedded(storage, verify(storage).manifest, SQLiteSource(target))

    killed = 0
    for number in count(1):
        if not is_killed(step, number, put_back):
            break
        killed += 1
        if target.exists():
            assert check_whole(SQLiteSource(target)) is None
    put_back()
    assert killed
    opened = PartitionHandle(SQLiteSource(target))
    assert opened.partition.state.number == records
    opened.close()
    assert [each.name for each in target.parent.iterdir() if each.is_file()] == ["log.sqlite"]


KAFKA_STEPS: list[tuple[Step, int]] = [
    ((restoring_kafka, "ensure"), 1),
    ((KafkaPartitionClient, "send_all"), 2),
    ((restoring_kafka, "check_read_back"), 1),
    ((restoring_kafka, "switch"), 1),
]


def test_a_restore_to_kafka_that_is_killed_goes_on(
    broker: KafkaCluster, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of its steps, one run after another; the last one finds everything there but the end."""
    monkeypatch.setattr(restoring_kafka, "_RECORDS_AT_ONCE", 2)
    settings = KafkaSettings(broker.bootstrap, "killed", index_dir=tmp_path / "index", own_keys_dir=tmp_path / "keys")
    opened = PartitionHandle(KafkaSource(settings, 0))
    happen(opened, 6)
    opened.close()
    take(folder, sources(settings))
    forget(settings)
    for step, number in KAFKA_STEPS:
        assert is_killed(step, number, lambda: put(folder, settings))
    assert put(folder, settings).added == [0]
    assert check_whole(KafkaSource(settings, 0)) is None
    assert (folder / MANIFEST).exists()


def test_a_backup_of_kafka_that_is_killed_goes_on(broker: KafkaCluster, folder: Path, tmp_path: Path) -> None:
    settings = KafkaSettings(broker.bootstrap, "copied", index_dir=tmp_path / "index", own_keys_dir=tmp_path / "keys")
    opened = PartitionHandle(KafkaSource(settings, 0))
    happen(opened, 6)
    for number in (2, 3):
        assert is_killed((FileDraft, "publish"), number, lambda: take(folder, sources(settings)))
        happen(opened, 1)
    opened.close()
    assert take(folder, sources(settings)).manifest.partitions[0].records == 9
    take(tmp_path / "once", sources(settings))
    assert contents(folder) == contents(tmp_path / "once")
