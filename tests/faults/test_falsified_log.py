"""Some of what `make chaos` does to logs that cannot be trusted any more."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

import pytest

from infra.servers.kafka import kafka
from tests.faults.falsified_log import run


@pytest.mark.timeout(400)
def test_everybody_stops_on_a_log_that_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers, projector, clients and questions, at work and new; the seed of a failure is in its message."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with kafka(nodes=1, data_dir=tmp_path / "kafka") as cluster:
        report = run(cluster, tmp_path / "run", fault="the tail cut", seed=SystemRandom().getrandbits(24))
    assert not report.wrong, (report.seed, report.wrong)
    assert report.acknowledged > 0, "nothing was acknowledged: the run proved nothing"
