"""The short version of `python -m tests.fault.strangers`: the same bursts, with less in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.dev.kafka import kafka
from tests.fault.strangers import MOST_MEGABYTES, bursts, installation, run

TOPICS = {"commands", "events", "replies", "dead-letters"}


def test_whatever_a_stranger_sends_an_official_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each burst into each topic; no burst fills the worker's memory, and the doctor counts it."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    wanted = bursts(megabytes=500, empty=20_000)
    with kafka(nodes=1, data_dir=tmp_path / "kafka") as cluster, installation(cluster, tmp_path) as system:
        results = list(run(system, wanted))
    assert {(found.burst, found.topic) for found in results} == {(name, topic) for name in wanted for topic in TOPICS}
    assert sum(found.taken for found in results) > 1_000, "the brokers took nothing: the run proved nothing"
    assert not [found for found in results if not found.is_seen], "the doctor saw nothing of these"
    assert max(found.memory for found in results) < MOST_MEGABYTES << 20
