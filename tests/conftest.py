"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.postgres import PostgresServer, postgres
from tests.projections.stores import PostgresStores, SQLiteStores, Store, Stores

_numbers = count(1)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One real broker for the whole session: each test takes a topic of its own on it."""
    with kafka(nodes=1, data_dir=tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One real PostgreSQL for the whole run."""
    with postgres(tmp_path_factory.mktemp("postgres") / "data") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    made: Stores
    if request.param == "sqlite":
        made = SQLiteStores(tmp_path)
    else:
        made = PostgresStores(request.getfixturevalue("server"), f"t{next(_numbers)}")
    yield made
    made.close()


@pytest.fixture
def views(stores: Stores) -> Store:
    return stores.open("views")
