"""The library's subscriptions and projection runners on a real broker, at P = 1 and P = 4."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, DomainEventProtocol, event
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner

from domain.identity import partition_of
from infra.errors import BadSetting
from infra.kafka.settings import KafkaSettings
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import LogApplicationRecorder, insert
from tests.support.waiting import GUARD

PARTITIONS = 4


def test_a_subscriber_sees_what_other_processes_append(
    opened: PartitionHandle, another: Callable[[], PartitionHandle]
) -> None:
    """Every event once, in order, wherever it was appended."""
    other = another()
    expected = [uuid4() for _ in range(30)]

    def append() -> None:
        for number, originator_id in enumerate(expected):
            insert((opened, other)[number % 2], [StoredEvent(originator_id, 1, "Happened", b"")], None)

    with LogApplicationRecorder(opened).subscribe() as subscription:
        thread = Thread(target=append)
        thread.start()
        found = [next(subscription) for _ in expected]
        thread.join()
    assert [notification.originator_id for notification in found] == expected
    assert [notification.id for notification in found] == list(range(1, 31))


class Counter(Aggregate):
    """Something that happens."""

    def __init__(self) -> None:
        self.count = 0

    @event("Counted")
    def up(self) -> None:
        self.count += 1


class View(POPOTrackingRecorder):
    """What four runners write into at once."""

    seen: list[tuple[UUID, int]]
    _shared: View | None = None

    def __new__(cls) -> View:  # noqa: PYI034  (not of a subclass)
        """One view for all runners."""
        if cls._shared is None:
            cls._shared = super().__new__(cls)
            cls._shared.seen = []
            POPOTrackingRecorder.__init__(cls._shared)
        return cls._shared

    def __init__(self) -> None:
        """Made once, above."""

    def see(self, found: DomainEventProtocol[UUID], tracking: Tracking) -> None:
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            self.seen.append((found.originator_id, found.originator_version))


class SeeingProjection(Projection[View]):
    """Every event, into the view."""

    name = "seeing"

    @singledispatchmethod
    def process_event(self, domain_event: DomainEventProtocol[UUID], tracking: Tracking) -> None:
        """One event."""
        self.view.see(domain_event, tracking)


def test_four_runners_into_one_view_see_every_event_once(settings: KafkaSettings, tmp_path: Path) -> None:
    """One application per partition, named <app>/<p>, which is the tracking key."""
    env = {
        "PERSISTENCE_MODULE": "infra.log.kafka",
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap,
        "KAFKA_PARTITIONS": str(PARTITIONS),
        "KAFKA_INDEX": str(tmp_path),
        "SEEING_PERSISTENCE_MODULE": "eventsourcing.popo",
    }
    applications = [type("Part", (Application,), {"name": f"{settings.app}/{number}"}) for number in range(PARTITIONS)]
    View._shared = None
    with ExitStack() as stack:
        runners: list[ProjectionRunner[Any, View]] = [
            stack.enter_context(
                ProjectionRunner(
                    application_class=application, view_class=View, projection_class=SeeingProjection, env=env
                )
            )
            for application in applications
        ]
        counters = [Counter() for _ in range(40)]
        for counter in counters:
            counter.up()
            runners[partition_of(counter.id, PARTITIONS)].app.save(counter)
        for counter in counters[:10]:
            application = runners[partition_of(counter.id, PARTITIONS)].app
            again: Counter = application.repository.get(counter.id)
            again.up()
            application.save(again)
        for number, runner in enumerate(runners):
            runner.wait(runner.app.recorder.max_notification_id(), timeout=GUARD)
            assert runner.app.name == f"{settings.app}/{number}"
    seen = View().seen
    assert len(seen) == len(set(seen)) == 90
    assert {partition_of(originator_id, PARTITIONS) for originator_id, _ in seen} == set(range(PARTITIONS))
    for counter in counters:
        assert [version for originator_id, version in seen if originator_id == counter.id][:2] == [1, 2]


def test_an_application_names_its_partition(settings: KafkaSettings, tmp_path: Path) -> None:
    """Positions of several partitions are no sequence, so no application spans them."""
    env = {
        "PERSISTENCE_MODULE": "infra.log.kafka",
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap,
        "KAFKA_PREFIX": settings.app,
        "KAFKA_PARTITIONS": "2",
        "KAFKA_INDEX": str(tmp_path),
    }
    with pytest.raises(BadSetting, match="KAFKA_PARTITION"):
        Application[UUID](env)
    application = Application[UUID](env | {"KAFKA_PARTITION": "1"})
    assert application.recorder.insert_events([StoredEvent(UUID(int=1 << 80), 1, "Happened", b"")]) == [1]
    application.close()
