from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.diagnosis.halts import HaltFile, halts
from infra.log.errors import RecordTooLarge
from infra.state_files import StateUnusable

ERROR = RecordTooLarge(log="kafka://somewhere/dossier.commands", reason="900 bytes")


@pytest.fixture
def now() -> Iterator[datetime]:
    began = datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
    return (began + timedelta(minutes=passed) for passed in range(100))


def test_the_last_error_of_each_process_and_partition_is_kept(tmp_path: Path, now: Iterator[datetime]) -> None:
    HaltFile(tmp_path, "worker", 3, lambda: next(now)).halted(ERROR, 812)
    HaltFile(tmp_path, "projector", None, lambda: next(now)).halted(ValueError("seven"))
    projector, worker = halts(tmp_path)
    assert worker[:3] == ("worker", 3, "APPEND_TOO_LARGE")
    assert worker.next_command == 812
    assert "900 bytes" in worker.reason.en
    assert worker.reason.vi == ERROR.message("vi")
    assert (projector.partition, projector.code, projector.reason.en, projector.hint.en) == (
        None,
        "ValueError",
        "seven",
        "",
    )


def test_a_halt_that_repeats_keeps_when_it_began(tmp_path: Path, now: Iterator[datetime]) -> None:
    for _ in range(3):
        HaltFile(tmp_path, "worker", 3, lambda: next(now)).halted(ERROR)
    (found,) = halts(tmp_path)
    assert found.tried - found.since == timedelta(minutes=2)
    HaltFile(tmp_path, "worker", 3, lambda: next(now)).halted(ValueError("another one"))
    (found,) = halts(tmp_path)
    assert found.tried == found.since


def test_what_goes_on_has_no_last_error(tmp_path: Path) -> None:
    """Also that of a process before this one."""
    HaltFile(tmp_path, "worker", 3).halted(ERROR)
    HaltFile(tmp_path, "worker", 4).halted(ERROR)
    again = HaltFile(tmp_path, "worker", 3)
    again.went_on()
    assert [each.partition for each in halts(tmp_path)] == [4]
    again.halted(ERROR)
    assert [each.partition for each in halts(tmp_path)] == [3, 4]


def test_a_process_that_ends_with_an_error_keeps_it(tmp_path: Path) -> None:
    with pytest.raises(RecordTooLarge), HaltFile(tmp_path, "publisher").keeping():
        raise ERROR
    assert [each.process for each in halts(tmp_path)] == ["publisher"]


def test_a_folder_that_cannot_be_written_hides_no_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    with pytest.raises(RecordTooLarge), HaltFile(tmp_path / "state", "publisher").keeping():
        raise ERROR


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "halted-worker-3.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StateUnusable, match="halted-worker-3"):
        halts(tmp_path)
