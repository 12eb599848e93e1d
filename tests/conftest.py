"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.postgres import PostgresServer, postgres
from tests.projections.stores import PostgresStores, SQLiteStores, Store, Stores

_numbers = count(1)
_SERVERS = frozenset({"broker", "server", "secured", "postgres"})
"""Fixtures that start Kafka or PostgreSQL, and the store on the latter."""
_NO_UNITS = ("acceptance", "contract", "end_to_end", "fault", "infra/cli", "infra/dev")
"""Folders whose tests walk through many parts at once, or run for long."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark as `unit` what `make check` runs: the tests of single parts that need no server."""
    for item in items:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        callspec = getattr(item, "callspec", None)
        needed = {*getattr(item, "fixturenames", ()), *([callspec.params.get("stores")] if callspec else [])}
        if not path.startswith(_NO_UNITS) and not _SERVERS.intersection(needed):
            item.add_marker("unit")


@pytest.fixture(autouse=True, scope="session")
def _no_terminal() -> Iterator[None]:
    """Tables are as wide as they are in a pipe: pytest-xdist gives its workers the size of a terminal."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "LINES"):
            patch.delenv(name, raising=False)
        yield


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
