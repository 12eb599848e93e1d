"""What the tests of read models share: each store in turn, and an engine over a log in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from infra.servers.postgres import PostgresServer, postgres
from projections.engine import Engine
from projections.registry import PROJECTIONS
from schemas.codec import decode
from tests.projections.dumps import dump
from tests.projections.stores import PostgresStores, SQLiteStores, Store, Stores
from tests.projections.story import FakeLog, province

_numbers = count(1)


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


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def engine(views: Store, log: FakeLog) -> Engine:
    return Engine(views, log, decode, PROJECTIONS)


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The rows of the province's story, in one batch: the same from every store."""
    log = FakeLog()
    province(log)
    made = SQLiteStores(tmp_path_factory.mktemp("expected"))
    engine = Engine(made.open("views"), log, decode, PROJECTIONS, batch_size=100_000)
    engine.catch_up()
    rows = dump(engine)
    made.close()
    return rows
