"""The library's published contract, unchanged, on a real broker at P = 1."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from eventsourcing.tests.application import ApplicationTestCase, ExampleApplicationTestCase

from infra.dev.kafka import KafkaCluster
from infra.log.kafka import KafkaLogFactory
from tests.contract import cases


@pytest.fixture(autouse=True)
def environment(broker: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a log of its own."""
    monkeypatch.setenv("PERSISTENCE_MODULE", "infra.log.kafka")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("KAFKA_PREFIX", f"t{uuid4().hex[:12]}")
    monkeypatch.setenv("KAFKA_INDEX", str(tmp_path))


class TestAggregateRecorder(cases.AggregateRecorderContract):
    factory_class = KafkaLogFactory


class TestApplicationRecorder(cases.ApplicationRecorderContract):
    factory_class = KafkaLogFactory


class TestTrackingRecorder(cases.TrackingRecorderContract):
    factory_class = KafkaLogFactory


class TestProcessRecorder(cases.ProcessRecorderContract):
    factory_class = KafkaLogFactory


class TestNonInterleavingNotificationIDs(cases.NotificationIDsContract):
    factory_class = KafkaLogFactory


class TestFactory(cases.FactoryContract):
    factory_class = KafkaLogFactory


class TestExampleApplication(ExampleApplicationTestCase):
    expected_factory_topic = "infra.log.kafka.factory:KafkaLogFactory"


# One test records the warning of a deprecated attribute.
@pytest.mark.filterwarnings("default:'log' is deprecated")
class TestApplication(ApplicationTestCase):
    expected_factory_topic = "infra.log.kafka.factory:KafkaLogFactory"


del ExampleApplicationTestCase
del ApplicationTestCase
