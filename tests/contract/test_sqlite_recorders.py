"""The library's published contract, unchanged, on the embedded log."""

from __future__ import annotations

from pathlib import Path

import pytest
from eventsourcing.tests.application import ApplicationTestCase, ExampleApplicationTestCase

from infra.log.sqlite import SQLiteLogFactory
from tests.contract import cases


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a log of its own."""
    monkeypatch.setenv("PERSISTENCE_MODULE", "infra.log.sqlite")
    monkeypatch.setenv("SQLITE_DBNAME", str(tmp_path / "log.sqlite"))


class TestAggregateRecorder(cases.AggregateRecorderContract):
    factory_class = SQLiteLogFactory


class TestApplicationRecorder(cases.ApplicationRecorderContract):
    factory_class = SQLiteLogFactory


class TestTrackingRecorder(cases.TrackingRecorderContract):
    factory_class = SQLiteLogFactory


class TestProcessRecorder(cases.ProcessRecorderContract):
    factory_class = SQLiteLogFactory


class TestNonInterleavingNotificationIDs(cases.NotificationIDsContract):
    factory_class = SQLiteLogFactory


class TestFactory(cases.FactoryContract):
    factory_class = SQLiteLogFactory


class TestExampleApplication(ExampleApplicationTestCase):
    expected_factory_topic = "infra.log.sqlite.factory:SQLiteLogFactory"


# One test records the warning of a deprecated attribute.
@pytest.mark.filterwarnings("default:'log' is deprecated")
class TestApplication(ApplicationTestCase):
    expected_factory_topic = "infra.log.sqlite.factory:SQLiteLogFactory"


del ExampleApplicationTestCase
del ApplicationTestCase
