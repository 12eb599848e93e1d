"""The publisher's process on a real Kafka: a partition that cannot be published holds up no other one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pytest

from infra.delivery.kafka.publisher_process import run_publisher
from infra.delivery.kafka.topics import DECISIONS
from infra.delivery.kafka.transactions import abort, open_transactions
from infra.dev.kafka import KafkaCluster
from infra.diagnosis.halts import halts
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import TopicSpec, ensure
from tests.support import hanging, subscriber
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.fold_stores import folded
from tests.support.publishers import PublishingApplication, stream_of
from tests.support.units import UNITS
from tests.support.waiting import GUARD, wait_until

PARTITIONS = 3
_SOON = 0.5
"""Seconds after which a partition halts that nobody decides; a stranger's transaction may be open for much longer."""


class Installation:
    """A log in memory, its stream, and a publisher's process in this one."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.settings = KafkaSettings(bootstrap, f"t{uuid4().hex[:12]}")
        self.log = FakeLog(partitions=PARTITIONS)
        for unit in UNITS.communes_of("140")[:9]:
            DossierHistory(self.log, unit).until("announce")
        assert all(self.log.events), "each partition has decisions"
        self.stream = stream_of(self.settings, self.log)
        self.application = PublishingApplication(folder, self.log, hidden_after=_SOON)

    @contextmanager
    def publishing(self, *, undecided_after: float = _SOON) -> Iterator[None]:
        stop = Event()
        thread = Thread(
            target=run_publisher,
            args=(self.application, self.stream, stop),
            kwargs={"undecided_after": undecided_after},
            daemon=True,
        )
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(GUARD)

    def expected(self, *partitions: int) -> list[str]:
        return [decision["id"] for partition in partitions for decision in folded(self.log, partition)]

    def seen(self, *partitions: int) -> list[str]:
        """The decisions that a subscriber sees in these partitions, in their order."""
        found = subscriber.read_all(self.settings.bootstrap, self.stream.topic, PARTITIONS)
        ours = [each for each in found if "ce_id" in each.headers]
        return [each.headers["ce_id"] for partition in partitions for each in ours if each.partition == partition]

    def halted(self) -> list[tuple[int | None, str]]:
        return [(each.partition, each.code) for each in halts(self.application.settings.state_dir)]

    def more(self) -> None:
        """Further decisions, in every partition."""
        for unit in UNITS.communes_of("140")[:9]:
            DossierHistory(self.log, unit, year=2025).until("approve")


@pytest.fixture
def installation(broker: KafkaCluster, tmp_path: Path) -> Installation:
    return Installation(broker.bootstrap, tmp_path)


def test_a_partition_that_a_stranger_holds_up_halts_and_holds_up_no_other(installation: Installation) -> None:
    """Once the transaction is aborted it goes on by itself, and nothing comes twice."""
    stranger = hanging.living(installation.settings, installation.stream.topic, 1)
    with installation.publishing():
        wait_until(lambda: installation.seen(0, 2) == installation.expected(0, 2))
        wait_until(lambda: installation.halted() == [(1, "STREAM_UNDECIDED")])
        installation.more()
        wait_until(lambda: installation.seen(0, 2) == installation.expected(0, 2))
        assert installation.seen(1) == []

        (found,) = open_transactions(installation.settings)
        assert (found.partition, found.first, found.transactional_id) == (1, 0, stranger.name)
        assert found.topics == (f"{installation.stream.topic}/1",)
        abort(installation.settings, found)
        assert open_transactions(installation.settings) == []
        wait_until(lambda: installation.seen(0, 1, 2) == installation.expected(0, 1, 2))
        wait_until(lambda: installation.halted() == [])


def test_what_a_stranger_hides_that_was_published_before_is_said_as_well(installation: Installation) -> None:
    """The publisher could go on behind an open transaction, but nobody who reads what is committed would see it."""
    with installation.publishing():
        wait_until(lambda: installation.seen(0, 1, 2) == installation.expected(0, 1, 2))
        stranger = hanging.living(installation.settings, installation.stream.topic, 1)
        installation.more()
        wait_until(lambda: installation.halted() == [(1, "STREAM_UNDECIDED")])
        wait_until(lambda: installation.seen(0, 2) == installation.expected(0, 2))
        assert installation.seen(1) != installation.expected(1)
        (found,) = open_transactions(installation.settings)
        assert found.transactional_id == stranger.name
        abort(installation.settings, found)
        wait_until(lambda: installation.seen(0, 1, 2) == installation.expected(0, 1, 2))
        wait_until(lambda: installation.halted() == [])


def test_what_no_coordinator_knows_of_is_aborted_as_well(installation: Installation) -> None:
    """It would hang for ever, through every restart of publishers and brokers."""
    (topic,) = ensure(
        installation.settings, [TopicSpec(installation.stream.topic, PARTITIONS, DECISIONS, survives=False)]
    )
    hanging.forgotten(installation.settings, topic, 2)
    with installation.publishing():
        wait_until(lambda: installation.halted() == [(2, "STREAM_UNDECIDED")])
        wait_until(lambda: installation.seen(0, 1) == installation.expected(0, 1))
        (found,) = open_transactions(installation.settings)
        assert (found.partition, found.transactional_id, found.topics) == (2, None, ())
        abort(installation.settings, found)
        wait_until(lambda: installation.seen(0, 1, 2) == installation.expected(0, 1, 2))


def test_a_transaction_that_ends_by_itself_is_only_waited_for(installation: Installation) -> None:
    stranger = hanging.living(installation.settings, installation.stream.topic, 0, 1)
    with installation.publishing(undecided_after=GUARD):
        wait_until(lambda: installation.seen(2) == installation.expected(2))
        stranger.producer.commit_transaction(GUARD)
        wait_until(lambda: installation.seen(0, 1, 2) == installation.expected(0, 1, 2))
        assert installation.halted() == []
