"""What the doctor asks of the public stream on Kafka: whether somebody's open transaction holds a partition up."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only where a stream is known

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from infra.diagnosis.report import Report
from infra.timeouts import Timeout

if TYPE_CHECKING:
    from infra.bootstrap import Application


def look_at_stream(report: Report, application: Application) -> None:
    """Which transactions are open there; one that is older than `Timeout.STREAM_UNDECIDED` is wrong."""
    log = application.settings.log
    if isinstance(log, Path) and "DOSSIER_DECISIONS" not in os.environ:
        return
    from infra.delivery.kafka.errors import StreamUndecided
    from infra.delivery.kafka.topics import decisions_topic
    from infra.delivery.kafka.transactions import open_transactions
    from infra.delivery.settings import known_stream

    with report.taking():
        settings = known_stream(log)
        if settings is None:
            return
        found = open_transactions(settings)
        report.facts["stream"] = [each._asdict() for each in found]
        topic, oldest = decisions_topic(settings.app), timedelta(seconds=Timeout.STREAM_UNDECIDED.seconds)
        for each in found:
            if application.clock() - each.since > oldest:
                report.add(StreamUndecided(topic=topic, partition=each.partition, offset=each.first))
