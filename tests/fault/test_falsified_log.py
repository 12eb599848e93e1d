"""The shortest of what `make chaos` does to logs that cannot be trusted any more."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

from infra.dev.kafka import KafkaCluster
from tests.fault.falsified_log import run


def test_everybody_stops_when_the_topic_is_made_anew(broker: KafkaCluster, tmp_path: Path) -> None:
    """Workers, projector, clients and questions, at work and new; the seed of a failure is in its message."""
    report = run(broker, tmp_path, fault="the topic made anew", seed=SystemRandom().getrandbits(24))
    assert not report.wrong, (report.seed, report.wrong)
    assert report.acknowledged > 0, "nothing was acknowledged: the run proved nothing"
