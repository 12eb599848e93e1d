"""How many files a newcomer has to know to follow one command on Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.dev.kafka import KafkaCluster
from tests.end_to_end.command_trace import trace_one_command

_WHOLE, _WORKER = 45, 37
"""The most files that `VerifyCriterion` enters from `dossier apply` to its reply, and those that the worker enters."""


@pytest.mark.timeout(300)
def test_one_command_enters_few_files(broker: KafkaCluster, tmp_path: Path) -> None:
    trace = trace_one_command(broker.bootstrap, tmp_path / "trace")
    assert len(trace.worker) <= _WORKER, trace.worker
    assert len(trace.whole) <= _WHOLE, trace.whole
