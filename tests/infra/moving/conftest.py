from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.dev.kafka import KafkaCluster, kafka


@pytest.fixture(scope="session")
def second_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Where logs are moved to from the one that all tests share."""
    with kafka(nodes=1, data_dir=tmp_path_factory.mktemp("second")) as cluster:
        yield cluster
