"""What several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from consumers.feed import DecisionFeed
from infra.dev.kafka import JVM_OPTIONS, KafkaCluster, kafka
from infra.dev.postgres import PostgresServer, postgres
from infra.views.sqlite import SQLiteViews
from tests.support.event_builders import FakeLog
from tests.support.feeds import decisions_of
from tests.support.stores import PostgresStores, SQLiteStores, Store, Stores

# No example fails for being slow: what holds does not depend on the machine.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

ROOT = Path(__file__).parents[1]
_numbers = count(1)
_SERVERS = frozenset({"broker", "server", "secured", "postgres"})
"""Fixtures that start Kafka or PostgreSQL, and the store on the latter."""
_NO_UNITS = (
    "acceptance",
    "contract",
    "end_to_end",
    "fault",
    "golden",
    "infra/cli",
    "infra/delivery/test_subscribers",
    "infra/dev",
    "infra/log/test_brokers",
    "infra/log/test_planted_key_faults",
    "infra/recovery",
)
"""Folders and modules whose tests walk through many parts at once, search for long, or start servers of their own."""
_LONGEST = frozenset({"end_to_end", "fault"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `unit` what `make check` runs: the tests of single parts that need no server.

    All others come first, so that no worker is left alone with a long one in the end.
    """
    for item in items:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        callspec = getattr(item, "callspec", None)
        needed = {*getattr(item, "fixturenames", ()), *([callspec.params.get("stores")] if callspec else [])}
        if not path.startswith(_NO_UNITS) and not _SERVERS.intersection(needed):
            item.add_marker("unit")
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """0 for the tests that run longest, 1 for others that need a server, 2 for units."""
    if item.get_closest_marker("unit"):
        return 2
    return 0 if item.path.parent.name in _LONGEST else 1


@pytest.fixture(autouse=True, scope="session")
def _checkout_stays_as_it_is() -> Iterator[None]:
    """What a test writes, it writes into folders of its own."""

    def names() -> set[str]:
        return {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - {"build"}

    before = names()
    yield
    assert names() == before


@pytest.fixture(autouse=True, scope="session")
def _no_terminal() -> Iterator[None]:
    """Tables are as wide as they are in a pipe: pytest-xdist gives its workers the size of a terminal."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "LINES"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _short_lived_brokers() -> Iterator[None]:
    """They begin in half the time when Java does not compile for speed that pays off only after minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(JVM_OPTIONS, "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
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


@pytest.fixture
def log() -> FakeLog:
    """A log in memory."""
    return FakeLog()


@pytest.fixture
def decisions(log: FakeLog, tmp_path: Path) -> Iterator[DecisionFeed]:
    """Its decisions, as those who deliver them read them."""
    with SQLiteViews(tmp_path / "views.sqlite") as store:
        yield decisions_of(log, store)
