"""`dossier projector`: the read models follow the log, in the partitions that this process was given."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog

from projections.engine.engine import Engine
from projections.engine.ports import LogReader

_log = structlog.get_logger(__name__)

_TOLD_EVERY: Final = 10.0
"""Seconds between two lines that say how far it has come."""


def project(
    engine: Engine,
    log: LogReader,
    assigned: Callable[[], Collection[int]],
    wait: Callable[[], bool],
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Apply events as they come, until `wait` says that it is over.

    1. Ask how far each partition that is ours goes.
    2. Apply up to there: rows and positions in one transaction, so each event once, whoever else is at work.
    3. Wait a moment, or for the end.

    Raises InfrastructureError: a projection stopped, or the log or the store cannot be used.
    """
    told = _Told(now)
    while True:
        targets = {partition: log.head(partition) for partition in sorted(assigned())}  # 1
        if targets:
            told.reached(engine.catch_up(targets))  # 2
        if wait():  # 3
            return


class _Told:
    """The log of the process: where each partition begins, and now and then how far it has come."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._at = now()
        self._positions: dict[int, int] = {}

    def reached(self, positions: Mapping[int, int]) -> None:
        """Partition → the position that every read model has reached."""
        for partition, position in positions.items():
            if partition not in self._positions:
                _log.info("projector.began", partition=partition, position=position)
                self._positions[partition] = position
        if self._now() - self._at < _TOLD_EVERY:
            return
        for partition, position in positions.items():
            if position > self._positions[partition]:
                _log.info("projector.applied", partition=partition, after=self._positions[partition], position=position)
                self._positions[partition] = position
                self._at = self._now()
