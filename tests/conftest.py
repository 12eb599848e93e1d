"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.servers.kafka import KafkaCluster, kafka


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One real broker for the whole session: each test takes a topic of its own on it."""
    with kafka(nodes=1, data_dir=tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster
