"""Where this machine keeps the indexes: one process uses an index file at a time, so each finds one that is free."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from infra.kafka.settings import KafkaSettings
from infra.log.errors import IndexInUse
from infra.log.kafka.log import KafkaLog

_MOST: Final = 64


def worker_log(settings: KafkaSettings, partition: int) -> KafkaLog:
    """The log for a worker on one partition, opened with the first of the workers' indexes that nobody else uses.

    Raises what opening raises (LogUnusable).
    """
    for number in range(1, _MOST + 1):
        log = KafkaLog(_with_own_index(settings, f"worker-{number}"))
        try:
            log.opened(partition)
        except IndexInUse:
            if number == _MOST:
                raise
            continue
        return log
    raise AssertionError("the last one was opened, or raised")


def reader_settings(settings: KafkaSettings) -> KafkaSettings:
    """The settings for whoever only reads: all of them share one index for each partition."""
    return _with_own_index(settings, "reader")


def _with_own_index(settings: KafkaSettings, name: str) -> KafkaSettings:
    """The settings with another folder of indexes; the keys are the host's, and stay where they are."""
    return replace(settings, index_dir=settings.index_dir / name, own_keys_dir=settings.key_folder)
