"""The short version of what `make chaos` does for long."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

import pytest

from infra.dev.kafka import kafka
from tests.fault.kafka_chaos import run

KINDS = {
    "kill -9 worker",
    "kill -9 leading broker",
    "two workers on one partition",
    "records of a stranger",
    "record of a hostile writer, voided",
    "indexes lost",
    "read models lost",
    "backup",
}
_EVERY_KIND = 18


def test_nothing_is_lost_twice_or_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of fault once, at random points, pauses of 5 s; the seed of a failure is in its message."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with kafka(nodes=1, data_dir=tmp_path / "kafka") as cluster:
        report = run(cluster, tmp_path, seed=SystemRandom().getrandbits(24), faults=_EVERY_KIND, longest_pause=5.0)
    assert not report.wrong, (report.seed, report.wrong[:5])
    assert report.faults.keys() >= KINDS
    assert all(any(name.startswith(f"{what} cut") for name in report.faults) for what in ("queue", "log"))
    assert report.acknowledged > 0, "nothing was acknowledged: the run proved nothing"
