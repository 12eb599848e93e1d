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
from pathlib import Path

from eventsourcing.persistence import Notification

from infra.delivery.kafka.publisher_process import run_publisher
from infra.kafka.settings import from_url
from infra.logging import log_as_json
from infra.processes import until_stopped
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.publishers import PublishingApplication, stream_of
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
    with PublishingApplication(folder, log, batch=_BATCH) as application, until_stopped() as stop:
        run_publisher(application, stream_of(from_url(url), log), stop)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
