"""`python -m tests.faults.publishing BOOTSTRAP APP UNITS`: a publisher in a process of its own, to be killed.

Its log is made anew in memory, the same in every process: four partitions, and the way of each of some units.
"""

from __future__ import annotations

import sys
from datetime import date

from consumers.public import Publication
from consumers.publisher import Publisher
from infra.cli.service import log_to_stderr, until_stopped
from infra.decisions.kafka.records import Fingerprinted
from infra.decisions.kafka.stream import KafkaStream
from infra.log.kafka.settings import KafkaSettings
from schemas.codec import decode
from tests.projections.story import UNITS, FakeLog, Story

PARTITIONS = 4
_BATCH = 2
"""Small, so that there are many transactions to be killed in."""


def made_log(units: int) -> FakeLog:
    """The log."""
    log = FakeLog(partitions=PARTITIONS)
    communes = [unit for unit in UNITS if unit.parent_id is not None]
    for unit in communes[:units]:
        story = Story(log, unit).until("announce")
        story.correct_decision("1502/QĐ-UBND", date(2024, 8, 16))
        story.revoke(date(2024, 9, 1))
    return log


def main(bootstrap: str, app: str, units: int) -> None:
    """Publish until stopped."""
    log_to_stderr()
    log = made_log(units)
    publication = Publication(log.log_id, UNITS)
    stream = KafkaStream(KafkaSettings(bootstrap, app), publication, log.partitions, Fingerprinted())
    stream.prepare()
    with until_stopped() as stop:
        Publisher(log, decode, stream, publication, batch=_BATCH).run(stop)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
