"""The library's published contract, unchanged, for the recorders of a log on either tape.

A test module names its tape's factory in subclasses. It imports this module and not the classes, which would be
collected there once more.
"""

from __future__ import annotations

import os
import threading
from typing import Any, ClassVar

from eventsourcing.persistence import AggregateRecorder, ApplicationRecorder, ProcessRecorder, TrackingRecorder
from eventsourcing.sqlite import SQLiteAggregateRecorder
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)
from eventsourcing.utils import Environment

from infra.log.factory import LogFactory
from infra.log.recorder import LogApplicationRecorder, LogProcessRecorder, LogTrackingRecorder


class Recorders:
    """Opens a factory for a test case, and closes it."""

    factory_class: ClassVar[type[LogFactory]]

    def factory(self) -> LogFactory:
        factory = self.factory_class(os.environ)
        self.addCleanup(factory.close)  # type: ignore[attr-defined]
        self.addCleanup(_wait_for_readers)  # type: ignore[attr-defined]
        return factory


def _wait_for_readers() -> None:
    """One test of the contract tells its readers to stop, and does not wait for them."""
    for thread in threading.enumerate():
        if "read_continuously" in thread.name:
            thread.join()


class AggregateRecorderContract(Recorders, AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory().aggregate_recorder()


class ApplicationRecorderContract(Recorders, ApplicationRecorderTestCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory().application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TrackingRecorderContract(Recorders, TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory().tracking_recorder()


class ProcessRecorderContract(Recorders, ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory().process_recorder()


class NotificationIDsContract(Recorders, NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory().application_recorder()


class OtherTrackingRecorder(LogTrackingRecorder):
    """What the contract asks for: a subclass."""


class FactoryContract(InfrastructureFactoryTestCase[Any]):
    factory_class: ClassVar[type[LogFactory]]

    def setUp(self) -> None:
        self.env = Environment("TestCase", dict(os.environ))
        super().setUp()

    def expected_factory_class(self) -> type[LogFactory]:
        return self.factory_class

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
