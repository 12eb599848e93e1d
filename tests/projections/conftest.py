"""What the tests of read models share: each store in turn, and an engine over a log in memory."""

from __future__ import annotations

import pytest

from projections.engine.engine import Engine
from projections.read_models import PROJECTIONS
from schemas.avro.codec import decode_event
from tests.projections.dumps import dump
from tests.support.event_builders import FakeLog, province
from tests.support.stores import SQLiteStores, Store


@pytest.fixture
def engine(views: Store, log: FakeLog) -> Engine:
    return Engine(views, log, decode_event, PROJECTIONS)


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The rows of the province's story, in one batch: the same from every store."""
    log = FakeLog()
    province(log)
    made = SQLiteStores(tmp_path_factory.mktemp("expected"))
    engine = Engine(made.open("views"), log, decode_event, PROJECTIONS, batch_size=100_000)
    engine.catch_up()
    rows = dump(engine)
    made.close()
    return rows
