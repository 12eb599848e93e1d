"""A short run of `python -m tests.fault.killed_publisher`."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

from infra.dev.kafka import KafkaCluster
from tests.fault import killed_publisher


def test_a_killed_publisher_repeats_nothing_and_forgets_nothing(broker: KafkaCluster, tmp_path: Path) -> None:
    seed = SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    report = killed_publisher.run(broker, tmp_path, kills=8, seed=seed)
    print(report)
    assert report.wrong == []
    assert report.decisions > 200
    assert report.before_the_last_run > 0, "all was published by the last run: the run proved nothing"
