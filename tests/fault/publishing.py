"""`python -m tests.fault.publishing URL UNITS BEGAN SECONDS FOLDER`: a publisher to be killed.

Its log is made anew in memory, the same in every process: four partitions, and the way of each of some units. It grows
from empty to whole in the SECONDS after the moment BEGAN (seconds since 1970). FOLDER is its host's: publishers that
are given the same one share what they keep there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import cast

from eventsourcing.persistence import Notification

from consumers.publisher import PartitionPublisher
from infra.bootstrap import Application
from infra.delivery.fold_store import SQLiteFoldStore
from infra.delivery.kafka.publisher_process import run_publisher
from infra.delivery.kafka.stream import KafkaStream
from infra.kafka.settings import from_url
from infra.logging import log_as_json
from infra.processes import until_stopped
from infra.settings import load
from projections.engine.ports import DossierLog
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.publishers import publisher, stream_of
from tests.support.units import UNITS

PARTITIONS = 4
_BATCH = 2
"""Small, so that there are many transactions to be killed in."""


class GrowingLog(FakeLog):
    """A log of which only what has come about by now is there."""

    began, seconds = 0.0, 1.0

    def head(self, partition: int) -> int:
        """The last position by now."""
        share = min(1.0, (time.time() - self.began) / self.seconds)
        return int(share * len(self.events[partition]))

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """Events up to the head."""
        return self.events[partition][after : min(after + limit, self.head(partition))]


class GrowingApplication(Application):
    """An installation with such a log."""

    def __init__(self, folder: Path, log: GrowingLog) -> None:
        super().__init__(load({"DOSSIER_LOG": f"sqlite:///{folder}/log.sqlite"}))
        self._log = log

    @cached_property
    def log(self) -> DossierLog:
        """The log that grows."""
        return cast(DossierLog, self._log)

    def publisher(self, stream: KafkaStream, partition: int) -> PartitionPublisher:
        """One with small transactions."""
        path = self.settings.state_dir / f"publisher-{stream.topic}-{partition}.sqlite"
        store = SQLiteFoldStore(path, self.log.log_id, partition)
        return publisher(self.log, stream, partition, store, batch=_BATCH)


def made_log(units: int) -> GrowingLog:
    """The log, whole."""
    log = GrowingLog(partitions=PARTITIONS)
    communes = [unit for unit in UNITS if unit.parent_id is not None]
    for unit in communes[:units]:
        story = DossierHistory(log, unit).until("announce")
        story.correct_decision("1502/QĐ-UBND", date(2024, 8, 16))
        story.revoke(date(2024, 9, 1))
    return log


def main(url: str, units: int, began: float, seconds: float, folder: Path) -> None:
    """Publish until stopped."""
    log_as_json()
    log = made_log(units)
    log.began, log.seconds = began, seconds
    with GrowingApplication(folder, log) as application, until_stopped() as stop:
        run_publisher(application, stream_of(from_url(url), log), stop)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
