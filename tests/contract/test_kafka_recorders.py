"""The library's published contract, unchanged, on a real broker at P = 1."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from uuid import uuid4

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.sqlite import SQLiteAggregateRecorder
from eventsourcing.tests.application import ApplicationTestCase, ExampleApplicationTestCase
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)
from eventsourcing.utils import Environment

from infra.dev.kafka import KafkaCluster
from infra.log.kafka import KafkaLogFactory
from infra.log.recorder import LogApplicationRecorder, LogProcessRecorder, LogTrackingRecorder


@pytest.fixture(autouse=True)
def environment(broker: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a log of its own."""
    monkeypatch.setenv("PERSISTENCE_MODULE", "infra.log.kafka")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("KAFKA_PREFIX", f"t{uuid4().hex[:12]}")
    monkeypatch.setenv("KAFKA_INDEX", str(tmp_path))


class Recorders:
    """Opens a factory for a test case, and closes it."""

    def factory(self) -> KafkaLogFactory:
        factory = KafkaLogFactory(os.environ)
        self.addCleanup(factory.close)  # type: ignore[attr-defined]
        self.addCleanup(_wait_for_readers)  # type: ignore[attr-defined]
        return factory


def _wait_for_readers() -> None:
    """One test of the contract tells its readers to stop, and does not wait for them."""
    for thread in threading.enumerate():
        if "read_continuously" in thread.name:
            thread.join()


class TestAggregateRecorder(Recorders, AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory().aggregate_recorder()


class TestApplicationRecorder(Recorders, ApplicationRecorderTestCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory().application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(Recorders, TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory().tracking_recorder()


class TestProcessRecorder(Recorders, ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory().process_recorder()


class TestNonInterleavingNotificationIDs(Recorders, NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory().application_recorder()


class OtherTrackingRecorder(LogTrackingRecorder):
    """What the contract asks for: a subclass."""


class TestFactory(InfrastructureFactoryTestCase[KafkaLogFactory]):
    def setUp(self) -> None:
        self.env = Environment("TestCase", dict(os.environ))
        super().setUp()

    def expected_factory_class(self) -> type[KafkaLogFactory]:
        return KafkaLogFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return SQLiteAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LogApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return LogTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return OtherTrackingRecorder

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return LogProcessRecorder


class TestExampleApplication(ExampleApplicationTestCase):
    expected_factory_topic = "infra.log.kafka.factory:KafkaLogFactory"


# One test records the warning of a deprecated attribute.
@pytest.mark.filterwarnings("default:'log' is deprecated")
class TestApplication(ApplicationTestCase):
    expected_factory_topic = "infra.log.kafka.factory:KafkaLogFactory"


del AggregateRecorderTestCase
del ApplicationRecorderTestCase
del TrackingRecorderTestCase
del ProcessRecorderTestCase
del NonInterleavingNotificationIDsBaseCase
del InfrastructureFactoryTestCase
del ExampleApplicationTestCase
del ApplicationTestCase
